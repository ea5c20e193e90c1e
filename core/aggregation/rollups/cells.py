"""Cells: additive figures of calls that share a span of time, direction, language, status and campaign.

Every figure of every chart is a sum over cells. All work is done by numpy on whole columns.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.models.definitions import COST_PARTS, COUNTS, DIMENSIONS, DISTRIBUTIONS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_VALUES = {"language": 50, "campaign": 300}
SPAN_FACTOR = 10
OTHER = "(other)"
STORED = tuple(
    sorted((one for one in COUNTS.values() if one.stored is not None), key=lambda one: one.stored or 0)
)
"""The counts that have a column of their own, in the order of those columns."""
COMPONENTS = tuple(COST_PARTS)
MEASURES = tuple(DISTRIBUTIONS)
"""Fields that are kept as sketches."""
SENTIMENT = "sentiment_score"
SPREADS = (*MEASURES, SENTIMENT)
SUM, LEAST, MOST = range(3)
EXTREMES = (np.add, np.minimum, np.maximum)
NOTHING = (0.0, np.inf, -np.inf)
"""Sum, least and greatest: how each is combined (EXTREMES), and its value where there is no data."""
Number = TypeVar("Number", bound=np.generic)
Pair = tuple[str | None, str | None]
Word = TypeVar("Word", bound=Hashable)


@dataclass(frozen=True)
class Tally:
    """How often each key occurs in each cell, as rows of (cell, key, n) sorted by cell.

    ``words`` names the keys, for tallies whose keys are words; otherwise the key itself is the value (a
    bucket of a sketch, a quarter hour). Keys are not negative.
    """

    cell: Ints
    key: Ints
    n: Ints
    words: tuple[Pair, ...] = ()

    @classmethod
    def count(cls, cell: Ints, key: Ints, n: Ints | None = None, words: Sequence[Pair] = ()) -> Self:
        """Return a tally of (cell, key) rows that may repeat; each pair occurs once in the result.

        Without ``n`` each row counts once. Dense pairs are counted with ``bincount``, which needs memory for
        the whole range of pairs; sparse ones are sorted.
        """
        if not len(cell):
            return cls(*(np.empty(0, np.int64),) * 3, words=tuple(words))
        width = int(key.max()) + 1
        pairs = cell * width + key
        span = int(pairs.max()) + 1
        if span <= max(1 << 16, 8 * len(pairs)):
            sums = np.bincount(pairs, n, span)  # doubles are exact up to 2^53
            found = np.flatnonzero(sums)
            totals = sums[found].astype(np.int64)
        else:
            order = np.argsort(pairs, kind="stable")
            ordered = pairs[order]
            firsts = np.flatnonzero(np.diff(ordered, prepend=-1))
            found = ordered[firsts]
            ones = np.ones(len(pairs), np.int64) if n is None else n
            totals = np.add.reduceat(ones[order], firsts)
        return cls(found // width, found % width, totals, tuple(words))

    def regroup(self, group: Ints) -> Self:
        """Return the tally of groups of cells.

        ``group`` holds each cell's group, and -1 leaves the cell out.
        """
        to = group[self.cell]
        kept = to >= 0
        return self.count(to[kept], self.key[kept], self.n[kept], self.words)

    def shifted(self, by: Ints) -> Self:
        """Return the same tally with each row's key moved by ``by``."""
        return replace(self, key=self.key + by)

    def table(self, group: Ints, rows: int, width: int) -> Ints:
        """Return the counts as a matrix of groups x keys; a group of -1 leaves the cell out."""
        at, n = (group * width)[self.cell] + self.key, self.n
        if (group < 0).any():
            kept = group[self.cell] >= 0
            at, n = at[kept], n[kept]
        return np.bincount(at, n, rows * width).astype(np.int64).reshape(rows, width)


