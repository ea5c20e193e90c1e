"""One format for every refusal and failure: application/problem+json (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pymongo.errors import ExecutionTimeout, PyMongoError
from starlette.exceptions import HTTPException

from core.access.audit import AuditError
from core.errors import UserError
from core.storage.server.connection import unavailable_text

PROBLEM = "application/problem+json"


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    type: str
    loc: list[str | int] = Field(description="Where: query, path or header, and the name")
    msg: str


class Problem(BaseModel):
    """Why a request could not be answered."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Mistake] = Field(default_factory=list, description="Each parameter that is wrong, of a 422")


class ProblemResponse(JSONResponse):
    """An answer in that format."""

    media_type = PROBLEM

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: list[Mistake] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        title = HTTPStatus(status).phrase
        problem = Problem(title=title, status=status, detail=detail, errors=errors or [])
        super().__init__(problem.model_dump(), status, headers=headers)


def add_handlers(app: FastAPI) -> None:
    """Make the application answer every failure in that format."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _mistaken)
    app.add_exception_handler(PyMongoError, _store_failed)
    app.add_exception_handler(UserError, _store_failed)
    app.add_exception_handler(Exception, _failed)


def _refused(_request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (it is registered for these alone)
    return ProblemResponse(error.status_code, str(error.detail), headers=error.headers)


def _mistaken(_request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
    errors = [
        Mistake(type=one["type"], loc=list(one["loc"]), msg=one["msg"].removeprefix("Value error, "))
        for one in error.errors()
    ]
    detail = "; ".join(f"{one.loc[-1]}: {one.msg}" for one in errors)
    return ProblemResponse(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


def _store_failed(_request: Request, error: Exception) -> ProblemResponse:
    text = str(error)
    if isinstance(error, ExecutionTimeout):
        text = "the database needs too long for this; ask for fewer days"
    elif isinstance(error, PyMongoError):
        text = unavailable_text(error)
    # An action that was done but not recorded must not be repeated.
    headers = {} if isinstance(error, AuditError) else {"Retry-After": "5"}
    return ProblemResponse(HTTPStatus.SERVICE_UNAVAILABLE, text, headers=headers)


def _failed(_request: Request, _error: Exception) -> ProblemResponse:
    return ProblemResponse(HTTPStatus.INTERNAL_SERVER_ERROR, "this should not happen; the log says more")


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return a description of such answers with these statuses, for an OpenAPI document."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document with these answers in place of the framework's own."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= Problem.model_json_schema(ref_template="#/components/schemas/{model}").pop("$defs")
    whole = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas["Problem"] = {key: value for key, value in whole.items() if key != "$defs"}
    for path, operations in document["paths"].items():
        statuses = (400, 401, 403, 422, 429, 503) if path.startswith("/api/") else (400, 403)
        for operation in operations.values():
            answers = operation["responses"]
            if path.startswith("/api/"):
                answers.pop("422", None)
            for status, answer in refusals(*statuses).items():
                answers.setdefault(str(status), answer)
    return document
