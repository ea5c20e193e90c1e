"""The bodies of operators' requests, read within limits."""

from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import names_of, problem
from core.hooks.payloads import UnreadableError, UnsuitableError, read_json
from core.models.alerts import ACKNOWLEDGED_HOURS
from core.models.silences import MATCHERS, Values
from core.models.values import JSON, WHOLE, UtcDatetime

if TYPE_CHECKING:
    from core.api.intake.bodies import Bodies

MOST_MINUTES = 30 * 1440
_MOST_MISTAKES = 10
Form = TypeVar("Form", bound=BaseModel)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    author: str = Field(min_length=1, max_length=128, pattern=r"\S", description="Who does it")


class Withdrawing(_Form):
    """Who withdraws an acknowledgement."""


class Closing(_Form):
    """Who closes an alert by hand, and what they found."""

    comment: str = Field(default="", max_length=1_000)


class Acknowledging(Closing):
    """Who acknowledges an alert, and for how long there are no reminders."""

    minutes: Annotated[int, Field(ge=1, le=MOST_MINUTES), WHOLE] = Field(
        default=60 * ACKNOWLEDGED_HOURS, description="No reminders for so long, minutes"
    )


class Silencing(_Form):
    """Which alerts to silence, when, and why."""

    matchers: dict[str, Values] = Field(
        min_length=1,
        max_length=len(MATCHERS),
        json_schema_extra={"propertyNames": {"enum": list(MATCHERS)}},
        description=f"{', '.join(MATCHERS)} → values, one of which it has; * is any text, \\* a star",
    )
    comment: str = Field(min_length=1, max_length=1_000, pattern=r"\S", description="Why")
    start: UtcDatetime | None = Field(default=None, description="From then on; now when left out")
    end: UtcDatetime | None = Field(default=None, description="Up to then; in place of minutes")
    minutes: Annotated[int, Field(ge=1, le=366 * 1440), WHOLE] | None = Field(
        default=None, description="For so long, minutes"
    )
    recurs: str | None = Field(
        default=None,
        max_length=200,
        description="Only then, for ever without an end: mon-fri 22:00-24:00, 1-7 jan 00:00-06:00",
    )


async def read_form(request: Request, form: type[Form]) -> Form:
    """Read the body of a request.

    Raises:
        HTTPException: 400 if it is not JSON, 408, 413 or 503 if it cannot be held, 415 if it is something
            else.
        RequestValidationError: it is not such a form; lists each mistake.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != "application/json":
        raise HTTPException(415, "send application/json")
    async with cast("Bodies", request.app.state.bodies).read(request) as body:
        try:
            read_json(body)  # limits depth and size
            return form.model_validate_json(body, context=JSON)
        except UnreadableError as error:
            raise HTTPException(400, str(error)) from None
        except UnsuitableError as error:
            raise HTTPException(422, str(error)) from None
        except ValidationError as error:
            raise RequestValidationError(_mistakes(error, form)) from None


def _mistakes(error: ValidationError, form: type[BaseModel]) -> list[dict[str, Any]]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"type": one["type"], "loc": ("body", *one["loc"]), "msg": problem(one, names_of(form))}
        for one in found[:_MOST_MISTAKES]
    ]
