"""Encode cells as MongoDB documents and decode them: a few binary columns each, decoded for all at once.

A document holds the cells of one span of time, or of several that begin ``offsets`` (uint32) seconds after
its own start. Columns are little-endian: ``codes`` (uint32, cells x DIMENSIONS, indexes into ``words``),
``counts`` (int64, cells x STORED), ``costs`` (double, cells x COMPONENTS), ``spreads`` (double, cells x sum,
least, most). A tally stores the number of its rows for each cell (``sizes``, uint32), its keys (uint16;
uint32 if they index ``words``) and how often each occurs (``n``, uint32).

Any change to this layout needs a new SCHEMA_VERSION: documents of another version are ignored and rebuilt.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
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
from core.storage.readable import UNREADABLE, each_readable
from core.types import Document

SCHEMA_VERSION = 5
MOST_BYTES = 15_000_000
"""Size limit we keep to, in bytes; MongoDB rejects documents above 16 MB."""
_CELLS_THAT_FIT = 250
"""This many cells fit into a document whatever they contain, so their size need not be computed."""
WORDED = ("errors", "ends")
"""Tallies whose keys are words."""
TALLIES = ("slots", "attempts", *WORDED, *SPREADS)
_KEY, _CODE, _N = np.dtype("<u2"), np.dtype("<u4"), np.dtype("<u4")
_COUNT, _SUM = np.dtype("<i8"), np.dtype("<f8")
Kept = NDArray[np.bool_] | slice


def documents(cells: Cells) -> Iterator[tuple[int, Document]]:
    """Yield, in order of time, the start of each span (seconds since 1970) and the document of its cells.

    The cells must be sorted by time, as ``regroup`` leaves them. Where a span would exceed MOST_BYTES, rare
    values of its dimensions are merged into OTHER.
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
    """Return one document for cells of several times, from ``start`` (seconds since 1970) on.

    If it would be too large for MongoDB, dimension values with few calls are merged into OTHER, halving how
    many values are kept until it fits.
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
    """Return about how many bytes a document takes, from its binary columns and texts."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list):
        return 16 + sum(map(_size, value))
    return len(value) if isinstance(value, bytes | str) else 16


def _documents(cells: Cells, spans: Iterable[slice]) -> Iterator[Document]:
    """Yield the document of each span.

    The columns are converted once for all spans, as slicing bytes is cheap.
    """
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
    """A tally's columns in their stored form, converted once for the documents of all spans."""

    def __init__(self, tally: Tally, cells: int, *, worded: bool) -> None:
        sizes = np.bincount(tally.cell, minlength=cells)
        self._sizes, self._n = sizes.astype(_N), tally.n.astype(_N)
        self._begins = [0, *np.cumsum(sizes).tolist()]
        self._keys = tally.key.astype(_CODE if worded else _KEY)
        self._words = tally.words if worded else None

    def of(self, span: slice) -> Document:
        """Return the columns for the cells of a span; the vocabulary has only the words that occur in it."""
        rows = slice(self._begins[span.start], self._begins[span.stop])
        counts = {"sizes": self._sizes[span].tobytes(), "n": self._n[rows].tobytes()}
        if self._words is None:
            return counts | {"keys": self._keys[rows].tobytes()}
        used, keys = _numbered(self._keys[rows], len(self._words))
        return counts | {"keys": keys.tobytes(), "words": [list(self._words[code]) for code in used]}


def _numbered(codes: NDArray[Any], size: int) -> tuple[list[int], NDArray[Any]]:
    """Return the codes (below ``size``) that occur, ascending, and each code's index among them."""
    used = np.flatnonzero(np.bincount(codes.ravel(), minlength=size))
    places = np.zeros(size, _CODE)
    places[used] = np.arange(len(used))
    return used.tolist(), places[codes]


