"""What one source says about a call: a carrier's callback, a platform's analysis, a price that comes later.

A report contains what its source knows and nothing else; :mod:`core.storage.recording.merging` makes one call
of all reports.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from core.clock import to_utc, utc_now
from core.models.metrics import CallMetrics, keep_raw
from core.models.values import Flag, Stage, UtcDatetime

AGENT = "agent"
"""The source of calls that are recorded whole."""


class Role(StrEnum):
    """What a source is; it decides which source wins for which field."""

    AGENT = "agent"
    PLATFORM = "platform"
    CARRIER = "carrier"
    MONITOR = "monitor"


def _optional(field: FieldInfo) -> Any:  # noqa: ANN401 (a type made of types)
    """Return the type of a field with its bounds, or None."""
    kind: Any = field.annotation
    return (Annotated[(kind, *field.metadata)] if field.metadata else kind) | None


_NEVER_REPORTED = frozenset({"call_id"})
_FIELDS: dict[str, Any] = {
    name: (_optional(field), Field(default=None, validation_alias=field.validation_alias))
    for name, field in CallMetrics.model_fields.items()
    if name not in _NEVER_REPORTED
}
_Facts = create_model("_Facts", __config__=ConfigDict(extra="forbid", use_enum_values=True), **_FIELDS)


class CallFacts(_Facts):
    """Any of the fields of :class:`core.models.metrics.CallMetrics`, each with its bounds.

    None is required.
    """

    @model_validator(mode="before")
    @classmethod
    def _keep_raw(cls, fields: object) -> object:
        return keep_raw(fields)


class CallReport(BaseModel):
    """What a source says about one call.

    Reports of one source are ordered by ``stage``, then by ``at``: the latest value of each field counts, in
    whatever order they arrive. Without ``known_call`` the ``call_id`` is the source's own, and the call may
    turn out to be one that another source reports under another id.
    """

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    call_id: str = Field(min_length=1, max_length=256)
    source: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$", description="exotel, vapi …")
    role: Role
    stage: Stage = Field(default=0, description="How far the call was: ringing 10, ended 50 …")
    at: UtcDatetime = Field(
        default_factory=lambda: to_utc(utc_now()), description="When the source said it, by its own clock"
    )
    final: Flag = Field(default=False, description="The source has nothing more to say")
    known_call: Flag = Field(default=True, description="call_id is the agent's")
    facts: CallFacts

    @field_validator("source")
    @classmethod
    def _not_the_agent(cls, value: str) -> str:
        if value == AGENT:
            raise ValueError(f"{AGENT} is the source of whole calls: record them as CallMetrics")
        return value


def lenient_facts(fields: dict[str, Any]) -> tuple[CallFacts, dict[str, str]]:
    """Return the usable ones among foreign fields, and for each other one the reason.

    Fields that are None are left out.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    refused: dict[str, str] = {}
    while True:
        try:
            return CallFacts.model_validate(given), refused
        except ValidationError as error:
            wrong = {str(problem["loc"][0]): problem["msg"] for problem in error.errors() if problem["loc"]}
            # What is wrong with the source's own words is wrong with the field that they are kept of.
            wrong = {name if name in given else name.removesuffix("_raw"): why for name, why in wrong.items()}
            if not wrong.keys() & given.keys():
                raise
            refused |= wrong
            given = {name: value for name, value in given.items() if name not in wrong}
