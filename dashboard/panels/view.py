"""What all panels of a page share: period, selection, colours, alert marks, value labels."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from dataclasses import field as a_field
from datetime import datetime
from functools import cached_property

import pandas as pd
import plotly.graph_objects as go

from core.aggregation.rollups.buckets import SECONDS, bucket_start, buckets
from core.alerting.board import Fired
from core.alerting.rules.targets import Targets
from core.clock import utc_now
from core.models.definitions import METRICS, PERCENTILES, REFERENCES, Dimension
from core.models.hours import Hours
from core.settings import get_settings
from dashboard import drilldown
from dashboard.charts import time_series
from dashboard.charts.time_series import Limit, Line, Mark
from dashboard.filters import Selection, Window, label
from dashboard.formats import plain_label
from dashboard.panels.panel import Panel
from dashboard.theme import SEVERITY_BADGES, Palette

RATES = ("answer_rate", "qualification_rate", "handoff_rate", "failure_rate", "error_rate")
DIMENSION_WORDS: dict[Dimension, str] = {
    "status": "outcome",
    "direction": "direction",
    "language": "language",
    "campaign": "campaign",
}
MOST_PARTS = 6
NO_VALUE = "none given"
OTHERS = "others"
MOST_MARKS, MOST_IN_A_MARK = 48, 5


@dataclass(frozen=True)
class View:
    """What all panels of a page share; ``is_filling``: one of the period's buckets is still in progress."""

    window: Window
    selection: Selection
    palette: Palette
    is_filling: bool
    fired: tuple[Fired, ...] = ()
    targets: Targets = a_field(default_factory=dict)

    def annotate(self, figure: go.Figure) -> go.Figure:
        """Shade a chart outside calling hours, and mark where alerts started firing."""
        time_series.shade(figure, self.nights, self.palette)
        time_series.annotate(figure, self._marks, self.palette)
        return figure

    @cached_property
    def nights(self) -> list[tuple[datetime, datetime]]:
        """Return the spans outside calling hours, in naive local time; none for buckets of days."""
        if self.window.bucket not in SECONDS:
            return []
        settings = get_settings()
        closed = Hours.parse(settings.calling_hours, settings.tz).closed_between(
            self.window.start, self.window.end
        )
        return [(start.replace(tzinfo=None), end.replace(tzinfo=None)) for start, end in closed]

    @cached_property
    def _marks(self) -> list[Mark]:
        """Return the marks; alerts that began too close together to point at share one."""
        width = (self.window.end - self.window.start) / MOST_MARKS
        groups: dict[int, list[Fired]] = {}
        for fired in self.fired:
            groups.setdefault((fired.at - self.window.start) // width, []).append(fired)
        return [_mark(group) for group in groups.values()]

    def limits(self, field: str, shown: Sequence[str]) -> list[Limit]:
        """Return the reference lines of a latency for the percentiles drawn."""
        several = len(REFERENCES.get(field, ())) > 1
        own = {part: self.targets[key].target for part in shown if (key := f"{field}.{part}") in self.targets}
        return [
            *(Limit(value, f"target {part}", self.palette.colours[part]) for part, value in own.items()),
            *self._published(field, shown, own, several=several),
        ]

    def rate_targets(self, rates: Sequence[str]) -> list[Limit]:
        """Return the targets of rates as dashed lines in their colours, in per cent."""
        return [
            Limit(100 * self.targets[rate].target, f"{_name(rate)} target", self.palette.colours[rate])
            for rate in rates
            if rate in self.targets
        ]

    def _published(
        self, field: str, shown: Sequence[str], own: Collection[str], *, several: bool
    ) -> list[Limit]:
        """Return the alert limits, and published targets unless there is one of our own."""
        return [
            Limit(
                reference.value,
                f"{reference.kind} {reference.percentile}",
                self.palette.colours[reference.percentile] if several else "",
            )
            for reference in REFERENCES.get(field, ())
            if reference.percentile in shown
            and (reference.kind == "limit" or reference.percentile not in own)
        ]

    def missing(self, key: str, title: str, what: str) -> Panel:
        """Return a panel without data."""
        return Panel(key, title, f"No {what} recorded {self.selection.words}")

    @property
    def partial_bars(self) -> list[int]:
        """Return the positions of buckets that are not whole: cut off by the period, or still in progress."""
        start, end, bucket, zone = self.window.start, self.window.end, self.window.bucket, get_settings().tz
        found = [place for place, at in ((0, start), (-1, end)) if bucket_start(at, bucket, zone) < at]
        if self.is_filling:  # a chosen period may end later than now, so not always the last one
            starts = buckets(start, end, bucket, zone)
            found.append(int(starts.searchsorted(pd.Timestamp(utc_now()), side="right")) - 1)
            found = [-1 if place == len(starts) - 1 else place for place in found]
        return list(dict.fromkeys(found))

    def drilldown(
        self, index: pd.Index, by: str = "", values: Sequence[str] = (), order: str = ""
    ) -> drilldown.Drilldown:
        """Return the drill-down of a chart over time."""
        return drilldown.buckets(index, self.window, by, values, order)

    def lines(self, columns: Sequence[str], wide: str = "") -> list[Line]:
        """Return columns with their labels and colours."""
        return [Line(name, _name(name), self.palette.colours[name], wide=name == wide) for name in columns]


def _mark(group: Sequence[Fired]) -> Mark:
    zone, worst = get_settings().tz, min(group, key=lambda fired: list(SEVERITY_BADGES).index(fired.severity))
    words = [
        f"{fired.at.astimezone(zone):%a %-d %b %H:%M}: {plain_label(fired.name)} started firing "
        f"({fired.severity})"
        for fired in group[:MOST_IN_A_MARK]
    ]
    if len(group) > MOST_IN_A_MARK:
        words.append(f"and {len(group) - MOST_IN_A_MARK} more")
    return Mark(group[0].at.astimezone(zone).replace(tzinfo=None), "<br>".join(words), worst.severity)


def _name(column: str) -> str:
    if column in RATES:
        return METRICS[column].label.removesuffix(" rate").removeprefix("Call ").capitalize()
    return column if column in PERCENTILES else label("status", column)


def value_label(by: Dimension, value: str) -> str:
    """Return the label of a dimension's value."""
    if not value:
        return NO_VALUE
    return value if by == "campaign" else label(by, value)
