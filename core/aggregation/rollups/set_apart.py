"""Set apart calls that cannot be rolled up: they are named and counted, and do not affect the others."""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from core.aggregation.rollups.cells import Cells, concatenate
from core.aggregation.rollups.rollup import QUARTER_HOUR, cells_of
from core.types import Document


class Apart(NamedTuple):
    """A call that is in no figure, where it would have been, and the kind of problem."""

    call_id: str
    seconds: int
    """Its start, in seconds since 1970."""
    reason: str

    @classmethod
    def of(cls, call: Document, reason: str) -> "Apart":
        """Return it for a stored call whose id and start are known."""
        return cls(str(call["_id"]), int(call["start_time"].timestamp()), reason)


class Sorted(NamedTuple):
    """The cells of the calls that can be rolled up, these calls in parts, and the calls that cannot."""

    cells: Cells
    sound: list[pa.Table]
    apart: list[Apart]


def cells_of_sound(calls: pa.Table, seconds: int = QUARTER_HOUR) -> Sorted:
    """Return the cells as :func:`core.aggregation.rollups.rollup.cells_of` does.

    Calls it fails on are set apart.
    """
    try:
        return Sorted(cells_of(calls, seconds), [calls], [])
    except (pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError):
        parts, sound, apart = [], [], []
        for part in _halves(calls, seconds):
            parts.append(part.cells)
            sound += part.sound
            apart += part.apart
        cells = concatenate(parts)
        return Sorted(cells.merged(cells.time), sound, apart)


def _halves(calls: pa.Table, seconds: int) -> Iterator[Sorted]:
    """Yield the calls in halves, down to the one that fails."""
    if len(calls) > 1:
        middle = len(calls) // 2
        yield cells_of_sound(calls.slice(0, middle), seconds)
        yield cells_of_sound(calls.slice(middle), seconds)
        return
    nothing = cells_of(calls.slice(0, 0), seconds)
    try:
        yield Sorted(cells_of(calls, seconds), [calls], [])
    except Exception as error:  # noqa: BLE001 (whatever it is, this is the call)
        start = calls["start_time"].cast(pa.int64())[0].as_py() or 0
        yield Sorted(nothing, [], [Apart(str(calls["_id"][0].as_py()), start // 1000, type(error).__name__)])
