"""Cells as MongoDB documents and back: few binary columns a document, decoded for all documents at once.

A document holds the cells of one span of time, or of several that begin ``offsets`` (uint32) seconds after
its own start. Columns are little-endian: ``codes`` (uint32, cells x
DIMENSIONS, pointing into ``words``), ``counts`` (int64, cells x STORED), ``costs`` (double, cells x
COMPONENTS), ``spreads`` (double, cells x sum, least, most). A tally has the number of its rows for each
cell (``sizes``, uint32), its keys (uint16; uint32 where they point into ``words``) and how often each
occurs (``n``, uint32).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.aggregation.rollups.cells import (
    COMPONENTS,
    MOST_VALUES,
    SPREADS,
    STORED,
    Cells,
    Ints,
    Tally,
)
from core.models.definitions import DIMENSIONS
from core.types import Document

SCHEMA_VERSION = 5
MOST_BYTES = 15_000_000
"""MongoDB refuses documents above 16 MB."""
_CELLS_THAT_FIT = 250
"""So many cells fit whatever is in them."""
WORDED = ("errors", "ends")
"""Tallies whose keys are words."""
TALLIES = ("slots", "attempts", *WORDED, *SPREADS)
_KEY, _CODE, _N = np.dtype("<u2"), np.dtype("<u4"), np.dtype("<u4")
_COUNT, _SUM = np.dtype("<i8"), np.dtype("<f8")
Kept = NDArray[np.bool_] | slice


def documents(cells: Cells) -> Iterator[tuple[int, Document]]:
    """For each span of time, in order: its start in seconds since 1970 and the document of its cells.

    The cells are in the order of their time, as ``regroup`` leaves them.
    """
    starts = np.flatnonzero(np.diff(cells.time, prepend=-1))
    ends = np.append(starts, len(cells))[1:]
    spans = map(slice, starts.tolist(), ends.tolist())
    for start, size, row in zip(
        cells.time[starts].tolist(), (ends - starts).tolist(), _documents(cells, spans), strict=True
    ):
        fits = size <= _CELLS_THAT_FIT or _size(row) <= MOST_BYTES
        yield start, row if fits else document(cells.take(cells.time == start).capped(2), start)


def document(cells: Cells, start: int) -> Document:
    """One document of cells of several times, from ``start`` (seconds since 1970) on.

    Of the values of a dimension those of few calls are counted together where MongoDB would refuse it.
    """
    divisor = 1
    while True:
        (whole,) = _documents(cells, [slice(0, len(cells))])
        fits = len(cells) <= _CELLS_THAT_FIT or _size(whole) <= MOST_BYTES
        if fits or divisor > max(MOST_VALUES.values()):
            return {**whole, "offsets": (cells.time - start).astype(_CODE).tobytes()}
        divisor *= 2
        cells = cells.capped(divisor)


def _size(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list):
        return 16 + sum(map(_size, value))
    return len(value) if isinstance(value, bytes | str) else 16


def _documents(cells: Cells, spans: Iterable[slice]) -> Iterator[Document]:
    codes, counts = cells.codes, cells.counts.astype(_COUNT, copy=False)
    costs = cells.costs.astype(_SUM, copy=False)
    spreads = {name: values.astype(_SUM, copy=False) for name, values in cells.spreads.items()}
    tallies = {
        name: _PackedTally(tally, len(cells), worded=name in WORDED) for name, tally in cells.tallies.items()
    }
    for span in spans:
        used, numbers = _numbered(codes[span], len(cells.words))
        yield {
            "schema_version": SCHEMA_VERSION,
            "calls": int(counts[span, 0].sum()),
            "words": [cells.words[code] for code in used],
            "codes": numbers.tobytes(),
            "counts": counts[span].tobytes(),
            "costs": costs[span].tobytes(),
            "spreads": {name: values[span].tobytes() for name, values in spreads.items()},
            "tallies": {name: tally.of(span) for name, tally in tallies.items()},
        }


class _PackedTally:
    """A tally's columns as they are stored, converted once for the documents of all spans."""

    def __init__(self, tally: Tally, cells: int, *, worded: bool) -> None:
        sizes = np.bincount(tally.cell, minlength=cells)
        self._sizes, self._n = sizes.astype(_N), tally.n.astype(_N)
        self._begins = [0, *np.cumsum(sizes).tolist()]
        self._keys = tally.key.astype(_CODE if worded else _KEY)
        self._words = tally.words if worded else None

    def of(self, span: slice) -> Document:
        """The columns of the cells of a span."""
        rows = slice(self._begins[span.start], self._begins[span.stop])
        counts = {"sizes": self._sizes[span].tobytes(), "n": self._n[rows].tobytes()}
        if self._words is None:
            return counts | {"keys": self._keys[rows].tobytes()}
        used, keys = _numbered(self._keys[rows], len(self._words))
        return counts | {"keys": keys.tobytes(), "words": [list(self._words[code]) for code in used]}


