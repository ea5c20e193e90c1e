"""Alert rules as data: what is measured, over which calls, when it is bad, for how long, who is notified."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeGuard

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from core.models.alerts import Severity
from core.models.definitions import DIMENSIONS
from core.models.metrics import CallStatus, Direction, Language
from core.models.recurrence import HOURS, WEEKDAYS, named
from core.models.rule_metrics import RULE_METRICS, RuleMetric
from core.models.values import MOST_COUNTED, NO_FLAG

RULE_SCHEMA_VERSION = 1
Label = Literal["direction", "language", "status", "campaign", "service", "operation"]
LABELS: tuple[Label, ...] = DIMENSIONS
"""Labels by which calls can be divided."""
SERVICE_LABELS: tuple[Label, ...] = ("service", "operation")
"""Labels by which requests can be divided."""
_OF_SINGLE_LEVEL = frozenset({"threshold", "severity", "clear"})
_ID = r"^[a-z0-9_-]{1,64}$"
_UNIT_MINUTES = {"m": 1, "h": 60, "d": 1440}
_LONGEST_MINUTES = 30 * 1440
_LONGEST_COMPARED_MINUTES = 1440


def _minutes(value: object) -> object:
    """Return ``15``, ``"15m"``, ``"2h"`` or ``"1d"`` as minutes."""
    return minutes_of(value) if isinstance(value, str) else value


def minutes_of(text: str) -> int:
    """Return ``15m``, ``2h`` or ``1d`` as minutes.

    Raises:
        ValueError: it is none of these.
    """
    match = re.fullmatch(r"(\d{1,6})([mhd])", text.strip())
    if not match:
        raise ValueError("is not a span of time; write for example 15m, 2h or 1d")
    return int(match[1]) * _UNIT_MINUTES[match[2]]


def span(minutes: int) -> str:
    """Return minutes as people write them: ``15m``, ``2h`` or ``1d``."""
    for unit, size in sorted(_UNIT_MINUTES.items(), key=lambda pair: -pair[1]):
        if minutes and minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def is_rule_id(value: object) -> TypeGuard[str]:
    """Return whether a value can be a rule's id."""
    return isinstance(value, str) and re.fullmatch(_ID, value) is not None


def _is_span_of_hours(text: str) -> bool:
    days, _, hours = text.strip().rpartition(" ")
    return re.fullmatch(HOURS, hours) is not None and (not days or named(days, WEEKDAYS) is not None)


Minutes = Annotated[int, BeforeValidator(_minutes), NO_FLAG]


