"""The figures of a period, or of each of its days, made from a cube by pure functions."""

from collections.abc import Sequence

import numpy as np

from core.aggregation.cube import Cube
from core.aggregation.rollups.cells import COMPONENTS, MEASURES, SENTIMENT, SUM, Floats, Ints
from core.aggregation.series import RATES, percentile_table, rate_counts
from core.models.metrics import CallSummary, CostSummary, Percentiles, SentimentCounts


def rate(part: float, whole: float) -> float | None:
    """``part`` ÷ ``whole``; None where there is nothing to divide by."""
    return float(part / whole) if whole else None


def summarise(cube: Cube) -> CallSummary:
    """The figures of the period; ``definitions.METRICS`` says what each one means."""
    return summaries(cube, np.zeros(len(cube.cells), np.int64), 1)[0]


def summarise_days(cube: Cube) -> list[CallSummary]:
    """The figures of each local day that the period touches."""
    return summaries(cube, cube.cell_buckets("1D"), len(cube.index("1D")))


def summaries(cube: Cube, group: Ints, size: int) -> list[CallSummary]:
    """The figures of each group of cells."""
    rates = rate_counts(cube, group, size)
    counts = {str(name): rates[name].to_numpy() for name in rates}
    more = {
        "outbound": cube.count("calls") * cube.is_("direction", "outbound"),
        **{name: cube.count(name) for name in ("engaged", "with_turns", "interruptions", "with_cost")},
        **{name: cube.count(name) for name in ("negative", "positive")},
    }
    for name, n in more.items():
        counts[name] = np.bincount(group, n, size).astype(np.int64)
    spreads = {
        field: _spreads(cube, field, group, counts["n"]) for field in MEASURES if field in cube.cells.spreads
    }
    scores = cube.spread(SENTIMENT, group, size)[:, SUM]
    scored = cube.cells.tallies[SENTIMENT].regroup(group)
    counts["scored"] = np.bincount(scored.cell, scored.n, size).astype(np.int64)
    costs = np.column_stack([np.bincount(group, column, size) for column in cube.cells.costs.T])
    names, number = cube.values("language")
    languages = np.bincount(group * len(names) + number, cube.count("calls"), size * len(names))
    by_language = languages.reshape(size, len(names)).astype(np.int64)
    return [
        _summary(
            {name: int(n[number]) for name, n in counts.items()},
            {field: spread[number] for field, spread in spreads.items()},
            float(scores[number]),
            costs[number],
            _languages(names, by_language[number]),
        )
        for number in range(size)
    ]


def _languages(names: Sequence[str], counts: Ints) -> dict[str, int]:
    present = [(name, int(n)) for name, n in zip(names, counts, strict=True) if n]
    return dict(sorted(present, key=lambda pair: (-pair[1], pair[0])))


def _summary(
    counts: dict[str, int],
    spreads: dict[str, Percentiles],
    scores: float,
    costs: Floats,
    languages: dict[str, int],
) -> CallSummary:
    total = counts["n"]
    return CallSummary(
        total_calls=total,
        inbound_calls=total - counts["outbound"],
        outbound_calls=counts["outbound"],
        completed_calls=counts["completed"],
        failed_calls=counts["failed"],
        no_answer_calls=total - counts["answered"],
        answered_calls=counts["answered"],
        qualified_calls=counts["qualified"],
        handoff_calls=counts["handoffs"],
        error_calls=counts["errors"],
        engaged_calls=counts["engaged"],
        calls_with_turns=counts["with_turns"],
        interruptions=counts["interruptions"],
        **{name: rate(counts[part], counts[whole]) for name, (part, whole) in RATES.items()},
        **spreads,
        cost=_cost(counts, costs),
        sentiment=SentimentCounts(
            negative=counts["negative"],
            neutral=counts["scored"] - counts["negative"] - counts["positive"],
            positive=counts["positive"],
            mean=rate(scores, counts["scored"]),
        ),
        languages=languages,
    )


def _spreads(cube: Cube, field: str, group: Ints, totals: Ints) -> list[Percentiles]:
    table = percentile_table(cube, field, group, len(totals))
    columns = [str(name) for name in table.columns[1:]]
    return [
        Percentiles(
            n=int(n),
            coverage=rate(n, total),
            **(dict(zip(columns, map(float, values), strict=True)) if n else {}),
        )
        for n, total, *values in zip(table["n"], totals, *(table[name] for name in columns), strict=True)
    ]


def _cost(counts: dict[str, int], costs: Floats) -> CostSummary:
    n, total = counts["with_cost"], float(costs.sum())
    coverage = rate(n, counts["n"])
    if not n:
        return CostSummary(coverage=coverage)
    return CostSummary(
        n=n,
        coverage=coverage,
        **dict(zip(COMPONENTS, map(float, costs), strict=True)),
        total=total,
        per_call=rate(total, n),
        per_qualified_lead=rate(total, counts["qualified"]),
        per_handoff=rate(total, counts["handoffs"]),
    )
