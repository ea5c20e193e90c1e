"""The panels of Compare: verdicts on every figure, latencies, funnels and costs of two sides."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from core.aggregation.columnar.sides import Figures, verdict
from core.aggregation.funnel import FUNNEL, share
from core.aggregation.intervals import wilson
from core.aggregation.sequential import LEAST_CALLS, Verdict
from core.models.definitions import COST_PARTS, COUNTS, LATENCIES, METRICS, PRICES, RATES, Good, Unit
from dashboard import formats
from dashboard.charts import distributions, groups
from dashboard.panels.conversion import STAGES as STAGE_LABELS
from dashboard.panels.panel import Panel, fails_alone
from dashboard.theme import Palette

MEANS = ("e2e_latency_ms", "llm_latency_ms", "asr_latency_ms", "tts_latency_ms", "duration_seconds", "cost")
_POINT = " points"
_MEAN = ", mean"
_FIRST, _SECOND = "first", "second"
_SAID = {"better on": "Better", "worse on": "Worse", "higher in": "Higher", "lower in": "Lower"}
_MARKS = re.compile(r"\*\*|:(?:green|red)\[[^]]*\]")


@dataclass(frozen=True)
class Named:
    """A side with its name, which is foreign text and not yet escaped."""

    name: str
    figures: Figures


def colours(palette: Palette) -> tuple[str, str]:
    """Return the colours of the first and second side."""
    return palette.neutral, palette.accent


@fails_alone("Verdicts")
def verdicts(first: Named, second: Named) -> Panel:
    """Return every rate and mean of both sides, their difference, and the verdict so far."""
    rows = [_row(key, first, second) for key in (*RATES, *MEANS) if _is_known(key, first, second)]
    rows += [_price_row(key, first, second) for key in PRICES]
    return Panel(
        "verdicts",
        f"{formats.plain(second.name)} against {formats.plain(first.name)}",
        f"{_in_short(formats.plain(second.name), rows)} · 95 % confidence, however often you look · "
        f"n {second.figures.calls:,} against {first.figures.calls:,}",
        table=_titled(rows, first.name, second.name).map(_unmarked),
        page=_titled(rows, formats.plain(first.name), formats.plain(second.name)),
    )


def _in_short(name: str, rows: Sequence[Mapping[str, str]]) -> str:
    """Return what is significant: ``2.4.0 is better on qualification rate, worse on cost per call``."""
    found = {
        said: [
            formats.midway(row["Figure"]).removesuffix(_MEAN) for row in rows if f"**{mark}" in row["Verdict"]
        ]
        for said, mark in _SAID.items()
    }
    told = [f"{said} {formats.enumerated(figures)}" for said, figures in found.items() if figures]
    return f"{name} is {', '.join(told)}" if told else "No significant difference yet"


def _is_known(key: str, first: Named, second: Named) -> bool:
    """Return whether both sides have the figure; rates that are zero on both are left out."""
    sides = (first.figures, second.figures)
    return all(side.sides[key].n for side in sides) and (
        key not in RATES or any(side.rate(key)[0] for side in sides)
    )


def _row(key: str, first: Named, second: Named) -> dict[str, str]:
    metric = METRICS[key]
    found = verdict(key, first.figures, second.figures)
    label = metric.label + {"ms": _MEAN, "s": _MEAN, "rupees": " per call"}.get(metric.unit, "")
    return {
        "Figure": label,
        _FIRST: _figure(key, first.figures, metric.unit),
        _SECOND: _figure(key, second.figures, metric.unit),
        "Difference": _difference(found, metric.unit),
        "Verdict": words(found, metric.unit, metric.good),
        "n": f"{first.figures.sides[key].n:,} \N{MIDDLE DOT} {second.figures.sides[key].n:,}",
    }


def _titled(rows: Sequence[Mapping[str, str]], first: str, second: str) -> pd.DataFrame:
    return pd.DataFrame(rows).rename(columns={_FIRST: first, _SECOND: second})


def _unmarked(cell: str) -> str:
    """Return a cell without its Markdown."""
    return _MARKS.sub("", cell).strip()


def _figure(key: str, side: Figures, unit: Unit) -> str:
    if key not in RATES:
        return formats.number(side.sides[key].mean, unit)
    part, whole = side.rate(key)
    low, high = wilson(min(part, whole), whole)
    return f"{formats.number(part / whole, unit)} ({100 * float(low):.1f} to {100 * float(high):.1f})"


def _price_row(key: str, first: Named, second: Named) -> dict[str, str]:
    bought = COUNTS[PRICES[key]].label.lower()
    found = verdict(key, first.figures, second.figures)
    n = (side.figures.counts[PRICES[key]] for side in (first, second))
    return {
        "Figure": f"Cost {key.replace('_', ' ')}",
        _FIRST: formats.number(first.figures.price(key), "rupees"),
        _SECOND: formats.number(second.figures.price(key), "rupees"),
        "Difference": _difference(found, "rupees"),
        "Verdict": words(found, "rupees", "down", bought),
        "n": " \N{MIDDLE DOT} ".join(f"{count:,}" for count in n),
    }


def _difference(found: Verdict | None, unit: Unit) -> str:
    if found is None:
        return formats.NONE
    low, high = (amount(end, unit, signed=True) for end in (found.low, found.high))
    return f"{low.removesuffix(_POINT)} to {high}"


def amount(value: float, unit: Unit, *, signed: bool = False) -> str:
    """Return a difference in its unit: ``2.1 points``, ``40 ms``, ``12 s``, ``₹0.31``; no sign for zero."""
    size = abs(value)
    match unit:
        case "share":
            text = f"{100 * size:.1f}{_POINT}"
        case "rupees":
            text = f"\N{INDIAN RUPEE SIGN}{size:,.2f}"
        case "s" | "ms":
            text = f"{size:,.{0 if size >= 10 else 1}f} {unit}"  # noqa: PLR2004 (two digits are enough)
        case _:
            text = f"{size:,.2f}"
    sign = "" if not signed or formats.is_still(text) else "-" if value < 0 else "+"
    return f"{sign}{text}"


def words(found: Verdict | None, unit: Unit, good: Good, counted: str = "calls") -> str:
    """Return the verdict in Markdown: ``Better by 2.1 to 5.0 points``."""
    if found is None:
        return f"Too few {counted}: each side needs {LEAST_CALLS}"
    if found.is_told:
        low, high = sorted((abs(found.low), abs(found.high)))
        span = f"by {amount(low, unit).removesuffix(_suffix(unit))} to {amount(high, unit)}"
        rises = found.difference > 0
        if good == "neither":
            return f"**{'Higher' if rises else 'Lower'}** {span}"
        better = rises is (good == "up")
        icon = ":green[:material/trending_up:]" if better else ":red[:material/trending_down:]"
        return f"{icon} **{'Better' if better else 'Worse'} {span}**"
    if found.more_calls is None:
        return f"About the same: at most {amount(max(-found.low, found.high), unit)} apart"
    return f"Undecided: about {found.more_calls:,} more calls needed"


def _suffix(unit: Unit) -> str:
    return {"share": _POINT, "ms": " ms", "s": " s"}.get(unit, "")


def measured(first: Figures, second: Figures) -> list[str]:
    """Return the latencies recorded on both sides."""
    return [name for name in LATENCIES if first.spreads[name].n and second.spreads[name].n]


@fails_alone("Latency")
def latency(name: str, frame: pd.DataFrame, sides: Sequence[Named], palette: Palette) -> Panel:
    """Return the distribution of a latency on both sides, as shares of calls."""
    spreads = [side.figures.spreads[name] for side in sides]
    said = " \N{MIDDLE DOT} ".join(
        f"{formats.plain(side.name)}: p50 {formats.number(one.p50, 'ms')}, "
        f"p95 {formats.number(one.p95, 'ms')}, n {one.n:,}"
        for side, one in zip(sides, spreads, strict=True)
    )
    names = [side.name for side in sides]
    table = frame[["start", "end"]].rename(columns={"start": "From (ms)", "end": "To (ms)"})
    for number, one in enumerate(names):
        table[f"{one} (%)"] = (100 * frame[str(number)]).round(2)
    return Panel(
        f"compare-{name}",
        METRICS[name].label,
        f"{said} \N{MIDDLE DOT} the last step includes everything longer",
        groups.overlaid(frame, names, colours(palette), palette),
        table,
    )


@fails_alone("Latency percentiles")
def percentiles(sides: Sequence[Named], names: Sequence[str]) -> Panel:
    """Return the exact percentiles of every latency on both sides."""
    rows = [
        {"Latency": METRICS[name].label, "Side": formats.plain(side.name)}
        | {
            level: formats.number(getattr(side.figures.spreads[name], level), "ms")
            for level in ("p50", "p90", "p95", "p99", "max")
        }
        | {"n": f"{side.figures.spreads[name].n:,}"}
        for name in names
        for side in sides
    ]
    return Panel(
        "compare-percentiles",
        "Latency percentiles",
        "Exact percentiles of each call's mean" if rows else "No latency is recorded on both sides",
        table=pd.DataFrame(rows),
        page=pd.DataFrame(rows) if rows else None,
    )


@fails_alone("Funnel")
def funnel(sides: Sequence[Named], palette: Palette) -> Panel:
    """Return the funnels of outbound calls of both sides."""
    counts = pd.DataFrame([dict(side.figures.funnel) for side in sides], index=[side.name for side in sides])
    if not counts["dialled"].all():
        return Panel("compare-funnel", "Funnel", "One side has no outbound calls")
    stages = [stage for stage in FUNNEL if stage != "engaged" or counts["engaged"].sum()]
    labels = [STAGE_LABELS[stage] for stage in stages]
    table = pd.DataFrame({"Side": list(counts.index)})
    for stage, label in zip(stages, labels, strict=True):
        table[label] = counts[stage].to_numpy()
        if stage != "dialled":
            of_dialled = share(counts[stage], counts["dialled"])["rate"]
            table[f"{label} (% of dialled)"] = (100 * of_dialled).round(2).to_numpy()
    return Panel(
        "compare-funnel",
        "Funnel",
        "Outbound calls; each stage's share of those dialled \N{MIDDLE DOT} n "
        + " against ".join(f"{n:,}" for n in counts["dialled"]),
        groups.side_by_side(
            labels, counts[stages].to_numpy().tolist(), list(counts.index), colours(palette), palette
        ),
        table,
    )


@fails_alone("Cost per call")
def costs(sides: Sequence[Named], palette: Palette) -> Panel:
    """Return the cost of a call on both sides, by component."""
    known = [side.figures.counts["calls_with_cost"] for side in sides]
    if not all(known):
        return Panel("compare-cost", "Cost per call", "One side has no calls with a cost")
    frame = pd.DataFrame(
        [
            {part: amount_ / n for part, amount_ in side.figures.costs.items()}
            for side, n in zip(sides, known, strict=True)
        ],
        index=[side.name for side in sides],
    )
    frame = frame.loc[:, frame.sum() > 0]
    table = frame.round(4).rename(columns=COST_PARTS).rename_axis("Side").reset_index()
    return Panel(
        "compare-cost",
        "Cost per call",
        "Rupees by component, of calls with a cost \N{MIDDLE DOT} n "
        + " against ".join(f"{n:,}" for n in known),
        distributions.stacked_costs(frame, palette),
        table,
    )
