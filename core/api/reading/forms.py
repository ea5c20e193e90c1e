"""In which form an answer is wanted: JSON, CSV or Parquet, by the request's Accept."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from core.access.permissions import Permission
from core.api.keys import Key

_PARTS = 20
"""Media types of one header that are looked at."""


class Form(StrEnum):
    """The media types of a list of calls; the first is the usual one."""

    JSON = "application/json"
    CSV = "text/csv"
    PARQUET = "application/vnd.apache.parquet"


def wanted_form(request: Request) -> Form:
    """The form that the request likes best.

    Raises:
        HTTPException: 406 where it takes none of them.
    """
    best: tuple[float, int, Form] | None = None
    for part in request.headers.get("accept", "*/*").split(",")[:_PARTS]:
        kind, *parameters = (text.strip().lower() for text in part.split(";"))
        form = _form_of(kind or "*/*")
        quality = _quality(parameters)
        candidate = (quality, kind.count("*") * -1)
        if form is not None and quality > 0 and (best is None or candidate > best[:2]):
            best = (*candidate, form)
    if best is None:
        raise HTTPException(HTTPStatus.NOT_ACCEPTABLE, f"Accept has none of {', '.join(Form)}")
    return best[2]


def refuse_file(form: Form, key: Key) -> None:
    """Refuse a file to a key that may not export.

    Raises:
        HTTPException: 403 for it.
    """
    if form is not Form.JSON and Permission.EXPORT_CALLS not in key.may:
        raise HTTPException(
            HTTPStatus.FORBIDDEN, f"this key may not {Permission.EXPORT_CALLS}; ask for {Form.JSON}"
        )


def _form_of(kind: str) -> Form | None:
    family, _, exact = kind.partition("/")
    if exact == "*":
        return next((form for form in Form if family in {"*", form.partition("/")[0]}), None)
    return Form(kind) if kind in set(Form) else None


def _quality(parameters: list[str]) -> float:
    for text in parameters:
        name, _, value = text.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


WantedForm = Annotated[Form, Depends(wanted_form)]