@dataclass(frozen=True)
class Cells:
    """Cells as columns of equal length; row ``i`` of every column belongs to cell ``i``.

    Never modified in place.

    ``time`` is the start of the span, in seconds since 1970. ``codes`` (cells x DIMENSIONS) index ``words``.
    ``spreads`` holds sum, least and greatest of each field (cells x 3), ``costs`` the rupees of each
    component. The tally ``slots`` counts calls per quarter hour since ``time``.
    """

    time: Ints
    codes: Ints
    words: tuple[str | None, ...]
    counts: Ints
    costs: Floats
    spreads: dict[str, Floats]
    tallies: dict[str, Tally]

    def __len__(self) -> int:
        return len(self.time)

    def regroup(self, group: Ints, time: Ints, codes: Ints) -> Self:
        """Sum groups of cells: ``group`` holds each cell's group, and -1 leaves the cell out.

        ``time`` and ``codes`` are the columns of the result, one row a group. Everything in a cell is
        additive (or a least or greatest value), which is why the result does not depend on how often or in
        which order cells are regrouped.
        """
        order, firsts, there = runs(group)

        def gather(values: NDArray[Number], how: np.ufunc, empty: float) -> NDArray[Number]:
            result = np.full((len(time), *values.shape[1:]), empty, values.dtype)
            if len(firsts):
                result[there] = how.reduceat(values[order], firsts, axis=0)
            return result

        spreads = {
            name: np.column_stack(
                [
                    gather(values[:, column], how, empty)
                    for column, (how, empty) in enumerate(zip(EXTREMES, NOTHING, strict=True))
                ]
            )
            for name, values in self.spreads.items()
        }
        return replace(
            self,
            time=time,
            codes=codes,
            counts=gather(self.counts, np.add, 0),
            costs=gather(self.costs, np.add, 0),
            spreads=spreads,
            tallies={name: tally.regroup(group) for name, tally in self.tallies.items()},
        )

    def only(self, fields: Sequence[str], *, counts: bool = True) -> Self:
        """Return the same cells with the spreads and sketches of these fields alone.

        Without ``counts`` they have nothing else: no counts, no costs, no other tallies.
        """
        width = None if counts else 0
        return replace(
            self,
            counts=self.counts[:, :width],
            costs=self.costs[:, :width],
            spreads={name: self.spreads[name] for name in fields},
            tallies={
                name: tally
                for name, tally in self.tallies.items()
                if name in fields or (counts and name not in SPREADS)
            },
        )

    def with_tally(self, name: str, tally: Tally) -> Self:
        """Return the same cells with one tally added or replaced."""
        return replace(self, tallies={**self.tallies, name: tally})

    def take(self, kept: NDArray[np.bool_]) -> Self:
        """Return the cells where ``kept`` is true."""
        number = np.where(kept, np.cumsum(kept) - 1, -1)
        return replace(
            self,
            time=self.time[kept],
            codes=self.codes[kept],
            counts=self.counts[kept],
            costs=self.costs[kept],
            spreads={name: values[kept] for name, values in self.spreads.items()},
            tallies={name: _moved(tally, number) for name, tally in self.tallies.items()},
        )

    def capped(self, divisor: int = 1) -> Self:
        """Merge all but the MOST_VALUES (÷ ``divisor``) values with the most calls into OTHER, per dimension.

        Otherwise an agent that names a campaign after each call would make documents that MongoDB rejects.
        """
        return self._capped(np.zeros(len(self), np.int64), lambda most: most // divisor)

    def capped_spans(self) -> Self:
        """Return the same cells with each span of time capped on its own, independent of the other spans.

        A span keeps SPAN_FACTOR times as many values as a day: the values with the most calls of a day are
        seldom those of each of its quarter hours. Capping each span on its own makes a window's document the
        same however many windows are recomputed with it.
        """
        return self._capped(self.time, lambda most: most * SPAN_FACTOR)

    def _capped(self, span: Ints, limit: Callable[[int], int]) -> Self:
        words, codes = list(self.words), self.codes.copy()
        for name, most in MOST_VALUES.items():
            column = codes[:, DIMENSIONS.index(name)]
            rare = _rare(span, column, self.counts[:, 0], self.words, limit(most))
            if not rare.any():
                continue
            if OTHER not in words:
                words.append(OTHER)
            column[rare] = words.index(OTHER)
        if (codes == self.codes).all():
            return self
        return replace(self, words=tuple(words), codes=codes).merged(self.time)

    def without_campaigns(self) -> Self:
        """Return the same cells with their campaign removed; cells that became equal are not merged yet."""
        words = self.words if None in self.words else (*self.words, None)
        codes = self.codes.copy()
        codes[:, DIMENSIONS.index("campaign")] = words.index(None)
        return replace(self, words=words, codes=codes)

    def merged(self, time: Ints) -> Self:
        """Set the cells' times to ``time`` and merge those that then share time and dimensions."""
        first, group = distinct_rows(time, *self.codes.T)
        return self.regroup(group, time[first], self.codes[first])


def _rare(span: Ints, code: Ints, n: Ints, words: Sequence[str | None], most: int) -> NDArray[np.bool_]:
    """Return which cells have a value outside the ``most`` values with the most calls of their span."""
    if np.count_nonzero(np.bincount(code)) <= most:
        return np.zeros(len(code), np.bool_)
    first, pair = distinct_rows(span, code)
    calls = np.bincount(pair, n)
    # Break ties alphabetically: the order in which cells were read must not decide.
    alphabet = np.argsort(np.argsort(["" if word is None else word for word in words], kind="stable"))
    # OTHER stays OTHER, and does not take the place of another value.
    other = np.array([word == OTHER for word in words])[code[first]]
    order = np.lexsort((alphabet[code[first]], -calls, other, span[first]))
    spans = span[first][order]
    begins = np.flatnonzero(np.diff(spans, prepend=spans[0] - 1))
    place = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    rare = np.zeros(len(order), np.bool_)
    rare[order[place >= most]] = True
    rare_cells: NDArray[np.bool_] = (rare & ~other)[pair]
    return rare_cells


def runs(group: Ints) -> tuple[Ints, Ints, Ints]:
    """Return an order that brings groups together, where each group begins in it, and the groups.

    Rows of group -1 are left out.
    """
    order = np.argsort(group, kind="stable")
    order = order[np.searchsorted(group[order], 0) :]
    ordered = group[order]
    firsts = np.flatnonzero(np.diff(ordered, prepend=-1))
    return order, firsts, ordered[firsts]


def distinct_rows(*columns: Ints) -> tuple[Ints, Ints]:
    """Return, for rows made of integer columns, where each distinct row first occurs, and each row's number.

    Columns are packed into one integer label, which is compacted before it would exceed 62 bits.
    """
    label, span = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        values, code = np.unique(column, return_inverse=True)
        if span * len(values) > 2**62:
            label = np.unique(label, return_inverse=True)[1]
            span = len(label)
        label, span = label * len(values) + code, span * len(values)
    _, first, number = np.unique(label, return_index=True, return_inverse=True)
    return first, number


def _moved(tally: Tally, number: Ints) -> Tally:
    to = number[tally.cell]
    kept = to >= 0
    return Tally(to[kept], tally.key[kept], tally.n[kept], tally.words)


def concatenate(parts: Sequence[Cells]) -> Cells:
    """Return all cells one below the other, with common vocabularies. ``parts`` must not be empty."""
    parts = [part for part in parts if len(part)] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    words, codes = _common([part.words for part in parts])
    starts = np.cumsum([0, *(len(part) for part in parts)])
    return Cells(
        time=np.concatenate([part.time for part in parts]),
        codes=np.concatenate([code[part.codes] for part, code in zip(parts, codes, strict=True)]),
        words=words,
        counts=np.concatenate([part.counts for part in parts]),
        costs=np.concatenate([part.costs for part in parts]),
        spreads={name: np.concatenate([part.spreads[name] for part in parts]) for name in parts[0].spreads},
        tallies={
            name: _concatenate_tallies([part.tallies[name] for part in parts], starts)
            for name in parts[0].tallies
        },
    )


def _common(vocabularies: Sequence[tuple[Word, ...]]) -> tuple[tuple[Word, ...], list[Ints]]:
    numbers: dict[Word, int] = {}
    codes = [
        np.array([numbers.setdefault(word, len(numbers)) for word in words], np.int64)
        for words in vocabularies
    ]
    return tuple(numbers), codes


def _concatenate_tallies(tallies: Sequence[Tally], starts: Ints) -> Tally:
    words, codes = _common([tally.words for tally in tallies])
    keys = [code[tally.key] if len(code) else tally.key for tally, code in zip(tallies, codes, strict=True)]
    return Tally(
        np.concatenate([tally.cell + start for tally, start in zip(tallies, starts, strict=False)]),
        np.concatenate(keys),
        np.concatenate([tally.n for tally in tallies]),
        words,
    )