def projection(fields: Sequence[str], *, counts: bool = True) -> Document:
    """Return the projection that reads, of all sketches, only those of these fields.

    Without ``counts`` it reads nothing else but dimensions and times. It names what to read, because the
    server takes longer to leave out the rest by name; naming all would take longer than to read all.
    """
    if counts and set(SPREADS) <= {*fields}:
        return {}
    wanted = ["start", "words", "codes", "offsets"]
    wanted += [f"{part}.{name}" for part in ("spreads", "tallies") for name in fields]
    if counts:
        wanted += ["counts", "costs", *(f"tallies.{name}" for name in TALLIES if name not in SPREADS)]
    return dict.fromkeys(wanted, 1)


def cells_of_documents(
    rows: Sequence[Mapping[str, Any]],
    starts: Sequence[datetime],
    fields: Sequence[str] = SPREADS,
    wanted: Mapping[str, str] = MappingProxyType({}),
    *,
    counts: bool = True,
) -> Cells:
    """Return the cells of documents whose spans begin at ``starts``, concatenated.

    The reverse of ``documents``.

    All documents are decoded together: joining the bytes first and giving numpy one buffer per column is what
    makes reading a year of roll-ups fast.

    Args:
        rows: the stored documents.
        starts: the start of each document's span, with a zone.
        fields: the measures whose spreads and sketches are wanted.
        wanted: dimension values to keep; cells with other values are left out.
        counts: whether the documents were read with counts, costs and the other tallies.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: a document is damaged, or another tool changed it.
    """
    codes = _joined((row["codes"] for row in rows), _CODE).astype(np.int64).reshape(-1, len(DIMENSIONS))
    sizes = np.array([len(row["codes"]) for row in rows], np.int64) // (_CODE.itemsize * len(DIMENSIONS))
    words, lookup, bases = _common([row["words"] for row in rows])
    if (codes >= np.repeat([len(row["words"]) for row in rows], sizes)[:, None]).any():
        raise ValueError("a roll-up has codes without words")
    times = np.array([int(start.astimezone(UTC).timestamp()) for start in starts], np.int64)
    spans = _joined((row["offsets"] for row in rows if "offsets" in row), _CODE).astype(np.int64)
    codes = lookup[codes + np.repeat(bases, sizes)[:, None]] if len(codes) else codes
    kept = _kept(codes, words, wanted)

    def table(name: str, dtype: np.dtype[Any], width: int) -> NDArray[Any]:
        if not counts:
            return np.empty((len(codes), 0), dtype)
        return _joined((row[name] for row in rows), dtype).reshape(-1, width)

    cells = Cells(
        time=(np.repeat(times, sizes) + (spans if len(spans) else 0))[kept],
        codes=codes[kept],
        words=words,
        counts=table("counts", _COUNT, len(STORED))[kept].astype(np.int64),
        costs=table("costs", _SUM, len(COMPONENTS))[kept],
        spreads={
            name: _joined((row["spreads"][name] for row in rows), _SUM).reshape(-1, 3)[kept]
            for name in fields
        },
        tallies={
            name: _unpacked([row["tallies"][name] for row in rows], kept, worded=name in WORDED)
            for name in TALLIES
            if name in fields or (counts and name not in SPREADS)
        },
    )
    _check(cells)
    return cells


def readable_cells(
    rows: Sequence[Document],
    start: str,
    fields: Sequence[str] = SPREADS,
    wanted: Mapping[str, str] = MappingProxyType({}),
    *,
    counts: bool = True,
    collection: str,
) -> tuple[Cells, list[Any]]:
    """Return the cells as :func:`cells_of_documents` does, and the ids of documents that cannot be read.

    ``start`` is the field that says where a document's span begins. All are decoded one by one only where
    one of them cannot be read; the log names it.
    """

    def cells_of(some: Sequence[Document]) -> Cells:
        return cells_of_documents(some, [row[start] for row in some], fields, wanted, counts=counts)

    with suppress(*UNREADABLE):
        return cells_of(rows), []
    sound = list(each_readable(rows, lambda row: (cells_of([row]), row)[1], collection))
    known = {row["_id"] for row in sound}
    return cells_of(sound), [row["_id"] for row in rows if row["_id"] not in known]