def _numbered(codes: NDArray[Any], size: int) -> tuple[list[int], NDArray[Any]]:
    """The codes below ``size`` that occur, ascending, and the place of each code among them."""
    used = np.flatnonzero(np.bincount(codes.ravel(), minlength=size))
    places = np.zeros(size, _CODE)
    places[used] = np.arange(len(used))
    return used.tolist(), places[codes]


def projection(fields: Sequence[str]) -> Document:
    """What to read of a document for the sketches of these fields alone."""
    unused = [name for name in SPREADS if name not in fields]
    return {f"{part}.{name}": 0 for part in ("spreads", "tallies") for name in unused}


def cells_of_documents(
    rows: Sequence[Mapping[str, Any]],
    starts: Sequence[datetime],
    fields: Sequence[str] = SPREADS,
    wanted: Mapping[str, str] = MappingProxyType({}),
) -> Cells:
    """The cells of documents whose spans begin at ``starts``, one below the other.

    ``wanted``: only those of these values of dimensions.
    """
    codes = _joined((row["codes"] for row in rows), _CODE).astype(np.int64).reshape(-1, len(DIMENSIONS))
    sizes = np.array([len(row["codes"]) for row in rows], np.int64) // (_CODE.itemsize * len(DIMENSIONS))
    words, lookup, bases = _common([row["words"] for row in rows])
    times = np.array([int(start.astimezone(UTC).timestamp()) for start in starts], np.int64)
    spans = _joined((row["offsets"] for row in rows if "offsets" in row), _CODE).astype(np.int64)
    codes = lookup[codes + np.repeat(bases, sizes)[:, None]] if len(codes) else codes
    kept = _kept(codes, words, wanted)
    counts = _joined((row["counts"] for row in rows), _COUNT).reshape(-1, len(STORED))
    return Cells(
        time=(np.repeat(times, sizes) + (spans if len(spans) else 0))[kept],
        codes=codes[kept],
        words=words,
        counts=counts[kept].astype(np.int64),
        costs=_joined((row["costs"] for row in rows), _SUM).reshape(-1, len(COMPONENTS))[kept],
        spreads={
            name: _joined((row["spreads"][name] for row in rows), _SUM).reshape(-1, 3)[kept]
            for name in fields
        },
        tallies={
            name: _unpacked([row["tallies"][name] for row in rows], kept, worded=name in WORDED)
            for name in TALLIES
            if name in fields or name not in SPREADS
        },
    )


def _kept(codes: Ints, words: Sequence[str | None], wanted: Mapping[str, str]) -> Kept:
    """Which cells have these values."""
    if not wanted:
        return slice(None)
    kept = np.ones(len(codes), bool)
    for name, value in wanted.items():
        code = words.index(value) if value in words else -1
        kept &= codes[:, DIMENSIONS.index(name)] == code
    return kept


def values_of_documents(rows: Iterable[Mapping[str, Any]], dimension: int) -> set[str | None]:
    """The values of a dimension (its place in DIMENSIONS) that occur in documents."""
    found: set[str | None] = set()
    for row in rows:
        if "codes" not in row:
            continue  # of no call
        codes = np.frombuffer(row["codes"], _CODE).reshape(-1, len(DIMENSIONS))[:, dimension]
        found.update(row["words"][code] for code in np.unique(codes).tolist())
    return found


def _joined(parts: Iterator[bytes], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    return np.frombuffer(b"".join(parts), dtype)


def _unpacked(parts: Sequence[Mapping[str, Any]], kept: Kept, *, worded: bool) -> Tally:
    sizes = _joined((part["sizes"] for part in parts), _N)
    keys = _joined((part["keys"] for part in parts), _CODE if worded else _KEY)
    n = _joined((part["n"] for part in parts), _N)
    of_kept = kept if isinstance(kept, slice) else np.repeat(kept, sizes)
    words: tuple[Any, ...] = ()
    if worded:
        words, lookup, bases = _common([[tuple(pair) for pair in part["words"]] for part in parts])
        rows = np.array([len(part["keys"]) for part in parts], np.int64) // _CODE.itemsize
        keys = lookup[keys + np.repeat(bases, rows)] if len(keys) else keys
    sizes, keys, n = sizes[kept], keys[of_kept].astype(np.int64), n[of_kept].astype(np.int64)
    return Tally(np.repeat(np.arange(len(sizes)), sizes), keys, n, words)


def _common(vocabularies: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], Ints, Ints]:
    """One vocabulary, the numbers in it of all words one after the other, and where each one's begin."""
    numbers: dict[Any, int] = {}
    lookup = [numbers.setdefault(word, len(numbers)) for words in vocabularies for word in words]
    bases = np.cumsum([0, *(len(words) for words in vocabularies)])[:-1]
    return tuple(numbers), np.array(lookup, np.int64), bases
