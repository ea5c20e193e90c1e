"""Cells: additive figures of the calls that share a span of time, direction, language, status and campaign.

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
"""The counts that have a column of their own, in the order of the columns."""
COMPONENTS = tuple(COST_PARTS)
MEASURES = tuple(DISTRIBUTIONS)
"""Fields kept as sketches."""
SENTIMENT = "sentiment_score"
SPREADS = (*MEASURES, SENTIMENT)
SUM, LEAST, MOST = range(3)
EXTREMES = (np.add, np.minimum, np.maximum)
NOTHING = (0.0, np.inf, -np.inf)
"""How sum, least and greatest come together, and what they are where there is no value."""
Number = TypeVar("Number", bound=np.generic)
Pair = tuple[str | None, str | None]
Word = TypeVar("Word", bound=Hashable)


@dataclass(frozen=True)
class Tally:
    """How often each key occurs in each cell, as rows of (cell, key, n); ``words`` names the keys."""

    cell: Ints
    key: Ints
    n: Ints
    words: tuple[Pair, ...] = ()

    @classmethod
    def count(cls, cell: Ints, key: Ints, n: Ints | None = None, words: Sequence[Pair] = ()) -> Self:
        """Rows of (cell, key), each pair once."""
        if not len(cell):
            return cls(*(np.empty(0, np.int64),) * 3, words=tuple(words))
        width = int(key.max()) + 1
        pairs = cell * width + key
        span = int(pairs.max()) + 1
        if span <= max(1 << 16, 8 * len(pairs)):
            sums = np.bincount(pairs, n, span)  # doubles count exactly to 2^53
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
        """The same of groups of cells: ``group`` holds each cell's group, -1 leaves it out."""
        to = group[self.cell]
        kept = to >= 0
        return self.count(to[kept], self.key[kept], self.n[kept], self.words)

    def shifted(self, by: Ints) -> Self:
        """The same with other keys: each row's moved by so much."""
        return replace(self, key=self.key + by)

    def table(self, group: Ints, rows: int, width: int) -> Ints:
        """The counts of groups of cells as a matrix of groups x keys; -1 leaves a cell out."""
        at, n = (group * width)[self.cell] + self.key, self.n
        if (group < 0).any():
            kept = group[self.cell] >= 0
            at, n = at[kept], n[kept]
        return np.bincount(at, n, rows * width).astype(np.int64).reshape(rows, width)


@dataclass(frozen=True)
class Cells:
    """Columns of equal length. ``time`` is the span's start, seconds since 1970.

    ``codes`` (cells x DIMENSIONS) point into ``words``; ``spreads`` holds sum, least and greatest of each
    field (cells x 3), ``costs`` the rupees of each component. Tally ``slots``: calls by quarter hour since
    ``time``.
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
        """Sums of groups of cells; ``time`` and ``codes`` are those of the groups, -1 leaves a cell out."""
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

    def only(self, fields: Sequence[str]) -> Self:
        """The same without the other fields' spreads and sketches."""
        return replace(
            self,
            spreads={name: self.spreads[name] for name in fields},
            tallies={
                name: tally for name, tally in self.tallies.items() if name in fields or name not in SPREADS
            },
        )

    def with_tally(self, name: str, tally: Tally) -> Self:
        """The same with another tally."""
        return replace(self, tallies={**self.tallies, name: tally})

    def take(self, kept: NDArray[np.bool_]) -> Self:
        """The cells where ``kept`` is true."""
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
        """The same with all but the MOST_VALUES (÷ divisor) of the most calls counted together, as OTHER.

        Else an agent that names a campaign after each call would make documents that MongoDB refuses.
        """
        return self._capped(np.zeros(len(self), np.int64), lambda most: most // divisor)

    def capped_spans(self) -> Self:
        """The same with each span of time capped by itself, whatever others are beside it.

        A span keeps SPAN_FACTOR times as many values as are told apart of a day: those of a day's most
        calls are seldom the ones of each of its quarter hours.
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
        """The same cells, no longer told apart by campaign."""
        words = self.words if None in self.words else (*self.words, None)
        codes = self.codes.copy()
        codes[:, DIMENSIONS.index("campaign")] = words.index(None)
        return replace(self, words=words, codes=codes)

    def merged(self, time: Ints) -> Self:
        """Cells of the same time and dimensions as one, after their times became ``time``."""
        first, group = distinct_rows(time, *self.codes.T)
        return self.regroup(group, time[first], self.codes[first])


def _rare(span: Ints, code: Ints, n: Ints, words: Sequence[str | None], most: int) -> NDArray[np.bool_]:
    """Which cells have a word that is not among those of the most calls of their span."""
    if np.count_nonzero(np.bincount(code)) <= most:
        return np.zeros(len(code), np.bool_)
    first, pair = distinct_rows(span, code)
    calls = np.bincount(pair, n)
    # Of equally many calls the earlier in the alphabet: the order of reading must not decide.
    alphabet = np.argsort(np.argsort(["" if word is None else word for word in words], kind="stable"))
    # What was counted together before stays so, and takes no other's place.
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
    """An order that brings groups together, where each begins in it, and the groups; -1 is left out."""
    order = np.argsort(group, kind="stable")
    order = order[np.searchsorted(group[order], 0) :]
    ordered = group[order]
    firsts = np.flatnonzero(np.diff(ordered, prepend=-1))
    return order, firsts, ordered[firsts]


def distinct_rows(*columns: Ints) -> tuple[Ints, Ints]:
    """Of rows made of columns of integers: where each distinct one first is, and which one each row is."""
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
    """All cells one below the other, words and tallies made common."""
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
