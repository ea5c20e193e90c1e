"""Turn calls into cells: one pure function."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from core.aggregation.rollups import sketch
from core.aggregation.rollups.cells import (
    COMPONENTS,
    EXTREMES,
    MEASURES,
    NOTHING,
    SENTIMENT,
    STORED,
    Cells,
    Floats,
    Ints,
    Tally,
    distinct_rows,
    runs,
)
from core.aggregation.rollups.conditions import Bools, amounts
from core.models.definitions import COST_PARTS, DIMENSIONS

pc: Any = compute  # its functions are generated at run time, so type checkers do not know them
QUARTER_HOUR = 900
MOST_ATTEMPTS = 5
"""Attempts from the fifth on are counted together; 0 means the call does not say."""
ATTEMPT_STAGES = ("total_calls", "engaged_calls", "qualified_calls", "handoff_calls")
SENTIMENT_EDGES = np.round(np.arange(-1, 1.025, 0.05), 2)
"""Edges of the sentiment histogram's bins."""


def cells_of(calls: pa.Table, seconds: int = QUARTER_HOUR) -> Cells:
    """Return the cells of a table of calls (see ``calls.CALL_SCHEMA``), in spans of ``seconds`` of UTC."""
    moments = calls["start_time"].cast(pa.int64()).to_numpy() // 1000
    times = moments // seconds * seconds
    codes, words = _codes(calls)
    cell, time, cell_codes = _group(times, codes)
    size = len(time)
    columns = ArrowColumns(calls)
    flags = {count.key: amounts(count, columns) for count in STORED}
    counts = np.column_stack(
        [np.bincount(cell, flag, size).astype(np.int64) for flag in flags.values()]
        if size
        else [np.empty(0, np.int64)] * len(STORED)
    )
    spreads, tallies = {}, {}
    order = np.argsort(cell, kind="stable")  # once: sorting what is in order already is fast
    ordered = cell[order]
    for name in (*MEASURES, SENTIMENT):
        values = columns.number(name)[order]
        there = ~np.isnan(values)
        bucket = _sentiment_bin if name == SENTIMENT else sketch.bucket_of
        spreads[name] = _spread(ordered[there], values[there], size)
        tallies[name] = Tally.count(ordered[there], bucket(values[there]))
    tallies["slots"] = Tally.count(cell, np.zeros(len(cell), np.int64))
    tallies["attempts"] = _attempts(columns, cell, flags)
    tallies["errors"] = _errors(calls, cell)
    tallies["ends"] = _pairs(cell, calls["end_reason"], calls["fault"])
    return Cells(time, cell_codes, words, counts, _costs(columns, cell, size), spreads, tallies)


class ArrowColumns:
    """A table of calls as :class:`core.aggregation.rollups.conditions.Columns`.

    Each column is computed once.
    """

    def __init__(self, calls: pa.Table) -> None:
        self._calls = calls
        self._numbers: dict[str, Floats] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def matches(self, field: str, value: str) -> Bools:
        """Return which calls have this text in a field."""
        found: Bools = pc.fill_null(pc.equal(self._calls[field], value), fill_value=False).to_numpy()
        return found

    def true(self, field: str) -> Bools:
        """Return which calls have a flag set; unknown counts as not set."""
        if field == "has_error":
            return np.asarray(_error_counts(self._calls) > 0)
        found: Bools = pc.fill_null(self._calls[field], fill_value=False).to_numpy()
        return found

    def number(self, field: str) -> Floats:
        """Return a number of each call; NaN if unknown."""
        if field not in self._numbers:
            self._numbers[field] = self._cost() if field == "cost" else self._float(field)
        return self._numbers[field]

    def _float(self, field: str) -> Floats:
        # An unsafe cast: the safe one rejects whole numbers above 2^53, for which the nearest double is fine.
        values: Floats = self._calls[field].cast(pa.float64(), safe=False).to_numpy()  # NaN where null
        return values

    def _cost(self) -> Floats:
        parts = np.stack([self.number(f"cost_{part}") for part in COST_PARTS])
        return np.where(np.isnan(parts).all(axis=0), np.nan, np.nansum(parts, axis=0))


