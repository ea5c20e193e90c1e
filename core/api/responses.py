"""The answers of the endpoints."""

import math
from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from typing import Any, ParamSpec

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from core.health import RollUpState
from core.models.alerts import Alert
from core.models.figures import CallAnalytics
from core.models.metrics import CallMetrics, CallSummary, DailyMetrics, LiveMetrics, ServiceError
from core.models.values import Rate

Asked = ParamSpec("Asked")
_DIGITS, _DECIMALS = 6, 2
"""Percentiles are within 1 %; in a sum of rupees the paise count, however large it is."""


class Figures(JSONResponse):
    """An answer of computed figures, each with six significant digits, or two decimals if those are more."""

    def render(self, content: Any) -> bytes:  # noqa: ANN401 (any JSON)
        """Write the answer."""
        return super().render(rounded(content))


def written(endpoint: Callable[Asked, BaseModel]) -> Callable[Asked, Figures]:
    """Have an endpoint's answer written by the thread that computes it.

    A quarter's figures take milliseconds to write, for which the event loop would answer nobody.
    """

    @wraps(endpoint)  # its signature is what the API's document is made from
    def answer(*args: Asked.args, **kwargs: Asked.kwargs) -> Figures:
        return Figures(endpoint(*args, **kwargs).model_dump(mode="json"))

    return answer


def rounded(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Return the same with its floats rounded to what is meaningful."""
    if isinstance(value, float):
        return (
            round(value, max(_DECIMALS, _DIGITS - 1 - math.floor(math.log10(abs(value))))) if value else 0.0
        )
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


class Latency(BaseModel):
    """How long requests took, in milliseconds."""

    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class ServiceFigures(BaseModel):
    """Requests to one service in the period."""

    service: str = Field(description="api is the agent's own; else the provider: deepgram")
    requests: int
    errors: int
    errors_by_kind: dict[ServiceError, int]
    error_rate: Rate | None = Field(description="Errors ÷ requests; a share from 0 to 1")
    latency_ms: Latency


class SystemMetrics(BaseModel):
    """How the agent's API and the services it uses performed in the period; filters do not apply here."""

    api: ServiceFigures | None = Field(description="The agent's own API; null without a request")
    services: list[ServiceFigures] = Field(description="External services, most requests first")


class CurrentMetrics(CallSummary):
    """The rolling last 24 hours, and what is happening now."""

    period_start: datetime
    period_end: datetime
    timezone: str
    live: LiveMetrics
    system: SystemMetrics


class MetricsRange(BaseModel):
    """The figures of a range of days: each day, and all of them together."""

    start_date: date
    end_date: date = Field(description="Included")
    timezone: str
    total: CallSummary
    days: list[DailyMetrics]


class CallPage(BaseModel):
    """One page of calls, newest first; the first page also has the figures of all of them."""

    start_date: date
    end_date: date
    timezone: str
    total: int | None = Field(
        description="Calls on all pages; archived ones apart. null on pages of a cursor"
    )
    archived: int = Field(
        default=0,
        description="Calls of these days in the archive, whatever the filters: figures count them, no page "
        "has them",
    )
    limit: int
    offset: int
    next_cursor: str | None = Field(description="cursor of the next page; null on the last one")
    calls: list[CallMetrics]
    analytics: CallAnalytics | None = Field(
        description="Of all calls of the range that the parameters let pass, on the first page. With "
        "parameters other than direction, language, status and campaign archived calls are left out"
    )
    no_analytics: str | None = Field(default=None, description="Why a first page has none")


class AlertAnswer(Alert):
    """One alert: a rule that fires, or one that the agent sent itself. Rates run from 0 to 1."""

    unit: str = Field(default="", description="Unit of the values: share (0 to 1), ms, s or nothing")


_PER_CENT = "%"
_VALUES = ("current_value", "worst_value", "threshold_value")


def in_shares(alert: Alert) -> AlertAnswer:
    """Return an alert as it is answered: people read per cent, programs a share from 0 to 1."""
    fields = alert.model_dump()
    if alert.unit == _PER_CENT:
        values = {name: fields[name] / 100 for name in _VALUES if fields[name] is not None}
        fields |= {**values, "unit": "share"}
    return AlertAnswer.model_validate(fields)


class AlertList(BaseModel):
    """The alerts that are firing now, worst first."""

    count: int
    alerts: list[AlertAnswer]


class Health(BaseModel):
    """Whether the process is serving."""

    status: str = "ok"
    version: str


class RollUps(BaseModel):
    """How far the roll-ups reach. Figures are right all the same: anything newer is read from the calls."""

    state: RollUpState = Field(
        description="current; none yet; stale, not refreshed for 10 minutes; ahead, by a wrong clock; failing"
    )
    until: datetime | None = Field(description="All that was recorded before is in them")
    set_apart: int = Field(description="Calls that no refresh could read: they are in no figure")


class Readiness(BaseModel):
    """Whether the store answers, the state of its roll-ups, and the scheduler's last heartbeat."""

    status: str = Field(description="ok; degraded, where roll-ups are stale or failing; store unavailable")
    store: str
    scheduler_heartbeat_at: datetime | None = None
    scheduler_silent: bool = Field(description="No sign for more than two of its periods, or never one")
    roll_ups: RollUps | None = Field(default=None, description="null while the store is unavailable")