def _check(cells: Cells) -> None:
    """Refuse columns that do not belong together.

    Raises:
        ValueError: they differ in length, or say something else than words.
    """
    columns = (cells.codes, cells.counts, cells.costs, *cells.spreads.values())
    if any(len(column) != len(cells) for column in columns):
        raise ValueError("the columns of a roll-up have different lengths")
    if any(
        len(tally.key) != len(tally.cell) or len(tally.n) != len(tally.cell)
        for tally in cells.tallies.values()
    ):
        raise ValueError("a tally of a roll-up has columns of different lengths")
    pairs = (pair for name in WORDED if name in cells.tallies for pair in cells.tallies[name].words)
    if not all(word is None or isinstance(word, str) for word in (*cells.words, *chain.from_iterable(pairs))):
        raise ValueError("a roll-up has words that are no texts")


def _kept(codes: Ints, words: Sequence[str | None], wanted: Mapping[str, str]) -> Kept:
    """Return which cells have the wanted dimension values."""
    if not wanted:
        return slice(None)
    kept = np.ones(len(codes), bool)
    for name, value in wanted.items():
        code = words.index(value) if value in words else -1
        kept &= codes[:, DIMENSIONS.index(name)] == code
    return kept


def values_of_documents(rows: Iterable[Document], dimension: int, collection: str) -> set[str | None]:
    """Return the values of one dimension (its index in DIMENSIONS) that occur in documents.

    A document that cannot be read is named in the log, with the collection it is from, and left out.
    """
    found: set[str | None] = set()
    for values in each_readable(rows, lambda row: _values_of(row, dimension), collection):
        found |= values
    return found


def _values_of(row: Document, dimension: int) -> set[str | None]:
    if "codes" not in row:
        return set()  # a window without calls
    codes = np.frombuffer(row["codes"], _CODE).reshape(-1, len(DIMENSIONS))[:, dimension]
    return {row["words"][code] for code in np.unique(codes).tolist()}


def _joined(parts: Iterator[bytes], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    return np.frombuffer(b"".join(parts), dtype)


def _unpacked(parts: Sequence[Mapping[str, Any]], kept: Kept, *, worded: bool) -> Tally:
    """Return the tally of all documents together, for the kept cells only."""
    sizes = _joined((part["sizes"] for part in parts), _N)
    keys = _joined((part["keys"] for part in parts), _CODE if worded else _KEY)
    n = _joined((part["n"] for part in parts), _N)
    of_kept = kept if isinstance(kept, slice) else np.repeat(kept, sizes)
    words: tuple[Any, ...] = ()
    if worded:
        words, lookup, bases = _common(
            [[(first, second) for first, second in part["words"]] for part in parts]
        )
        rows = np.array([len(part["keys"]) for part in parts], np.int64) // _CODE.itemsize
        keys = lookup[keys + np.repeat(bases, rows)] if len(keys) else keys
    sizes, keys, n = sizes[kept], keys[of_kept].astype(np.int64), n[of_kept].astype(np.int64)
    return Tally(np.repeat(np.arange(len(sizes)), sizes), keys, n, words)


def _common(vocabularies: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], Ints, Ints]:
    """Merge vocabularies; return the merged one, the new code of each old word, and where each list begins.

    With those, the new code of word ``c`` of vocabulary ``v`` is ``lookup[bases[v] + c]``, for whole columns.
    """
    numbers: dict[Any, int] = {}
    lookup = [numbers.setdefault(word, len(numbers)) for words in vocabularies for word in words]
    bases = np.cumsum([0, *(len(words) for words in vocabularies)])[:-1]
    return tuple(numbers), np.array(lookup, np.int64), bases