def _encode(column: pa.ChunkedArray | pa.Array) -> tuple[Ints, list[str | None]]:
    """Return each value's number and the distinct values, null included."""
    encoded = pa.chunked_array(column).combine_chunks().dictionary_encode("encode")
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def _codes(calls: pa.Table) -> tuple[Ints, tuple[str | None, ...]]:
    numbers: dict[str | None, int] = {}
    columns = []
    for name in DIMENSIONS:
        indices, values = _encode(calls[name])
        lookup = np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)
        columns.append(lookup[indices] if len(indices) else np.empty(0, np.int64))
    return np.column_stack(columns), tuple(numbers)


def _group(times: Ints, codes: Ints) -> tuple[Ints, Ints, Ints]:
    """Return each call's cell, and time and codes of each cell."""
    first, cell = distinct_rows(times, *codes.T)
    return cell, times[first], codes[first]


def _spread(cell: Ints, values: Floats, size: int) -> Floats:
    result = np.tile(NOTHING, (size, 1))
    order, firsts, there = runs(cell)
    if len(firsts):
        for column, how in enumerate(EXTREMES):
            result[there, column] = how.reduceat(values[order], firsts)
    return result


def _sentiment_bin(scores: Floats) -> Ints:
    """Return each score's bin, as numpy's ``histogram`` would."""
    found = np.searchsorted(SENTIMENT_EDGES, scores, side="right") - 1
    return found.clip(0, len(SENTIMENT_EDGES) - 2).astype(np.int64)


def _attempts(columns: "ArrowColumns", cell: Ints, flags: dict[str, NDArray[np.generic]]) -> Tally:
    attempt = np.nan_to_num(columns.number("attempt")).clip(0, MOST_ATTEMPTS).astype(np.int64)
    masks = [flags[stage].astype(bool) for stage in ATTEMPT_STAGES]
    return Tally.count(
        np.concatenate([cell[mask] for mask in masks]),
        np.concatenate([attempt[mask] * len(ATTEMPT_STAGES) + stage for stage, mask in enumerate(masks)]),
    )


def _error_counts(calls: pa.Table) -> Ints:
    counts = sum(
        pc.fill_null(pc.list_value_length(calls[name]), 0).to_numpy().astype(np.int64)
        for name in ("errors", "error_types")
    )
    return np.asarray(counts, np.int64)


def _errors(calls: pa.Table, cell: Ints) -> Tally:
    parents, types, faults = [], [], []
    for name in ("errors", "error_types"):
        column = calls[name].combine_chunks()
        values = pc.list_flatten(column)
        parents.append(cell[pc.list_parent_indices(column).to_numpy(zero_copy_only=False)])
        plain = pa.types.is_string(values.type)
        types.append(values if plain else pc.struct_field(values, "type"))
        faults.append(pa.nulls(len(values), pa.string()) if plain else pc.struct_field(values, "fault"))
    return _pairs(np.concatenate(parents), pa.chunked_array(types), pa.chunked_array(faults))


def _pairs(cell: Ints, first: pa.ChunkedArray, second: pa.ChunkedArray) -> Tally:
    """Return a tally of pairs of texts; rows in which both are null are left out."""
    left, left_words = _encode(first)
    right, right_words = _encode(second)
    width = len(right_words) or 1
    words = [(a, b) for a in left_words for b in right_words]
    there = pc.or_(pc.is_valid(first), pc.is_valid(second)).to_numpy().astype(bool)
    return Tally.count(cell[there], (left * width + right)[there], words=words)


def _costs(columns: "ArrowColumns", cell: Ints, size: int) -> Floats:
    sums = [np.bincount(cell, np.nan_to_num(columns.number(f"cost_{part}")), size) for part in COMPONENTS]
    return np.column_stack(sums).astype(np.float64)
