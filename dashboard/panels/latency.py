"""The panels of Latency: how slow one stage is, when, and in which language."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from core.aggregation.search.slowest import SlowCall
from core.aggregation.search.turn_latencies import TurnLatencies
from core.models.definitions import METRICS, PERCENTILES, Dimension
from core.models.metrics import CallSummary, Percentiles
from core.settings import get_settings
from dashboard import drilldown, formats
from dashboard.charts import distributions
from dashboard.charts.time_series import WEEKDAYS
from dashboard.drilldown import CallsTarget
from dashboard.filters import label
from dashboard.panels import headlines
from dashboard.panels.chance import of_percentile
from dashboard.panels.panel import Panel, fails_alone, hours_table, show
from dashboard.panels.view import MOST_PARTS, View, value_label

LEAST_CALLS = 20
"""Of fewer, no hour, language or campaign is called the slowest."""
STAGES = {
    "End to end": "e2e_latency_ms",
    "LLM": "llm_latency_ms",
    "ASR": "asr_latency_ms",
    "TTS": "tts_latency_ms",
}
"""The stages that can be shown in detail, by label."""


@fails_alone("Latency distribution")
def distribution(view: View, field: str, frame: pd.DataFrame, spread: Percentiles) -> Panel:
    """Return the histogram of a latency, with its percentiles."""
    name = METRICS[field].label
    key, title = "distribution", f"{name} distribution"
    if not spread.n:
        return view.missing(key, title, name)
    bins = list(zip(frame["start"], frame["end"], strict=True))
    figure = distributions.histogram(
        frame,
        [view.palette.accent] * len(frame),
        view.palette,
        x_title=f"{name}, ms",
        hover=[f"{start:,.0f} to {end:,.0f} ms" for start, end in bins],
    )
    for percentile in ("p50", "p95"):
        distributions.mark(figure, getattr(spread, percentile) or 0.0, percentile, view.palette)
    return Panel(
        key,
        title,
        headlines.spread_of(spread, "ms"),
        figure,
        frame.round(2).rename(columns={"start": "From (ms)", "end": "To (ms)", "n": "Calls"}),
        drilldown=drilldown.bins(frame, field),
    )


@fails_alone("Latency by hour of the week")
def hours(view: View, field: str, frame: pd.DataFrame, counts: pd.DataFrame, zone_words: str) -> Panel:
    """Return the 95th percentile by weekday and hour."""
    name = METRICS[field].label
    key, title, n = "latency-hours", f"{name} p95 by hour of the week", int(counts.to_numpy().sum())
    if not n:
        return view.missing(key, title, name)
    sure = frame.where(counts >= LEAST_CALLS)
    worst = f"No hour has {LEAST_CALLS} calls yet"
    if (values := sure.to_numpy()).size and not np.isnan(values).all():
        day, hour = divmod(int(np.nanargmax(values)), values.shape[1])
        worst = f"Slowest: {WEEKDAYS[day]} {hour:02d}:00, {formats.number(values[day, hour], 'ms')}"
    table = hours_table({"Calls": counts, "p95 (ms)": frame.round()})
    return Panel(
        key,
        title,
        f"{worst} · grey: fewer than {LEAST_CALLS} calls · {zone_words} · n {n:,}",
        distributions.heat_map(frame, view.palette, unit="ms", counts=counts, least=LEAST_CALLS),
        table[table["Calls"] > 0],
        drilldown=drilldown.hours({"order": field}),
    )


@fails_alone("Latency by part")
def by_dimension(view: View, field: str, by: Dimension, frame: pd.DataFrame) -> Panel:
    """Return percentiles by language or campaign, from a ``breakdown`` with the field."""
    name = METRICS[field].label
    key, title = f"latency-{by}", f"{name} by {by}"
    counts = (frame[f"{field}_coverage"] * frame["n"]).round().astype(int)
    there = frame[counts > 0].iloc[:MOST_PARTS]
    if not any(there.index):
        return view.missing(key, title, name)
    names = [value_label(by, str(value)) for value in there.index]
    values = {p: there[f"{field}_{p}"].tolist() for p in PERCENTILES}
    enough = counts[there.index] >= LEAST_CALLS
    slowest = f"No {by} has {LEAST_CALLS} calls yet"
    if enough.any():
        at = int(np.nanargmax(there[f"{field}_p95"].where(enough).to_numpy()))
        slowest = f"Slowest p95: {formats.plain(names[at])}, {formats.number(values['p95'][at], 'ms')}"
    table = pd.DataFrame({by.capitalize(): names, "Calls": counts[there.index].to_numpy()})
    for percentile in PERCENTILES:
        table[f"{percentile} (ms)"] = there[f"{field}_{percentile}"].round().to_numpy()
    return Panel(
        key,
        title,
        f"{slowest} · n {int(counts.sum()):,}",
        distributions.percentile_dots(names, values, view.palette.colours, view.palette),
        table,
        drilldown=drilldown.rows([str(value) for value in there.index], by, order=field),
    )


@fails_alone("Latency per turn")
def per_turn(view: View, turns: TurnLatencies | None, summary: CallSummary) -> Panel:
    """Return percentiles of single turns beside those of call means; None: finding them took too long."""
    key, title = "per-turn", "Latency per turn"
    if turns is None:
        return Panel(key, title, "Finding the turns takes too long: choose a shorter period")
    if turns.since is None:
        return view.missing(key, title, "turn")
    zone = get_settings().tz
    rows = [
        {"Stage": METRICS[name].label, "Turns": spread.n}
        | {f"{part} per turn": getattr(spread, part) for part in ("p50", "p95", "p99")}
        | {"p95 from": ends.low, "p95 to": ends.high}
        | {"Longest turn": spread.max, "p95 of call means": getattr(summary, name).p95}
        for name, spread in turns.spreads.items()
        if (ends := of_percentile(spread, "p95")) is not None
    ]
    table = pd.DataFrame(rows)
    return Panel(
        key,
        title,
        "A single long pause shows up here; the rest of this page uses each call's mean \N{MIDDLE DOT} "
        f"from, to: 95 % interval of p95 \N{MIDDLE DOT} the newest {turns.calls:,} "
        f"calls with turns, since {formats.clock(turns.since, zone, view.window.end)}",
        table=table.round(),
        page=pd.DataFrame(
            {
                name: [
                    value if name == "Stage" else formats.number(value, "calls" if name == "Turns" else "ms")
                    for value in table[name]
                ]
                for name in table
            }
        ),
    )


def slowest(calls: Sequence[SlowCall], field: str) -> None:
    """Show the slowest calls, or that there are none."""
    zone, name = get_settings().tz, METRICS[field].label
    title = f"Slowest calls by {formats.midway(name)}"
    if not calls:
        show(Panel("slowest", title, f"No {formats.midway(name)} recorded in this period"))
        return
    rows = [
        {
            "Call": f"[{formats.plain(call.call_id)}]({CallsTarget(facets={'call_id': call.call_id}).link})",
            name: formats.number(call.value, "ms"),
            "Started": f"{call.start_time.astimezone(zone):%a %-d %b %Y %H:%M:%S}",
            "Language": formats.plain(label("language", call.language)),
            "Outcome": label("status", call.status),
        }
        for call in calls
    ]
    caption = f"The {len(calls)} calls with the highest mean · click a call to open it"
    table = pd.DataFrame([asdict(call) for call in calls]).rename(columns={"value": f"{name} (ms)"})
    show(Panel("slowest", title, caption, table=table, page=pd.DataFrame(rows)))