class Level(BaseModel):
    """The threshold of one severity; ``clear`` is where an alert that fires is over (default: the same)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: Annotated[float, NO_FLAG] = Field(allow_inf_nan=False)
    clear: Annotated[float | None, NO_FLAG] = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"threshold": value} if isinstance(value, int | float | str) else value

    @property
    def clears_at(self) -> float:
        """Return the value at which a firing alert ends."""
        return self.threshold if self.clear is None else self.clear


class AlertRule(BaseModel):
    """Fires while a metric of the calls that ended in the window is strictly beyond a level's threshold.

    A share is given from 0 to 1, latencies in milliseconds, spans in seconds. With ``baseline`` the levels
    are robust z-scores: how many (scaled) median deviations the value lies from that hour of the week.
    In TOML ``threshold``, ``severity`` and ``clear`` stand for a single level.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    id: str = Field(pattern=_ID)
    name: str = Field(min_length=1, max_length=128)
    enabled: bool = True
    metric: str
    operator: Literal["above", "below"] = "above"
    levels: dict[Severity, Level] = Field(min_length=1)
    baseline: Literal["none", "hour_of_week"] = Field(
        default="none", description="hour_of_week: compare with the same local hour of the last 8 weeks"
    )
    window_minutes: Minutes = Field(
        default=15, ge=1, le=_LONGEST_MINUTES, validation_alias=AliasChoices("window", "window_minutes")
    )
    for_minutes: Minutes = Field(
        default=0,
        ge=0,
        le=_LONGEST_MINUTES,
        validation_alias=AliasChoices("for", "for_minutes"),
        description="How long it has to be bad before it fires",
    )
    keep_firing_minutes: Minutes = Field(
        default=0,
        ge=0,
        le=_LONGEST_MINUTES,
        validation_alias=AliasChoices("keep_firing_for", "keep_firing_minutes"),
        description="How long it has to be good before it is over",
    )
    min_samples: Annotated[int, NO_FLAG] = Field(
        default=5, ge=1, le=MOST_COUNTED, description="Fewer calls than this say nothing"
    )
    ends_without_calls: Annotated[int, NO_FLAG] = Field(
        default=8,
        ge=0,
        le=1_000,
        description="Windows without calls after which an alert by label is over; 0: it waits for calls",
    )
    guard: Literal["none", "wilson"] = Field(
        default="none", description="wilson: the 95 % interval of a rate has to lie beyond the threshold"
    )
    direction: Direction | None = None
    language: Language | None = None
    status: CallStatus | None = None
    campaign: str | None = Field(default=None, max_length=128)
    service: str | None = Field(default=None, max_length=128, description="api, or the provider: deepgram")
    operation: str | None = Field(default=None, max_length=256, description="Route or method: POST /calls")
    group_by: tuple[Label, ...] = Field(default=(), description="One alert for each value of these")
    active_hours: str | None = Field(
        default=None, description="Local hours, mon-fri 09:00-21:00: time without calls counts only in them"
    )
    channels: tuple[str, ...] = Field(default=(), description="Names of channels; empty means all")
    inhibits: tuple[str, ...] = Field(
        default=(), description="Rules that say nothing while this one fires as critical, for the same labels"
    )
    inhibits_equal: tuple[Label, ...] | None = Field(
        default=None, description="Labels that have to be the same for that; none given: all of them"
    )
    escalate_to: tuple[str, ...] | None = Field(
        default=None,
        description="Channels told once nobody has acknowledged it in time; none given: ALERT_ESCALATE_TO",
    )
    escalate_after_minutes: Minutes | None = Field(
        default=None,
        ge=1,
        le=_LONGEST_COMPARED_MINUTES,
        validation_alias=AliasChoices("escalate_after", "escalate_after_minutes"),
        description="How long that is; none given: ALERT_ESCALATE_AFTER_MINUTES",
    )
    repeat_minutes: Minutes | None = Field(
        default=None,
        ge=5,
        le=7 * 1440,
        validation_alias=AliasChoices("repeat", "repeat_minutes"),
        description="How long after a message people are reminded of it; none given: ALERT_REPEAT_MINUTES",
    )
    runbook: str | None = Field(default=None, max_length=512, description="Path or address of what to do")

    @classmethod
    def keys(cls) -> frozenset[str]:
        """Return the keys that a rule can have in TOML."""
        aliases = (field.validation_alias for field in cls.model_fields.values())
        choices = (one.choices for one in aliases if isinstance(one, AliasChoices))
        return frozenset(
            {*cls.model_fields, *(str(name) for names in choices for name in names), *_OF_SINGLE_LEVEL}
        )

    @model_validator(mode="before")
    @classmethod
    def _single_level(cls, value: object) -> object:
        if not isinstance(value, Mapping) or "levels" in value:
            return value
        if "threshold" not in value:
            if value.keys() <= cls.keys():
                raise ValueError("threshold: is missing; give it, or levels")
            return value  # the key that is unknown may be a misspelt threshold
        rest: dict[str, Any] = {k: v for k, v in value.items() if k not in _OF_SINGLE_LEVEL}
        level = {"threshold": value["threshold"], "clear": value.get("clear")}
        return rest | {"levels": {value.get("severity", Severity.WARNING): level}}

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        if value not in RULE_METRICS:
            raise ValueError(f"{value!r} is unknown; docs/rules.md lists the metrics")
        return value

    @field_validator("active_hours")
    @classmethod
    def _hours(cls, value: str | None) -> str | None:
        if value is not None and not all(_is_span_of_hours(part) for part in value.split(",")):
            raise ValueError(
                "are no hours; write for example 09:00-21:00 or mon-fri 09:00-21:00, sat 10:00-14:00"
            )
        return value

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for severity, level in self.levels.items():
            self._check_level(severity, level)
        labels = SERVICE_LABELS if self.measure.of_requests else LABELS
        if wrong := [label for label in (*self.filters, *self.group_by) if label not in labels]:
            raise ValueError(f"{wrong[0]}: is no label of what {self.metric} measures; leave it out")
        thresholds = [self.levels[severity].threshold for severity in Severity if severity in self.levels]
        if thresholds != sorted(thresholds, reverse=not self._rises):
            raise ValueError("levels: a worse severity needs a threshold further out")
        if self.guard == "wilson" and (self.measure.unit != "share" or self.baseline != "none"):
            raise ValueError("guard: wilson is for rates without a baseline; leave it out")
        if self.baseline != "none":
            self._check_baseline()
        if self.measure.unit == "min" and max(thresholds) >= self.window_minutes:
            raise ValueError("window: must be longer than the threshold in minutes")
        return self

    def _check_baseline(self) -> None:
        if not self.measure.of_roll_ups:
            raise ValueError(f"baseline: {self.metric} has none; leave it out")
        if self.window_minutes % 15 or self.window_minutes > _LONGEST_COMPARED_MINUTES:
            raise ValueError("window: with a baseline it must be whole quarter hours, 24 h at most")

    def _check_level(self, severity: Severity, level: Level) -> None:
        beyond = level.clears_at > level.threshold if self._rises else level.clears_at < level.threshold
        if beyond:
            side = "below" if self._rises else "above"
            raise ValueError(f"levels: {severity}: clear has to lie {side} the threshold")
        if self.baseline != "none":
            return
        if self.measure.unit == "share" and not 0 <= level.threshold <= 1:
            raise ValueError("threshold: a rate runs from 0 to 1; write 0.10 for 10 %")
        if self.measure.unit != "score" and level.threshold < 0:
            raise ValueError("threshold: cannot be negative")

    @property
    def _rises(self) -> bool:
        """Return whether a higher value is worse; a deviation from what is usual is, in either direction."""
        return self.operator == "above" or self.baseline != "none"

    @property
    def measure(self) -> RuleMetric:
        """Return what is measured."""
        return RULE_METRICS[self.metric]

    @property
    def filters(self) -> dict[str, str]:
        """Return the labels that calls must have."""
        return {label: str(value) for label in (*LABELS, *SERVICE_LABELS) if (value := getattr(self, label))}

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels is one of the rule's, in its present form."""
        filters = self.filters
        same = all(labels.get(label) == value for label, value in filters.items())
        return same and labels.keys() == filters.keys() | set(self.group_by)

    @property
    def first_level(self) -> Level:
        """Return the mildest level, at which the alert begins."""
        return next(self.levels[severity] for severity in Severity if severity in self.levels)
