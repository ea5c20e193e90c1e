"""One call as a whole: its turns, its lead's other calls, and how it compares with the day's calls."""

from dataclasses import dataclass, field

import numpy as np
from pydantic import ValidationError
from pymongo.database import Database

from core.aggregation.cube import Cube, load_cube
from core.aggregation.rollups import sketch
from core.aggregation.rollups.cells import MEASURES
from core.aggregation.search.call_rows import rows_of
from core.aggregation.series import percentile_table
from core.clock import day_bounds
from core.errors import one_line
from core.models.metrics import CallMetrics, TurnMetrics
from core.settings import get_settings
from core.storage.archive.archived_rows import find_archived, turns_of
from core.storage.calls import from_document
from core.storage.collections import A_TIME, CALLS, TURNS
from core.storage.log_store import call_lines
from core.storage.readable import UNREADABLE, each_readable
from core.storage.recording.joining import carrying
from core.storage.recording.merging import given_by
from core.storage.recording.records import OWN_FIELDS
from core.storage.restrictions import is_hidden
from core.types import Document

MOST_OTHERS = 50


@dataclass(frozen=True)
class Standing:
    """A call's value of a field among the calls of its local day.

    ``below`` is the share of them with less.
    """

    field: str
    value: float
    p50: float
    p95: float
    below: float
    n: int


@dataclass(frozen=True)
class WholeCall:
    """A call and what belongs to it; ``others`` are its lead's other calls, as stored."""

    call: CallMetrics
    turns: list[TurnMetrics]
    others: list[Document]
    standings: list[Standing]
    lines: list[Document]
    archived: bool
    state: str = "final"
    given_by: dict[str, str] = field(default_factory=dict)
    """The source of each field, if more than the agent reported."""
    alike: list[str] = field(default_factory=list)
    """Other calls with the same provider_call_id, latest first."""
    unreadable_turns: int = 0
    """How many of its stored turns are not in ``turns`` because they cannot be read."""
    more_others: bool = False
    """Whether the lead has more other calls than those in ``others``, which are the newest."""


@dataclass(frozen=True)
class FoundCall:
    """A call as it is stored, and its turns."""

    call: CallMetrics
    turns: list[TurnMetrics]
    stored: Document
    archived: bool
    unreadable_turns: int = 0


def whole_call(database: Database[Document], call_id: str) -> WholeCall | None:
    """Return a call by its id, with all that belongs to it; None if there is none that may be seen.

    Raises:
        ValueError: what is stored is not a complete call, or was written by another tool.
        PyMongoError: the database does not answer.
        ArchiveUnreadableError: a file of the archive is missing or damaged.
    """
    found = find_call(database, call_id)
    if found is None:
        return None
    call, stored = found.call, found.stored
    others, standings = _others(database, call), _standings(database, call)
    others, more = others[:MOST_OTHERS], len(others) > MOST_OTHERS
    lines = call_lines(database, call_id)
    state = stored.get("state", "final")
    alike = carrying(database, call.provider_call_id, but=call_id) if call.provider_call_id else []
    return WholeCall(
        call,
        found.turns,
        others,
        standings,
        lines,
        found.archived,
        state,
        given_by(stored),
        alike,
        found.unreadable_turns,
        more,
    )


def find_call(database: Database[Document], call_id: str) -> FoundCall | None:
    """Return a call and its turns, from the archive if need be; None if there is none that may be seen.

    Raises:
        ValueError: what is stored is not a complete call, or was written by another tool.
        PyMongoError: the database does not answer.
        ArchiveUnreadableError: a file of the archive is missing or damaged.
    """
    stored = database[CALLS].find_one({"_id": call_id})
    archived = stored is None
    if stored is None:
        found = find_archived(database, CALLS, "_id", [call_id])
        if not found:
            return None
        stored = found[0]
    if is_hidden(database, stored):
        return None
    if stored.get("state") == "open":
        raise ValueError(f"call {call_id} is open: no source has reported when it began or how it ended")
    try:
        call = from_document(stored)
    except UNREADABLE as error:
        why = one_line(error) if isinstance(error, ValidationError) else "a value has a type that no call has"
        raise ValueError(f"what is stored as call {call_id} is no call: {why}") from None
    rows = turns_of(database, call_id)
    turns = list(each_readable(rows, _turn, TURNS))
    return FoundCall(call, turns, stored, archived, len(rows) - len(turns))


def _turn(row: Document) -> TurnMetrics:
    return TurnMetrics.model_validate({k: v for k, v in row.items() if k not in (*OWN_FIELDS, "_id")})


def _others(database: Database[Document], call: CallMetrics) -> list[Document]:
    """Return the lead's other calls, newest first: one more than are shown if there are that many."""
    if call.lead_id is None:
        return []
    query = {"lead_id": call.lead_id, "_id": {"$ne": call.call_id}, "start_time": A_TIME}
    return rows_of(database[CALLS].find(query).sort("start_time", -1).limit(MOST_OTHERS + 1))


def _standings(database: Database[Document], call: CallMetrics) -> list[Standing]:
    day = call.start_time.astimezone(get_settings().tz).date()
    cube = load_cube(database, *day_bounds(day), campaigns=False)
    there = [field for field in MEASURES if getattr(call, field) is not None]
    return [_standing(cube, field, float(getattr(call, field))) for field in there]


def _standing(cube: Cube, field: str, value: float) -> Standing:
    whole = np.zeros(len(cube.cells), np.int64)
    counts = cube.distribution(field, whole, 1)[0]
    row = percentile_table(cube, field, whole, 1).iloc[0]
    n = int(counts.sum())
    less = counts[: int(sketch.bucket_of(np.asarray([value]))[0])].sum()
    return Standing(field, value, float(row["p50"]), float(row["p95"]), float(less / n) if n else 0.0, n)
