"""The panels of the pages: what each chart is called, what it says and the table behind it."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from core.aggregation.definitions import METRICS, PERCENTILES, REFERENCES
from core.aggregation.series import Dimension, steady, steady_rates
from core.alerting.board import Fired
from core.models.metrics import CallSummary, Percentiles
from core.settings import get_settings
from dashboard import charts, distribution_charts, findings, formats, reach
from dashboard.charts import Limit, Line, Mark
from dashboard.filters import Selection, Window, label
from dashboard.panel import Panel, timed
from dashboard.theme import Palette

RATES = ("answer_rate", "qualification_rate", "handoff_rate", "failure_rate", "error_rate")
DIMENSION_WORDS: dict[Dimension, str] = {
    "status": "outcome",
    "direction": "direction",
    "language": "language",
    "campaign": "campaign",
}
_ORDER = {"status": ("completed", "failed", "no_answer"), "direction": ("outbound", "inbound")}
MOST_PARTS = 6
NO_VALUE = "none given"
OTHERS = "others"


@dataclass(frozen=True)
class View:
    """What all panels of a page share; ``is_filling``: the last bucket is not over yet."""

    window: Window
    selection: Selection
    palette: Palette
    is_filling: bool
    fired: tuple[Fired, ...] = ()

    def annotate(self, figure: go.Figure) -> go.Figure:
        """A chart over time with marks where alerts began to fire."""
        zone = get_settings().tz
        for fired in self.fired:
            at = fired.at.astimezone(zone)
            words = f"{at:%a %-d %b %H:%M}: {html.escape(fired.name)} began to fire ({fired.severity})"
            charts.annotate(figure, Mark(at.replace(tzinfo=None), words, fired.severity), self.palette)
        return figure

    def limits(self, field: str, shown: Sequence[str]) -> list[Limit]:
        """The reference lines of a latency for the percentiles that are drawn."""
        several = len(REFERENCES.get(field, ())) > 1
        return [
            Limit(
                reference.value,
                f"{reference.kind} {reference.percentile}",
                self.palette.colours[reference.percentile] if several else "",
            )
            for reference in REFERENCES.get(field, ())
            if reference.percentile in shown
        ]

    def missing(self, key: str, title: str, what: str) -> Panel:
        """A panel without data."""
        return Panel(key, title, f"No {what} recorded {self.selection.words}")

    def reach(
        self, index: pd.Index, by: str = "", values: Sequence[str] = (), order: str = ""
    ) -> reach.Reach:
        """The calls behind a point of a chart over time."""
        return reach.buckets(index, self.window.end, by, values, order)

    def lines(self, columns: Sequence[str], wide: str = "") -> list[Line]:
        """Columns with their names and colours."""
        return [Line(name, _name(name), self.palette.colours[name], wide=name == wide) for name in columns]


def _name(column: str) -> str:
    if column in RATES:
        return METRICS[column].label.removesuffix(" rate").removeprefix("Call ").capitalize()
    return column if column in PERCENTILES else label("status", column)


def _percentile_labels(unit: str) -> dict[str, str]:
    return {"n": "Calls"} | {name: f"{name} ({unit})" for name in PERCENTILES}


def value_label(by: Dimension, value: str) -> str:
    """A value of a dimension as people read it."""
    if not value:
        return NO_VALUE
    return value if by == "campaign" else label(by, value)


def _fewer(frame: pd.DataFrame, by: Dimension) -> pd.DataFrame:
    """The values in their usual order; beyond the six with most calls as one."""
    ordered = [name for name in _ORDER.get(by, frame.columns) if name in frame]
    if len(ordered) <= MOST_PARTS:
        return frame[ordered]
    shown = frame[ordered[: MOST_PARTS - 1]].copy()
    shown[OTHERS] = frame[ordered[MOST_PARTS - 1 :]].sum(axis=1)
    return shown


def volume(view: View, by: Dimension, frame: pd.DataFrame, earlier: pd.Series | None = None) -> Panel:
    """Calls over time by a dimension; ``earlier``: the calls of the compared period in the same buckets."""
    bucket, frame = view.window.bucket, _fewer(frame, by)
    colours = view.palette.of([str(name) for name in frame])
    parts = [Line(str(name), value_label(by, str(name)), colours[str(name)]) for name in frame]
    figure = charts.stacked_bars(frame, parts, bucket, view.palette, filling=view.is_filling)
    table = timed(frame, {part.column: part.label for part in parts})
    caption = f"{findings.busiest(frame, bucket)} · n {int(frame.to_numpy().sum()):,}"
    if earlier is not None and earlier.sum():
        charts.compared(figure, earlier, view.selection.compared_words, view.palette)
        caption += f" · dotted: {view.selection.compared_words}, n {int(earlier.sum()):,}"
        table["Compared period"] = earlier.to_numpy()
    return Panel(
        f"volume-{by}",
        f"Call volume by {DIMENSION_WORDS[by]}",
        caption,
        view.annotate(figure),
        table,
        reach=view.reach(frame.index, by, [part.column if part.column != OTHERS else "" for part in parts]),
    )


def latency(
    view: View,
    field: str,
    frame: pd.DataFrame,
    spread: Percentiles,
    shown: Sequence[str] = tuple(PERCENTILES),
) -> Panel:
    """Latency percentiles over time, with the limit that alerts use or the published targets."""
    key, name, bucket = field.replace("_", "-"), METRICS[field].label, view.window.bucket
    title = f"{name} percentiles"
    if not spread.n:
        return view.missing(key, title, name)
    lines = view.lines(shown, wide="p95")
    limits = view.limits(field, shown)
    figure = charts.lines(steady(frame), lines, bucket, view.palette, unit="ms", limits=limits)
    return Panel(
        key,
        title,
        findings.slow(frame, spread, bucket, REFERENCES.get(field, ())),
        view.annotate(figure),
        timed(frame[frame["n"] > 0], _percentile_labels("ms")),
        reach=view.reach(frame.index, order=field),
    )


def rates(view: View, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """The five rates over time."""
    there = frame[frame["n"] > 0]
    labels = {"n": "Calls", "completed": "Completed"}
    return Panel(
        "rates",
        "Rates over time",
        f"Qualification and handoff of completed calls (n {summary.completed_calls:,}), "
        f"the others of all (n {summary.total_calls:,})",
        view.annotate(
            charts.lines(steady_rates(frame), view.lines(RATES), view.window.bucket, view.palette, unit="%")
        ),
        timed(
            there.assign(**{name: there[name] * 100 for name in RATES}),
            labels | {name: f"{METRICS[name].label} (%)" for name in RATES},
            digits=1,
        ),
        reach=view.reach(frame.index),
    )


def duration_course(view: View, frame: pd.DataFrame, spread: Percentiles) -> Panel:
    """Percentiles of call duration over time."""
    key, title = "duration-course", "Call duration over time"
    if not spread.n:
        return view.missing(key, title, "call duration")
    lines = view.lines(("p50", "p90", "p95"), wide="p50")
    return Panel(
        key,
        title,
        f"Mean {formats.number(spread.mean, 's')} min · {findings.coverage(spread)}",
        charts.lines(steady(frame), lines, view.window.bucket, view.palette, unit="s"),
        timed(frame[frame["n"] > 0], _percentile_labels("s")),
        reach=view.reach(frame.index, order="duration_seconds"),
    )


def durations(view: View, frame: pd.DataFrame, spread: Percentiles) -> Panel:
    """How long calls last."""
    key, title = "durations", "How long calls last"
    if not spread.n:
        return view.missing(key, title, "call duration")
    bins = zip(frame["start"], frame["end"], strict=True)
    figure = distribution_charts.histogram(
        frame,
        [view.palette.accent] * len(frame),
        view.palette,
        x_title="duration, min:s",
        hover=[f"{formats.duration(start)} to {formats.duration(end)} min" for start, end in bins],
    )
    distribution_charts.minutes_axis(figure, frame)
    return Panel(
        key,
        title,
        findings.spread_of(spread, "s"),
        distribution_charts.mark(figure, spread.p50 or 0.0, "median", view.palette),
        frame.round(2).rename(columns={"start": "From (s)", "end": "To (s)", "n": "Calls"}),
        reach=reach.bins(frame, "duration_seconds"),
    )


def sentiment(view: View, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """How callers feel."""
    key, title, mean = "sentiment", "How callers feel: sentiment scores", summary.sentiment.mean
    if mean is None:
        return view.missing(key, title, "sentiment")
    bins = zip(frame["start"], frame["end"], strict=True)
    figure = distribution_charts.histogram(
        frame,
        distribution_charts.sentiment_colours(frame, view.palette),
        view.palette,
        x_title="sentiment score, -1 (negative) to 1 (positive)",
        hover=[f"{start:+.2f} to {end:+.2f}" for start, end in bins],
    )
    return Panel(
        key,
        title,
        findings.mood(summary),
        distribution_charts.mark(figure, mean, "mean", view.palette),
        frame.rename(columns={"start": "From", "end": "To", "n": "Calls"}),
        reach=reach.bins(frame, "sentiment_score"),
    )


def languages(view: View, summary: CallSummary) -> Panel:
    """Share of calls per language."""
    counts = {label("language", name): n for name, n in summary.languages.items()}
    shares = [round(100 * n / summary.total_calls, 1) for n in counts.values()]
    return Panel(
        "languages",
        "Languages by share of calls",
        f"Most calls: {formats.plain(next(iter(counts)))} · n {summary.total_calls:,}",
        distribution_charts.shares(counts, view.palette),
        pd.DataFrame({"Language": list(counts), "Calls": list(counts.values()), "Share (%)": shares}),
        reach=reach.rows({name: label("language", name) for name in summary.languages}, "language"),
    )


def hours(view: View, frame: pd.DataFrame, summary: CallSummary, zone_words: str) -> Panel:
    """Calls by weekday and hour."""
    table = frame.rename(columns=lambda hour: f"{hour:02d}").reset_index(drop=True)
    table.insert(0, "Weekday", list(charts.WEEKDAYS))
    return Panel(
        "hours",
        "Busy hours of the week",
        f"{findings.busiest_hour(frame)} · {zone_words} · n {summary.total_calls:,}",
        distribution_charts.heat_map(frame, view.palette),
        table,
        reach=reach.hours(),
    )
