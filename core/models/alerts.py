"""Alert rules and alerts."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from core.models.metrics import CallStatus, Direction

MetricName = Literal[
    "call_failure_rate", "error_rate", "asr_latency_p95_ms", "tts_latency_p95_ms", "speech_latency_p95_ms"
]
_UNIT_MINUTES = {"m": 1, "h": 60, "d": 1440}


def _minutes(value: object) -> object:
    """``15``, ``"15m"``, ``"2h"`` or ``"1d"`` as minutes."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+)([mhd])", value.strip())
        if not match:
            raise ValueError("is not a span of time; write for example 15m, 2h or 1d")
        return int(match[1]) * _UNIT_MINUTES[match[2]]
    return value


class Severity(StrEnum):
    """How bad an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertRule(BaseModel):
    """Fires while a metric of the calls that ended in the window is strictly above the threshold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_-]{1,64}$")
    name: str = Field(min_length=1, max_length=128)
    metric: MetricName
    threshold: float = Field(ge=0, description="A share from 0 to 1 for rates, milliseconds for latencies")
    severity: Severity
    window_minutes: Annotated[
        int,
        BeforeValidator(_minutes),
        Field(ge=1, le=43_200, validation_alias=AliasChoices("window", "window_minutes")),
    ] = 15
    min_samples: int = Field(default=5, ge=1, description="Fewer calls than this say nothing")
    direction: Direction | None = None
    language: str | None = None
    status: CallStatus | None = None


class AlertState(StrEnum):
    """Where an alert stands."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(BaseModel):
    """One alert: a rule that fires, or one that the agent sent itself."""

    id: str = Field(description="Fingerprint: the same alert keeps it while it comes and goes")
    alert_type: str = Field(description="Id of the rule, or the type the sender gave")
    name: str
    severity: Severity
    state: AlertState
    message: str
    current_value: float | None = None
    threshold_value: float | None = None
    unit: str = Field(default="", description="Unit of the two values: %, ms or nothing")
    samples: int | None = Field(default=None, description="Calls the value was computed from")
    started_at: datetime = Field(description="Since when it fires")
    updated_at: datetime
    resolved_at: datetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    channels: dict[str, bool] = Field(default_factory=dict, description="Channel → delivered")
