"""The rules of calling in force: hours by purpose, attempts, and what a call's record must say."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from core.variables.kinds import CommaList, written_like

Told = Literal["consent_id", "disclosure_given", "recording_notice", "dnd_checked_at", "number_series"]
"""What a call's record may be required to say."""
TOLD: tuple[Told, ...] = (
    "consent_id",
    "disclosure_given",
    "recording_notice",
    "dnd_checked_at",
    "number_series",
)
Hours = Annotated[
    str,
    written_like(
        r"([01]\d|2[0-3]):(00|15|30|45)-(([01]\d|2[0-3]):(00|15|30|45)|24:00)",
        "two times of day on quarter hours, such as 09:00-21:00",
    ),
]
"""On quarter hours, because roll-ups are that fine."""


def _known(value: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [name for name in value if name not in TOLD]:
        raise ValueError(f"has {unknown[0]!r}; use some of {', '.join(TOLD)}")
    return value


class CallingRules(BaseModel):
    """Part of :class:`core.settings.Settings`."""

    calling_hours: Hours = Field(
        default="09:00-21:00",
        description="Local hours when leads may be called, on quarter hours",
    )
    calling_hours_recovery: Hours = Field(
        default="08:00-19:00",
        description="Local hours for calls whose purpose is recovery, on quarter hours; docs/compliance.md",
    )
    attempts_per_day: int = Field(
        default=0, ge=0, le=1_000, description="Maximum calls to a lead per local day; 0: no limit"
    )
    minimum_gap_minutes: int = Field(
        default=0,
        ge=0,
        le=10_080,
        description="Minimum minutes between the starts of two calls to a lead; 0: none",
    )
    dnd_check_days: int = Field(
        default=30,
        ge=1,
        le=366,
        description="Maximum age in days of the do-not-disturb check when a lead is called",
    )
    calls_must_tell: Annotated[CommaList, AfterValidator(_known)] = Field(
        default=(),
        description="Fields a call must report, such as `consent_id`, comma separated; docs/compliance.md",
    )
