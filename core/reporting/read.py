"""What a report says: the story, figures against the week before and their targets, alerts, languages."""

from dataclasses import dataclass, field

import pandas as pd
from pymongo.database import Database

from core.aggregation import series, tables
from core.aggregation.activity import first_call_start, partly_covered
from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.story import Story
from core.aggregation.story.read import Periods, story_of
from core.alerting.board import Fired, count_fired, fired_between
from core.alerting.rules.target_store import targets_in_force
from core.alerting.rules.targets import Target, Targets
from core.models.calls.wording import number
from core.models.definitions import METRICS, Good, Unit
from core.models.metrics import CallSummary, Percentiles
from core.reporting.span import Span
from core.types import Document

_LINES = (
    ("total_calls", "", "Calls"),
    ("answer_rate", "", ""),
    ("failure_rate", "", ""),
    ("error_rate", "", ""),
    ("qualified_calls", "", ""),
    ("qualification_rate", "", ""),
    ("handoff_rate", "", ""),
    ("e2e_latency_ms", "p95", "End-to-end latency, p95"),
    ("cost", "total", "Spent"),
    ("cost", "per_qualified_lead", "Per qualified lead"),
)
"""The figures of a report: metric, part, and what it is called where that is not the metric's label."""


@dataclass(frozen=True)
class Line:
    """A figure of a report, with that of the week before, and its target."""

    label: str
    unit: Unit
    good: Good
    now: float | None
    before: float | None
    target: Target | None = None

    @property
    def value(self) -> str:
        """The figure with its unit."""
        return number(self.now, self.unit)

    @property
    def was(self) -> str:
        """That of the week before."""
        return number(self.before, self.unit)

    @property
    def goal(self) -> str:
        """The target, and whether it was met: ``at most 5.0 %, missed``; "" where there is none."""
        if self.target is None:
            return ""
        bound = f"at {'least' if self.target.least else 'most'} {number(self.target.target, self.unit)}"
        if self.now is None:
            return bound
        return f"{bound}, {'missed' if self.target.is_missed_by(self.now) else 'met'}"


@dataclass(frozen=True)
class Report:
    """What is reported of a day or a week."""

    span: Span
    story: Story
    lines: tuple[Line, ...]
    calls: pd.DataFrame = field(compare=False)
    """Calls by hour of the day, or by day of the week: a column for each outcome."""
    languages: pd.DataFrame = field(compare=False)
    """By language: calls and rates."""
    fired: tuple[Fired, ...] = ()
    """The alerts that started to fire, oldest first; of very many, the newest ones."""
    times_fired: int = 0
    """How many there were."""
    uncompared: str = ""
    """Why no figure has one of the week before, in words; "" where they have."""

    @property
    def title(self) -> str:
        """The subject of its mail."""
        kind = "Daily" if self.span.days == 1 else "Weekly"
        return f"{kind} report, {self.span.words}: {self.story.headline}"


def read_report(database: Database[Document], span: Span) -> Report:
    """Return the report of a day or a week; the same story as Overview tells of it.

    Raises:
        PyMongoError: the database does not answer.
    """
    bucket = _bucket(span)
    cube = load_cube(database, *span.bounds, bucket=bucket, campaigns=False)
    uncompared = partly_covered(first_call_start(database), span.before.bounds)
    before = None if uncompared else summarise(load_cube(database, *span.before.bounds, campaigns=False))
    targets = targets_in_force(database).targets
    return Report(
        span=span,
        story=story_of(database, Periods(span.bounds, span.before.bounds), CallFilters()),
        lines=tuple(lines(summarise(cube), before, targets)),
        calls=series.volume(cube, "status", bucket),
        languages=tables.breakdown(cube, "language"),
        fired=fired_between(database, *span.bounds),
        times_fired=count_fired(database, *span.bounds),
        uncompared=uncompared,
    )


def _bucket(span: Span) -> Bucket:
    return "1h" if span.days == 1 else "1D"


def lines(now: CallSummary, before: CallSummary | None, targets: Targets) -> list[Line]:
    """Return the figures of a report, compared with those of the week before if there are any."""
    return [
        Line(
            label or METRICS[metric].label,
            METRICS[metric].unit,
            METRICS[metric].good,
            _value(now, metric, part),
            None if before is None else _value(before, metric, part),
            targets.get(f"{metric}.{part}" if part else metric),
        )
        for metric, part, label in _LINES
    ]


def _value(summary: CallSummary, metric: str, part: str) -> float | None:
    if metric == "cost" and not summary.cost.n:
        return None
    found = getattr(summary, metric)
    if isinstance(found, Percentiles) or part:
        found = getattr(found, part)
    return None if found is None else float(found)
