"""Targets of key figures as TOML.

Read KPI_TARGETS_FILE, parse one target, and make the rule that alerts on it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import UserError, one_line
from core.files import read_toml
from core.models.alerts import Severity
from core.models.definitions import COST_PER, DISTRIBUTIONS, METRICS, RATES, STATISTICS
from core.models.figures import CallSummary
from core.models.rule_metrics import RULE_METRICS, RuleMetric
from core.models.rules import AlertRule
from core.models.values import NO_FLAG

WINDOW_MINUTES = 60
PRICE_WINDOW_MINUTES = 24 * 60
"""What is bought dearly is rare: a price of an hour would be one of chance."""
LEAST_SAMPLES = 20


class Target(BaseModel):
    """What a figure should reach: at least or at most, depending on whether more of it is good or bad.

    Shares are from 0 to 1, latencies in milliseconds, durations in seconds, prices in rupees.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    part: str = Field(default="", description="Percentile of a distribution, or price: per_qualified_lead")
    target: Annotated[float, NO_FLAG] = Field(allow_inf_nan=False)
    alert: Severity | None = Field(default=None, description="Severity of the alert where it is missed")

    @model_validator(mode="after")
    def _sound(self) -> "Target":
        metric = METRICS.get(self.metric)
        if metric is None or metric.good == "neither" or not _parts(self.metric):
            raise ValueError(f"metric: {self.metric!r} has no better and worse; docs/alerting.md lists those")
        if self.part not in _parts(self.metric):
            known = ", ".join(f"{self.metric}.{part}" for part in _parts(self.metric) if part)
            raise ValueError(f"metric: write {known or self.metric}")
        if metric.unit == "share" and not 0 <= self.target <= 1:
            raise ValueError("target: a rate runs from 0 to 1; write 0.05 for 5 %")
        if self.target < 0 and metric.unit != "score":
            raise ValueError("target: cannot be negative")
        return self

    @property
    def key(self) -> str:
        """Return its name: ``failure_rate``, ``cost.per_qualified_lead``."""
        return f"{self.metric}.{self.part}" if self.part else self.metric

    @property
    def least(self) -> bool:
        """Return whether the figure should be at least this; else at most."""
        return METRICS[self.metric].good == "up"

    def is_missed_by(self, value: float) -> bool:
        """Return whether a value is worse than the target."""
        return value < self.target if self.least else value > self.target

    @property
    def rule_metric(self) -> RuleMetric:
        """Return what a rule measures to compare it with the target."""
        if self.metric == "cost":
            return RULE_METRICS[f"cost_{self.part}_rupees"]
        statistic = "mean" if self.metric == "sentiment_score" else self.part
        return next(
            one
            for one in RULE_METRICS.values()
            if one.fields == (self.metric,) and one.statistic == statistic
        )

    def rule(self) -> AlertRule | None:
        """Return the rule that fires while the last hour's figure is worse; None without ``alert``.

        A price per lead or handoff is that of the last 24 hours.
        """
        if self.alert is None:
            return None
        metric = self.rule_metric
        return AlertRule.model_validate(
            {
                "id": f"target-{self.key.replace('.', '-')}",
                "name": f"{words(self.key)} misses its target",
                "metric": metric.name,
                "operator": "below" if self.least else "above",
                "levels": {self.alert: self.target},
                "window": PRICE_WINDOW_MINUTES if metric.per else WINDOW_MINUTES,
                "min_samples": LEAST_SAMPLES,
                "guard": "wilson" if metric.unit == "share" else "none",
            }
        )

    def read(self, summary: CallSummary) -> float | None:
        """Return the figure that the target is for."""
        if self.metric == "sentiment_score":
            return summary.sentiment.mean
        found = getattr(summary, self.metric)
        value: float | None = getattr(found, self.part) if self.part else found
        return value


Targets = Mapping[str, Target]
"""By key."""


def _parts(metric: str) -> tuple[str, ...]:
    if metric == "cost":
        return tuple(COST_PER)
    if metric in DISTRIBUTIONS:
        return STATISTICS
    return ("",) if metric in RATES or metric == "sentiment_score" else ()


def words(key: str) -> str:
    """Return a figure as people read it: ``Cost per qualified lead``, ``LLM latency p95``."""
    metric, _, part = key.partition(".")
    return f"{METRICS[metric].label} {part.replace('_', ' ')}".rstrip()


def keys() -> list[str]:
    """Return the names of all figures that can have a target."""
    return [
        f"{name}.{part}" if part else name
        for name, metric in METRICS.items()
        if metric.good != "neither"
        for part in _parts(name)
    ]


def read_targets(path: Path) -> Targets:
    """Return the targets of a TOML file: ``failure_rate = 0.05``, ``cost.per_qualified_lead = 120``.

    Raises:
        UserError: the file cannot be used; one line that names the key and the remedy.
    """
    where = f"KPI_TARGETS_FILE {path}"
    content = read_toml(path, where)
    try:
        return {target.key: target for target in _targets(content)}
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _targets(content: Mapping[str, Any]) -> Iterator[Target]:
    for metric, given in content.items():
        if isinstance(given, Mapping) and "target" not in given:
            for part, inner in given.items():
                yield parse_target(metric, part, inner)
        else:
            yield parse_target(metric, "", given)


def parse_target(metric: str, part: str, given: object) -> Target:
    """Return a target from its number, or from a table of ``target`` and ``alert``.

    Raises:
        UserError: it cannot be used.
    """
    table = dict(given) if isinstance(given, Mapping) else {"target": given}
    try:
        return Target.model_validate({**table, "metric": metric, "part": part})
    except ValidationError as error:
        name = f"{metric}.{part}" if part else metric
        raise UserError(f"{name}: {one_line(error)}") from None
