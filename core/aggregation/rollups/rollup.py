"""From calls to cells: one pure function."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from core.aggregation.definitions import NEGATIVE_BELOW, POSITIVE_ABOVE, SENTIMENT_EDGES
from core.aggregation.rollups import sketch
from core.aggregation.rollups.cells import (
    COMPONENTS,
    COUNTS,
    DIMENSIONS,
    EXTREMES,
    MEASURES,
    NOTHING,
    SENTIMENT,
    Cells,
    Floats,
    Ints,
    Tally,
    distinct_rows,
    runs,
)

pc: Any = compute  # its functions are made at run time, unknown to type checkers
QUARTER_HOUR = 900
MOST_ATTEMPTS = 5
"""Attempts from the fifth on are counted together; 0: the call says nothing of it."""
MOST_INTERRUPTIONS = 10_000
"""Of one call; more are a slip and would drown all others."""
ATTEMPT_STAGES = ("calls", "engaged", "qualified", "handoffs")


def cells_of(calls: pa.Table, seconds: int = QUARTER_HOUR) -> Cells:
    """The cells of a table of calls (see ``calls.CALL_SCHEMA``), in spans of so many seconds of UTC."""
    moments = calls["start_time"].cast(pa.int64()).to_numpy() // 1000
    times = moments // seconds * seconds
    codes, words = _codes(calls)
    cell, time, cell_codes = _group(times, codes)
    size = len(time)
    flags = _flags(calls)
    counts = np.column_stack(
        [np.bincount(cell, flags[name], size).astype(np.int64) for name in COUNTS]
        if size
        else [np.empty(0, np.int64)] * len(COUNTS)
    )
    spreads, tallies = {}, {}
    order = np.argsort(cell, kind="stable")  # once: what is in order already is sorted again in no time
    ordered = cell[order]
    for name in (*MEASURES, SENTIMENT):
        values = _floats(calls[name])[order]
        there = ~np.isnan(values)
        bucket = _sentiment_bin if name == SENTIMENT else sketch.bucket_of
        spreads[name] = _spread(ordered[there], values[there], size)
        tallies[name] = Tally.count(ordered[there], bucket(values[there]))
    tallies["slots"] = Tally.count(cell, np.zeros(len(cell), np.int64))
    tallies["attempts"] = _attempts(calls, cell, flags)
    tallies["errors"] = _errors(calls, cell)
    tallies["ends"] = _pairs(cell, calls["end_reason"], calls["fault"])
    return Cells(time, cell_codes, words, counts, _costs(calls, cell, size), spreads, tallies)


def _floats(column: pa.ChunkedArray) -> Floats:
    values: Floats = column.cast(pa.float64()).to_numpy()  # NaN where null
    return values


def _true(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    values: NDArray[np.bool_] = pc.fill_null(column, fill_value=False).to_numpy()
    return values


def _encode(column: pa.ChunkedArray | pa.Array) -> tuple[Ints, list[str | None]]:
    """Numbers of the values and the values themselves, null among them."""
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
    """The cell of each call; time and codes of each cell."""
    first, cell = distinct_rows(times, *codes.T)
    return cell, times[first], codes[first]


def _flags(calls: pa.Table) -> dict[str, NDArray[np.generic]]:
    completed = pc.equal(calls["status"], "completed").to_numpy()
    turns, user_turns = _floats(calls["total_turns"]), _floats(calls["user_turns"])
    interruptions, score = _floats(calls["interruptions"]), _floats(calls[SENTIMENT])
    costs = [~np.isnan(_floats(calls[f"cost_{name}"])) for name in COMPONENTS]
    return {
        "calls": np.ones(len(calls)),
        "errors": _error_counts(calls) > 0,
        "qualified": completed & _true(calls["qualification_completed"]),
        "handoffs": completed & _true(calls["handoff_triggered"]),
        "engaged": (user_turns >= 1) & (turns > user_turns),
        "with_turns": ~np.isnan(turns + user_turns),
        "negative": score < NEGATIVE_BELOW,
        "positive": score > POSITIVE_ABOVE,
        "interruptions": np.nan_to_num(interruptions).clip(0, MOST_INTERRUPTIONS),
        "with_interruptions": ~np.isnan(interruptions),
        "with_cost": np.any(costs, axis=0),
    }


def _spread(cell: Ints, values: Floats, size: int) -> Floats:
    result = np.tile(NOTHING, (size, 1))
    order, firsts, there = runs(cell)
    if len(firsts):
        for column, how in enumerate(EXTREMES):
            result[there, column] = how.reduceat(values[order], firsts)
    return result


def _sentiment_bin(scores: Floats) -> Ints:
    """The bin of each score, as numpy's ``histogram`` has them."""
    found = np.searchsorted(SENTIMENT_EDGES, scores, side="right") - 1
    return found.clip(0, len(SENTIMENT_EDGES) - 2).astype(np.int64)


def _attempts(calls: pa.Table, cell: Ints, flags: dict[str, NDArray[np.generic]]) -> Tally:
    attempt = np.nan_to_num(_floats(calls["attempt"])).clip(0, MOST_ATTEMPTS).astype(np.int64)
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
    """A tally of pairs of texts; rows where both are null are left out."""
    left, left_words = _encode(first)
    right, right_words = _encode(second)
    width = len(right_words) or 1
    words = [(a, b) for a in left_words for b in right_words]
    there = pc.or_(pc.is_valid(first), pc.is_valid(second)).to_numpy().astype(bool)
    return Tally.count(cell[there], (left * width + right)[there], words=words)


def _costs(calls: pa.Table, cell: Ints, size: int) -> Floats:
    columns = [np.bincount(cell, np.nan_to_num(_floats(calls[f"cost_{name}"])), size) for name in COMPONENTS]
    return np.column_stack(columns).astype(np.float64)
