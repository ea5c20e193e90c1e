"""Two sides to compare, such as two versions of an agent: counted and measured from the columnar copy."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.aggregation.columnar.copy import Source
from core.aggregation.columnar.fields import COSTS, Where, by_field
from core.aggregation.columnar.statements import Statement, counted, needed, only_counted, points, quoted
from core.aggregation.funnel import FUNNEL
from core.aggregation.sequential import LEAST_CALLS, Side, Verdict, compare, of_price, of_share
from core.models.definitions import (
    COST_PARTS,
    COST_PER,
    COUNTS,
    DISTRIBUTIONS,
    PERCENTILES,
    PRICES,
    RATES,
    Condition,
)
from core.models.figures import Percentiles

MOST_BINS = 40
_MEANS = (*DISTRIBUTIONS, "sentiment_score", "cost")
"""Figures whose means are compared."""
_OUTBOUND = Condition("direction", "is", "outbound")
_ANSWERED = COUNTS["answered_calls"].where
_STAGES: Mapping[str, tuple[Condition, ...]] = {
    "dialled": (),
    "answered": _ANSWERED,
    "engaged": (*COUNTS["engaged_calls"].where, *_ANSWERED),
    "qualified": COUNTS["qualified_calls"].where,
    "handed_off": COUNTS["handoff_calls"].where,
}


@dataclass(frozen=True)
class Figures:
    """One side: its counts by key, its funnel of outbound calls by stage, and its means.

    ``spreads`` are exact. ``sides`` are what verdicts compare: every rate, the mean of every measure, and
    those of PRICES with enough of what they are for.
    ``costs`` are rupees by part, over all its calls.
    """

    counts: Mapping[str, int]
    funnel: Mapping[str, int]
    spreads: Mapping[str, Percentiles]
    sides: Mapping[str, Side]
    costs: Mapping[str, float]

    @property
    def calls(self) -> int:
        """Return how many calls it has."""
        return self.counts["total_calls"]

    def rate(self, key: str) -> tuple[int, int]:
        """Return part and whole of a rate."""
        return self.counts[RATES[key].part], self.counts[RATES[key].whole]

    def price(self, key: str) -> float | None:
        """Return rupees per unit of a COST_PER count; None if there are none, or no cost is known."""
        whole = self.counts[COST_PER[key]]
        return sum(self.costs.values()) / whole if whole and self.counts["calls_with_cost"] else None


def figures(source: Source, where: Where) -> Figures:
    """Return the counts and measures of the calls of a source that match filters.

    Raises:
        SourceGoneError: files of the source have been replaced.
        TooLargeError: it needs more memory or time than it may use.
        ValueError: there is no such field.
    """
    statement = Statement(source, sorted(_columns() | {name for name, _ in where}))
    condition = statement.only(by_field(where))
    said = [
        f"{counted(count.where, statement)} AS {key}" for key, count in COUNTS.items() if not count.total_of
    ]
    said += [
        f"{counted((*conditions, _OUTBOUND), statement)} AS stage_{stage}"
        for stage, conditions in _STAGES.items()
    ]
    for name in _MEANS:
        column = quoted(name)
        said.append(
            f"count({column}) AS n_{name}, avg({column}) AS mean_{name}, var_samp({column}) AS var_{name}"
        )
    said += [f"{points(name)} AS points_{name}, max({quoted(name)}) AS max_{name}" for name in DISTRIBUTIONS]
    said += [f"sum({quoted(name)}) AS {name}" for name in COSTS]
    said.append("sum(cost * cost) AS cost_squares")
    said += [
        f"sum(cost){only_counted(COUNTS[key].where, statement)} AS cost_{name}"
        for name, key in PRICES.items()
    ]
    [row] = statement.run(said, condition).named()
    return _figures(row)


def _figures(row: Mapping[str, object]) -> Figures:
    def number(name: str) -> float:
        value = row[name]
        return float(value) if isinstance(value, int | float) else 0.0

    counts = {key: int(number(key)) for key, count in COUNTS.items() if not count.total_of}
    rates = {key: of_share(counts[rate.part], counts[rate.whole]) for key, rate in RATES.items()}
    means = {
        name: Side(int(number(f"n_{name}")), number(f"mean_{name}"), number(f"var_{name}")) for name in _MEANS
    }
    costs = {part: number(f"cost_{part}") for part in COST_PARTS}
    total, squares = sum(costs.values()), number("cost_squares")
    prices = {
        name: of_price(counts["total_calls"], counts[key], total, squares, number(f"cost_{name}"))
        for name, key in PRICES.items()
        if counts["calls_with_cost"] and counts[key] >= LEAST_CALLS
    }
    return Figures(
        counts,
        {stage: int(number(f"stage_{stage}")) for stage in FUNNEL},
        {name: _spread(row, name, counts["total_calls"]) for name in DISTRIBUTIONS},
        rates | means | prices,
        costs,
    )


def _spread(row: Mapping[str, object], name: str, calls: int) -> Percentiles:
    n, levels = row[f"n_{name}"], row[f"points_{name}"]
    if not isinstance(n, int) or not n or not isinstance(levels, list):
        return Percentiles(n=0, coverage=0.0 if calls else None)
    known = dict(zip(PERCENTILES, map(float, levels), strict=True))
    return Percentiles.model_validate(
        {"n": n, "coverage": n / calls, "mean": row[f"mean_{name}"], "max": row[f"max_{name}"], **known}
    )


def verdict(key: str, first: Figures, second: Figures) -> Verdict | None:
    """Return how the second side's rate, mean or price differs; None if it is of too few calls or leads."""
    sides = first.sides.get(key), second.sides.get(key)
    return compare(sides[0], sides[1]) if sides[0] and sides[1] else None


def histograms(pairs: Sequence[tuple[Source, Where]], name: str, top: float) -> pd.DataFrame:
    """Return the values of a field in several sets of calls, as shares of calls that have it, in equal bins.

    A row for each bin with its ``start`` and ``end``, a column by number for each set; the last bin has all
    from ``top`` on.
    """
    width = _nice(top / MOST_BINS)
    last = max(1, math.ceil(top / width))
    shares = []
    for source, where in pairs:
        statement = Statement(source, sorted({name, *(one for one, _ in where)}))
        condition = f"{statement.only(by_field(where))} AND {quoted(name)} IS NOT NULL"
        number = f"floor({quoted(name)} / {statement.bind(width)})"
        bins = f"CAST(greatest(least({number}, {statement.bind(last)}), 0) AS INTEGER) AS bin"
        found = statement.run([bins, "count(*) AS n"], condition, "GROUP BY 1")
        counts = np.zeros(last + 1)
        counts[found.column("bin")] = found.column("n")
        shares.append(counts / max(counts.sum(), 1))
    starts = np.arange(last + 1) * width
    frame = pd.DataFrame({"start": starts, "end": starts + width})
    return frame.assign(**{str(number): share for number, share in enumerate(shares)})


def _nice(width: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(width, 1e-3)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-9))


def _columns() -> set[str]:
    counts = (needed(key) for key, count in COUNTS.items() if not count.total_of)
    return {*_MEANS, *COSTS, "direction"}.union(*counts)
