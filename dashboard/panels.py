"""The panels of the pages: what each chart is called, what it says and the table behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import plotly.graph_objects as go

from core.aggregation.definitions import LATENCY_LIMIT_MS, METRICS, PERCENTILES
from core.aggregation.series import steady, steady_rates
from core.models.metrics import CallSummary, Percentiles
from dashboard import charts, findings, formats
from dashboard.charts import Line
from dashboard.filters import Selection, Window, label
from dashboard.panel import Panel, timed
from dashboard.theme import Palette

_PARTS = {
    "status": ("completed", "failed", "no_answer"),
    "direction": ("outbound", "inbound"),
}
_VOLUME_TITLES = {"status": "Call volume by outcome", "direction": "Call volume by direction"}
RATES = ("answer_rate", "qualification_rate", "handoff_rate", "failure_rate", "error_rate")


@dataclass(frozen=True)
class View:
    """What all panels of a page share."""

    window: Window
    selection: Selection
    palette: Palette
    now: datetime

    @property
    def is_filling(self) -> bool:
        """Whether the last bucket is not over yet."""
        return self.window.start < self.now and self.window.end >= self.now

    def none_of(self, what: str) -> str:
        """The sentence of a panel without data."""
        return f"No {what} recorded in the {self.selection.words}"

    def lines(self, columns: Sequence[str], wide: str = "") -> list[Line]:
        """Columns with their names and colours."""
        return [Line(name, _name(name), self.palette.colours[name], wide=name == wide) for name in columns]


def _name(column: str) -> str:
    if column in RATES:
        return METRICS[column].label.removesuffix(" rate").removeprefix("Call ").capitalize()
    return column if column in PERCENTILES else label("status", column)


def volume(view: View, by: str, frame: pd.DataFrame) -> Panel:
    """Calls over time, by outcome (status) or direction."""
    bucket = view.window.bucket
    parts = view.lines(_PARTS[by])
    total = int(frame.to_numpy().sum())
    caption = f"{findings.busiest(frame, bucket)} · n {total:,}" if total else ""
    return Panel(
        key=f"volume-{by}",
        title=_VOLUME_TITLES[by],
        caption=caption,
        draw=lambda: charts.stacked_bars(frame, parts, bucket, view.palette, filling=view.is_filling),
        table=timed(frame if total else frame.iloc[:0], {part.column: part.label for part in parts}),
        missing=view.none_of("calls"),
    )


def latency(view: View, field: str, frame: pd.DataFrame, spread: Percentiles) -> Panel:
    """ASR or TTS latency percentiles over time, with the limit that alerts use."""
    name = METRICS[field].label
    return Panel(
        key=field.replace("_", "-"),
        title=f"{name} against the {LATENCY_LIMIT_MS:,.0f} ms limit",
        caption=findings.slow(frame, spread, view.window.bucket) if spread.n else "",
        draw=lambda: charts.lines(
            steady(frame),
            view.lines(tuple(PERCENTILES), wide="p95"),
            view.window.bucket,
            view.palette,
            unit="ms",
            limit=(LATENCY_LIMIT_MS, "limit for p95"),
        ),
        table=timed(frame[frame["n"] > 0], {"n": "Calls"} | {name: f"{name} (ms)" for name in PERCENTILES}),
        missing=view.none_of(name),
    )


def rates(view: View, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """The five rates over time."""
    return Panel(
        key="rates",
        title="Rates over time",
        caption=(
            f"Qualification and handoff of completed calls (n {summary.completed_calls:,}), "
            f"the others of all (n {summary.total_calls:,})"
        ),
        draw=lambda: charts.lines(
            steady_rates(frame), view.lines(RATES), view.window.bucket, view.palette, unit="%"
        ),
        table=timed(
            frame[frame["n"] > 0].assign(**{name: frame[name] * 100 for name in RATES}),
            {"n": "Calls", "completed": "Completed"} | {name: f"{METRICS[name].label} (%)" for name in RATES},
            digits=1,
        ),
        missing=view.none_of("calls"),
    )


def duration_course(view: View, frame: pd.DataFrame, spread: Percentiles) -> Panel:
    """Percentiles of call duration over time."""
    return Panel(
        key="duration-course",
        title="Call duration over time",
        caption=f"{findings.coverage(spread)} · mean {formats.number(spread.mean, 's')} min"
        if spread.n
        else "",
        draw=lambda: charts.lines(
            steady(frame),
            view.lines(("p50", "p90", "p95"), wide="p50"),
            view.window.bucket,
            view.palette,
            unit="s",
        ),
        table=timed(frame[frame["n"] > 0], {"n": "Calls"} | {name: f"{name} (s)" for name in PERCENTILES}),
        missing=view.none_of("call duration"),
    )


def durations(view: View, frame: pd.DataFrame, spread: Percentiles) -> Panel:
    """How long calls last."""

    def draw() -> go.Figure:
        hover = [
            f"{formats.duration(a)} to {formats.duration(b)} min"
            for a, b in zip(frame["start"], frame["end"], strict=True)
        ]
        figure = charts.histogram(
            frame, [view.palette.accent] * len(frame), view.palette, x_title="duration, min:s", hover=hover
        )
        charts.minutes_axis(figure, frame)
        return charts.mark(figure, spread.p50 or 0.0, "median", view.palette)

    return Panel(
        key="durations",
        title="How long calls last",
        caption=findings.spread_of(spread, "s") if spread.n else "",
        draw=draw,
        table=frame.rename(columns={"start": "From (s)", "end": "To (s)", "n": "Calls"}),
        missing=view.none_of("call duration"),
    )


def sentiment(view: View, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """How callers felt."""
    mean = summary.sentiment.mean

    def draw() -> go.Figure:
        hover = [f"{a:+.2f} to {b:+.2f}" for a, b in zip(frame["start"], frame["end"], strict=True)]
        figure = charts.histogram(
            frame,
            charts.sentiment_colours(frame, view.palette),
            view.palette,
            x_title="sentiment score, -1 (negative) to 1 (positive)",
            hover=hover,
        )
        return charts.mark(figure, mean or 0.0, "mean", view.palette)

    return Panel(
        key="sentiment",
        title="How callers feel: sentiment scores",
        caption=findings.mood(summary) if mean is not None else "",
        draw=draw,
        table=(frame if mean is not None else frame.iloc[:0]).rename(
            columns={"start": "From", "end": "To", "n": "Calls"}
        ),
        missing=view.none_of("sentiment"),
    )


def languages(view: View, summary: CallSummary) -> Panel:
    """Share of calls per language."""
    counts = {label("language", name): n for name, n in summary.languages.items()}
    top = max(counts, key=lambda name: counts[name], default="")
    table = pd.DataFrame({"Language": list(counts), "Calls": list(counts.values())}).assign(
        **{"Share (%)": [round(100 * n / summary.total_calls, 1) for n in counts.values()]}
    )
    return Panel(
        key="languages",
        title="Languages by share of calls",
        caption=f"Most calls: {top} · n {summary.total_calls:,}",
        draw=lambda: charts.shares(counts, view.palette),
        table=table,
        missing=view.none_of("language"),
    )


def hours(view: View, frame: pd.DataFrame, summary: CallSummary, zone_words: str) -> Panel:
    """Calls by weekday and hour."""
    table = frame.rename(columns=lambda hour: f"{hour:02d}").reset_index(drop=True)
    table.insert(0, "Weekday", list(charts.WEEKDAYS))
    total = summary.total_calls
    return Panel(
        key="hours",
        title="Busy hours of the week",
        caption=f"{findings.busiest_hour(frame)} · {zone_words} · n {total:,}" if total else "",
        draw=lambda: charts.heat_map(frame, view.palette),
        table=table if total else table.iloc[:0],
        missing=view.none_of("calls"),
    )
