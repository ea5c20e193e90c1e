"""Panels of Overview and Analytics: volume, latency, rates, durations, sentiment, languages, hours."""

from collections.abc import Sequence

import pandas as pd

from core.aggregation.series import steady, steady_rates
from core.models.definitions import METRICS, PERCENTILES, REFERENCES, Dimension
from core.models.metrics import CallSummary, Percentiles
from dashboard import drilldown, formats
from dashboard.charts import distributions, time_series
from dashboard.charts.time_series import Line
from dashboard.filters import label
from dashboard.panels import headlines
from dashboard.panels.panel import Panel, fails_alone, timed
from dashboard.panels.view import DIMENSION_WORDS, MOST_PARTS, OTHERS, RATES, View, value_label

_ORDER = {"status": ("completed", "failed", "no_answer"), "direction": ("outbound", "inbound")}


def _percentile_labels(unit: str) -> dict[str, str]:
    return {"n": "Calls"} | {name: f"{name} ({unit})" for name in PERCENTILES}


def _fewer(frame: pd.DataFrame, by: Dimension) -> pd.DataFrame:
    """Return the values in their usual order; those beyond the six largest are merged."""
    ordered = [name for name in _ORDER.get(by, frame.columns) if name in frame]
    if len(ordered) <= MOST_PARTS:
        return frame[ordered]
    ordered.sort(key=lambda name: name == OTHERS)  # a value of that name counts among them
    shown = frame[ordered[: MOST_PARTS - 1]].copy()
    shown[OTHERS] = frame[ordered[MOST_PARTS - 1 :]].sum(axis=1)
    return shown


@fails_alone("Call volume")
def volume(view: View, by: Dimension, frame: pd.DataFrame, earlier: pd.Series | None = None) -> Panel:
    """Return calls over time by a dimension; ``earlier``: calls of the compared period by bucket."""
    bucket, merged, frame = view.window.bucket, frame.shape[1] > MOST_PARTS, _fewer(frame, by)
    colours = view.palette.of([str(name) for name in frame])
    parts = [Line(str(name), value_label(by, str(name)), colours[str(name)]) for name in frame]
    figure = time_series.stacked_bars(frame, parts, bucket, view.palette, partial=view.partial_bars)
    table = timed(frame, {part.column: part.label for part in parts})
    caption = f"{headlines.busiest(frame, bucket)} · n {int(frame.to_numpy().sum()):,}"
    if earlier is not None and earlier.sum():
        time_series.compared(figure, earlier, view.selection.compared_words, view.palette)
        caption += f" · dotted: {view.selection.compared_words}, n {int(earlier.sum()):,}"
        table["Compared period"] = earlier.to_numpy()
    return Panel(
        f"volume-{by}",
        f"Call volume by {DIMENSION_WORDS[by]}",
        caption,
        view.annotate(figure),
        table,
        drilldown=view.drilldown(
            frame.index, by, ["" if merged and part.column == OTHERS else part.column for part in parts]
        ),
    )


@fails_alone("Latency percentiles")
def latency(
    view: View,
    field: str,
    frame: pd.DataFrame,
    spread: Percentiles,
    shown: Sequence[str] = ("p50", "p95", "p99"),
) -> Panel:
    """Return latency percentiles over time as a band, with alert limits or published targets."""
    key, name, bucket = field.replace("_", "-"), METRICS[field].label, view.window.bucket
    title = f"{name} percentiles"
    if not spread.n:
        return view.missing(key, title, name)
    lines = view.lines(shown, wide="p95")
    limits = view.limits(field, shown)
    course = steady(frame)
    figure = time_series.lines(course, lines, bucket, view.palette, unit="ms", limits=limits)
    time_series.band(figure, course["p50"], course["p95"], view.palette.colours["p50"], scale=1)
    return Panel(
        key,
        title,
        headlines.slow(frame, spread, bucket, REFERENCES.get(field, ())),
        view.annotate(figure),
        timed(frame[frame["n"] > 0], _percentile_labels("ms")),
        drilldown=view.drilldown(frame.index, order=field),
    )


