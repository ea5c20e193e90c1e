"""Figures of a period, or of each of its days or values, computed from a cube by pure functions."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

import numpy as np

from core.aggregation.cube import Cube
from core.aggregation.rollups.cells import COMPONENTS, MEASURES, SENTIMENT, SUM, Floats, Ints
from core.aggregation.series import percentile_table
from core.models.definitions import COST_PER, COUNTS, RATES
from core.models.figures import ErrorCount
from core.models.metrics import CallSummary, CostSummary, Percentiles, SentimentCounts

MOST_ERROR_TYPES = 50
"""Most types of error listed: an agent may invent one for each call."""


def rate(part: float, whole: float) -> float | None:
    """Return ``part`` ÷ ``whole``; None if there is nothing to divide by."""
    return float(part / whole) if whole else None


def summarise(cube: Cube) -> CallSummary:
    """Return the figures of the period; ``definitions.METRICS`` says what each one means."""
    return summaries(cube, np.zeros(len(cube.cells), np.int64), 1)[0]


def summarise_days(cube: Cube, first: date, last: date) -> list[CallSummary]:
    """Return the figures of each local day from ``first`` to ``last``, whose period the cube holds.

    A day that local clocks never showed, as where the date line moved, has no calls.
    """
    offsets = np.asarray([(start.date() - first).days for start in cube.index("1D")], np.int64)
    return summaries(cube, offsets[cube.cell_buckets("1D")], (last - first).days + 1)


def summaries(cube: Cube, group: Ints, size: int) -> list[CallSummary]:
    """Return the figures of each group of cells."""
    counts = {key: np.bincount(group, cube.counted(key), size).astype(np.int64) for key in COUNTS}
    spreads = {
        field: _spreads(cube, field, group, counts["total_calls"])
        for field in MEASURES
        if field in cube.cells.spreads
    }
    scores = cube.spread(SENTIMENT, group, size)[:, SUM]
    scored = cube.cells.tallies[SENTIMENT].regroup(group)
    counts["scored"] = np.bincount(scored.cell, scored.n, size).astype(np.int64)
    costs = np.column_stack([np.bincount(group, column, size) for column in cube.cells.costs.T])
    names, number = cube.values("language")
    languages = np.bincount(group * len(names) + number, cube.counted("total_calls"), size * len(names))
    by_language = languages.reshape(size, len(names)).astype(np.int64)
    errors = _errors(cube, group, size)
    return [
        _summary(
            {name: int(n[number]) for name, n in counts.items()},
            {field: spread[number] for field, spread in spreads.items()},
            float(scores[number]),
            costs[number],
            _languages(names, by_language[number]),
            errors[number],
        )
        for number in range(size)
    ]


def _languages(names: Sequence[str], counts: Ints) -> dict[str, int]:
    present = [(name, int(n)) for name, n in zip(names, counts, strict=True) if n]
    return dict(sorted(present, key=lambda pair: (-pair[1], pair[0])))


def _errors(cube: Cube, group: Ints, size: int) -> list[list[ErrorCount]]:
    """Return the errors of each group of cells by type, most frequent first."""
    counted: list[Counter[str]] = [Counter() for _ in range(size)]
    tally = cube.cells.tallies["errors"].regroup(group)
    for number, key, n in zip(tally.cell.tolist(), tally.key.tolist(), tally.n.tolist(), strict=True):
        counted[number][tally.words[key][0] or ""] += n
    ranked = [sorted(one.items(), key=lambda pair: (-pair[1], pair[0])) for one in counted]
    return [[ErrorCount(type=name, n=n) for name, n in one[:MOST_ERROR_TYPES]] for one in ranked]


def _summary(
    counts: dict[str, int],
    spreads: dict[str, Percentiles],
    scores: float,
    costs: Floats,
    languages: dict[str, int],
    errors: list[ErrorCount],
) -> CallSummary:
    return CallSummary(
        **{key: counts[key] for key, count in COUNTS.items() if count.shown},
        **{key: rate(counts[of.part], counts[of.whole]) for key, of in RATES.items()},
        **spreads,
        cost=_cost(counts, costs),
        sentiment=SentimentCounts(
            negative=counts["negative_calls"],
            neutral=counts["scored"] - counts["negative_calls"] - counts["positive_calls"],
            positive=counts["positive_calls"],
            mean=rate(scores, counts["scored"]),
        ),
        languages=languages,
        errors_by_type=errors,
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
    n, total = counts["calls_with_cost"], float(costs.sum())
    coverage = rate(n, counts["total_calls"])
    if not n:
        return CostSummary(coverage=coverage)
    return CostSummary(
        n=n,
        coverage=coverage,
        **dict(zip(COMPONENTS, map(float, costs), strict=True)),
        total=total,
        **{name: rate(total, counts[key]) for name, key in COST_PER.items()},
    )
