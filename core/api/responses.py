"""What the endpoints answer."""

import math
from datetime import date, datetime
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from core.health import RollUpState
from core.models.alerts import Alert
from core.models.metrics import CallMetrics, CallSummary, DailyMetrics, LiveMetrics

_DIGITS, _DECIMALS = 6, 2
"""Percentiles are within 1 %; of a sum in rupees the paise count, however large it is."""


class Figures(JSONResponse):
    """An answer of computed figures, each with six significant digits, or two decimals if those are more."""

    def render(self, content: Any) -> bytes:  # noqa: ANN401 (any JSON)
        """Write the answer."""
        return super().render(rounded(content))


def rounded(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """The same with its floats rounded to what means something."""
    if isinstance(value, float):
        return (
            round(value, max(_DECIMALS, _DIGITS - 1 - math.floor(math.log10(abs(value))))) if value else 0.0
        )
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


class CurrentMetrics(CallSummary):
    """The rolling last 24 hours and what is going on now."""

    period_start: datetime
    period_end: datetime
    timezone: str
    live: LiveMetrics


class MetricsRange(BaseModel):
    """The figures of a range of days: each day, and all of them together."""

    start_date: date
    end_date: date = Field(description="Included")
    timezone: str
    total: CallSummary
    days: list[DailyMetrics]


class CallPage(BaseModel):
    """One page of calls, the newest first."""

    start_date: date
    end_date: date
    timezone: str
    total: int = Field(description="Calls in the range, on all pages; archived ones apart")
    archived: int = Field(
        default=0,
        description="Calls of these days in the archive, whatever the filters: figures count them, no page "
        "has them",
    )
    limit: int
    offset: int
    calls: list[CallMetrics]


class AlertList(BaseModel):
    """The alerts that fire now, the newest first."""

    count: int
    alerts: list[Alert]


class Health(BaseModel):
    """Whether the process serves."""

    status: str = "ok"
    version: str


class RollUps(BaseModel):
    """How far the roll-ups reach. Figures are right all the same, read from the calls, only later."""

    state: RollUpState = Field(
        description="current; none yet; stale, not refreshed for 10 minutes; ahead, by a wrong clock; failing"
    )
    until: datetime | None = Field(description="All that was recorded before is in them")
    set_apart: int = Field(description="Calls that no refresh could read: they are in no figure")


class Readiness(BaseModel):
    """Whether the store behind it answers, how its roll-ups are, and when the scheduler last gave a sign."""

    status: str = Field(description="ok; degraded, where roll-ups are stale or failing; store unavailable")
    store: str
    scheduler_heartbeat_at: datetime | None = None
    scheduler_silent: bool = Field(description="No sign for more than two of its periods, or never one")
    roll_ups: RollUps | None = Field(default=None, description="null while the store is unavailable")