@fails_alone("Rates")
def rates(view: View, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """Return the five rates over time."""
    there = frame[frame["n"] > 0]
    labels = {"n": "Calls", "completed": "Completed"}
    return Panel(
        "rates",
        "Rates over time",
        f"Qualification and handoff of completed calls (n {summary.completed_calls:,}), "
        f"the others of all calls (n {summary.total_calls:,})",
        view.annotate(
            time_series.lines(
                steady_rates(frame),
                view.lines(RATES),
                view.window.bucket,
                view.palette,
                unit="%",
                limits=view.rate_targets(RATES),
            )
        ),
        timed(
            there.assign(**{name: there[name] * 100 for name in RATES}),
            labels | {name: f"{METRICS[name].label} (%)" for name in RATES},
            digits=1,
        ),
        drilldown=view.drilldown(frame.index),
    )


@fails_alone("Call duration over time")
def duration_course(view: View, frame: pd.DataFrame, spread: Percentiles) -> Panel:
    """Return percentiles of call duration over time."""
    key, title = "duration-course", "Call duration over time"
    if not spread.n:
        return view.missing(key, title, "call duration")
    lines = view.lines(("p50", "p90", "p95"), wide="p50")
    return Panel(
        key,
        title,
        f"Mean {formats.number(spread.mean, 's')} min · {headlines.coverage(spread)}",
        view.annotate(time_series.lines(steady(frame), lines, view.window.bucket, view.palette, unit="s")),
        timed(frame[frame["n"] > 0], _percentile_labels("s")),
        drilldown=view.drilldown(frame.index, order="duration_seconds"),
    )


@fails_alone("Call duration")
def durations(view: View, frame: pd.DataFrame, spread: Percentiles) -> Panel:
    """Return the histogram of call durations."""
    key, title = "durations", "How long calls last"
    if not spread.n:
        return view.missing(key, title, "call duration")
    bins = zip(frame["start"], frame["end"], strict=True)
    figure = distributions.histogram(
        frame,
        [view.palette.accent] * len(frame),
        view.palette,
        x_title="duration, min:s",
        hover=[f"{formats.duration(start)} to {formats.duration(end)} min" for start, end in bins],
    )
    distributions.minutes_axis(figure, frame)
    return Panel(
        key,
        title,
        headlines.spread_of(spread, "s"),
        distributions.mark(figure, spread.p50 or 0.0, "median", view.palette),
        frame.round(2).rename(columns={"start": "From (s)", "end": "To (s)", "n": "Calls"}),
        drilldown=drilldown.bins(frame, "duration_seconds"),
    )


@fails_alone("Caller sentiment")
def sentiment(view: View, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """Return the histogram of sentiment scores."""
    key, title, mean = "sentiment", "Caller sentiment", summary.sentiment.mean
    if mean is None:
        return view.missing(key, title, "sentiment")
    bins = zip(frame["start"], frame["end"], strict=True)
    figure = distributions.histogram(
        frame,
        distributions.sentiment_colours(frame, view.palette),
        view.palette,
        x_title="sentiment score, -1 (negative) to 1 (positive)",
        hover=[f"{start:+.2f} to {end:+.2f}" for start, end in bins],
    )
    return Panel(
        key,
        title,
        headlines.mood(summary),
        distributions.mark(figure, mean, "mean", view.palette),
        frame.rename(columns={"start": "From", "end": "To", "n": "Calls"}),
        drilldown=drilldown.bins(frame, "sentiment_score"),
    )


@fails_alone("Languages")
def languages(view: View, summary: CallSummary) -> Panel:
    """Return the share of calls by language."""
    counts = {label("language", name): n for name, n in summary.languages.items()}
    shares = [round(100 * n / summary.total_calls, 1) for n in counts.values()]
    return Panel(
        "languages",
        "Languages by share of calls",
        f"Most calls: {formats.plain(next(iter(counts)))} · n {summary.total_calls:,}",
        distributions.shares(counts, view.palette),
        pd.DataFrame({"Language": list(counts), "Calls": list(counts.values()), "Share (%)": shares}),
        drilldown=drilldown.rows(list(summary.languages), "language"),
    )


@fails_alone("Calls by hour of the week")
def hours(view: View, frame: pd.DataFrame, summary: CallSummary, zone_words: str) -> Panel:
    """Return calls by weekday and hour."""
    table = frame.rename(columns=lambda hour: f"{hour:02d}").reset_index(drop=True)
    table.insert(0, "Weekday", list(time_series.WEEKDAYS))
    return Panel(
        "hours",
        "Busy hours of the week",
        f"{headlines.busiest_hour(frame)} · {zone_words} · n {summary.total_calls:,}",
        distributions.heat_map(frame, view.palette),
        table,
        drilldown=drilldown.hours(),
    )
