"""Panels that compare: a period with an earlier one, and values of a dimension with each other."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.aggregation.cube import Cube
from core.aggregation.intervals import distinguishable
from core.aggregation.rollups.buckets import Bucket
from core.models.definitions import COUNTS, METRICS, Dimension, Unit
from core.models.definitions import RATES as RATE_PARTS
from core.models.metrics import CallSummary, Percentiles
from core.types import counted
from dashboard import drilldown, formats
from dashboard.charts import distributions
from dashboard.charts.distributions import Dots
from dashboard.drilldown import CallsTarget
from dashboard.panels import headlines
from dashboard.panels.chance import Interval, of_amount, of_percentile
from dashboard.panels.panel import Panel, fails_alone
from dashboard.panels.view import DIMENSION_WORDS, MOST_PARTS, RATES, View, value_label

FEW_CALLS = 10
"""Periods with fewer calls are not compared."""
_SPREADS = ("duration_seconds", "e2e_latency_ms", "llm_latency_ms", "asr_latency_ms", "tts_latency_ms")


@dataclass(frozen=True)
class Reading:
    """A figure of one period and its number of calls."""

    value: float | None
    n: int
    interval: Interval | None = None


_AIMS = {
    "answer_rate": CallsTarget(facets={"stage": "answered"}),
    "qualification_rate": CallsTarget(facets={"stage": "qualified"}),
    "handoff_rate": CallsTarget(facets={"stage": "handed_off"}),
    "failure_rate": CallsTarget(filters={"status": "failed"}),
    "error_rate": CallsTarget(facets={"error": "any"}),
}
"""The calls each rate counts."""


def read(metric: str, summary: CallSummary, part: str = "") -> Reading:
    """Return a metric's value in a summary; by default p95 of distributions, and cost per call."""
    if metric == "cost":
        price, n = getattr(summary.cost, part or "per_call"), _bought(summary, part)
        return Reading(price, n, None if price is None else of_amount(price, n))
    value = getattr(summary, metric)
    if isinstance(value, Percentiles):
        return Reading(getattr(value, part or "p95"), value.n, of_percentile(value, part or "p95"))
    whole = RATE_PARTS[metric].whole if metric in RATE_PARTS else "total_calls"
    exact = of_amount(value, value) if METRICS[metric].unit == "calls" and value else None
    return Reading(value, getattr(summary, whole), exact)


def _bought(summary: CallSummary, part: str) -> int:
    """Return how many calls, leads or handoffs a price is based on."""
    wholes = {"per_qualified_lead": summary.qualified_calls, "per_handoff": summary.handoff_calls}
    return min(wholes.get(part, summary.cost.n), summary.cost.n)


def is_clear(metric: str, now: Reading, before: Reading) -> bool:
    """Return whether a change is significant at 95 %: rates by ``intervals``, others by ``chance``."""
    if now.value is None or before.value is None or min(now.n, before.n) < FEW_CALLS:
        return False
    if METRICS[metric].unit == "share":
        return distinguishable(round(now.value * now.n), now.n, round(before.value * before.n), before.n)
    return bool(now.interval and before.interval and now.interval.differs_from(before.interval))


def aligned(cube: Cube, before: Cube, bucket: Bucket) -> pd.Series:
    """Return the calls of an earlier cube in the buckets of this one, by their offset from the start."""
    index = cube.index(bucket)
    starts = (index - index[0]).total_seconds().to_numpy()
    times, _, n = before.slots
    later = times - before.start.timestamp() + cube.start.timestamp() - index[0].timestamp()
    place = np.searchsorted(starts, later, side="right") - 1
    kept = (place >= 0) & (place < len(index))
    return pd.Series(np.bincount(place[kept], n[kept], len(index)).astype(int), index, name="n")


@fails_alone("What changed")
def changes(view: View, now: CallSummary, before: CallSummary) -> Panel:
    """Return every figure now and before, and whether the difference is significant."""
    key, title = "changes", f"What changed vs {view.selection.compared_words}"
    if before.total_calls < FEW_CALLS:
        only = (
            f"Only {counted(before.total_calls, 'call')}" if before.total_calls else "Nothing to compare with"
        )
        return Panel(key, title, f"{only} in {view.selection.compared_words}")
    rows = [
        _change(metric, read(metric, now), read(metric, before))
        for metric in ("total_calls", *RATES, *_SPREADS, "cost")
    ]
    rows = [row for row in rows if row["Now"] != formats.NONE]
    clear = [str(row["Figure"]) for row in rows if row["Significant"] == "yes"]
    said = f"Significant: {', '.join(clear)}" if clear else "No significant differences"
    return Panel(
        key,
        title,
        f"{said} · at 95 % confidence · n {now.total_calls:,} vs {before.total_calls:,}",
        table=pd.DataFrame(rows),
        page=pd.DataFrame(rows),
    )


def _change(metric: str, now: Reading, before: Reading) -> dict[str, object]:
    unit: Unit = METRICS[metric].unit
    label = METRICS[metric].label + {"ms": " p95", "s": " p95", "rupees": " per call"}.get(unit, "")
    change = formats.NONE
    if now.value is not None and before.value is not None:
        change = formats.change(now.value, before.value, unit)
        change = "no change" if formats.is_still(change) else change
    verdict = "" if metric == "total_calls" else "yes" if is_clear(metric, now, before) else "no"
    return {
        "Figure": label,
        "Now": formats.number(now.value, unit),
        "Before": formats.number(before.value, unit),
        "Change": change,
        "Significant": verdict,
        "n": f"{now.n:,}",
    }


@fails_alone("Rates by part")
def rates_by(view: View, by: Dimension, frame: pd.DataFrame) -> Panel:
    """Return the rates of each value of a dimension, with intervals."""
    words = DIMENSION_WORDS[by]
    key, title = f"rates-{by}", f"Rates by {words}"
    shown = frame.iloc[:MOST_PARTS]
    labels = {str(name): value_label(by, str(name)) for name in shown.index}
    colours = view.palette.of(list(labels))
    dots = [
        Dots(
            labels[name],
            colours[name],
            [shown[rate].iloc[at] for rate in RATES],
            [shown[f"{rate}_low"].iloc[at] for rate in RATES],
            [shown[f"{rate}_high"].iloc[at] for rate in RATES],
            [int(shown[COUNTS[RATE_PARTS[rate].whole].column].iloc[at]) for rate in RATES],
        )
        for at, name in enumerate(labels)
    ]
    parts = {
        METRICS[rate].label: pd.DataFrame(
            {"rate": shown[rate], "low": shown[f"{rate}_low"], "high": shown[f"{rate}_high"]}
        )
        for rate in RATES
    }
    table = pd.DataFrame({words.capitalize(): list(labels.values()), "Calls": shown["n"].to_numpy()})
    for rate in RATES:
        table[f"{METRICS[rate].label} (%)"] = (100 * shown[rate]).round(1).to_numpy()
        table[f"{METRICS[rate].label} 95 % interval"] = [
            f"{100 * low:.1f} to {100 * high:.1f}"
            for low, high in zip(shown[f"{rate}_low"], shown[f"{rate}_high"], strict=True)
        ]
    return Panel(
        key,
        title,
        f"{headlines.furthest_apart(parts, labels)} · bars: 95 % interval · n {int(frame['n'].sum()):,}",
        distributions.rate_dots(
            [METRICS[rate].label.removeprefix("Call ").capitalize() for rate in RATES], dots, view.palette
        ),
        table,
        drilldown=drilldown.dots(by, list(labels), [_AIMS[rate] for rate in RATES]),
    )
