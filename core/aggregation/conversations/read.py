"""The newest conversations of a period, however many are stored: what is read is bounded, and says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters, calls_query
from core.aggregation.rollups.foreign_values import read_past
from core.storage.collections import CALLS, TURNS
from core.storage.columns import find_frame
from core.storage.restrictions import hiding
from core.types import Document

NEWEST_CALLS = 5_000
"""Calls of the period that are looked at, the newest first; the filters pick among them."""
TURNS_OF = 1_000
"""Of this many of them, the turns are read too."""
LONGEST_QUERY_MS = 2_000
_SILENCES: Document = {"$cond": [{"$isArray": "$silences"}, "$silences", []]}
_OF_AGENT: Document = {"$filter": {"input": _SILENCES, "cond": {"$eq": ["$$this.by", "agent"]}}}
_FIELDS: Document = {
    "start_time": 1,
    "status": 1,
    "language": 1,
    "end_reason": 1,
    "qualified": {"$eq": ["$qualification_completed", True]},
    "offered": {"$eq": ["$handoff_triggered", True]},
    "answered": {"$eq": [{"$type": "$handoff_answered_at"}, "date"]},
    "wait": "$handoff_wait_seconds",
    "tells_silences": {"$isArray": "$silences"},
    "longest_silence": {"$max": {"$map": {"input": _OF_AGENT, "in": "$$this.seconds"}}},
    "ended_in_silence": {
        "$anyElementTrue": [{"$map": {"input": _SILENCES, "in": {"$eq": ["$$this.ended_call", True]}}}]
    },
}
_COLUMNS = ("_id", *_FIELDS, "hidden")
_TURNS = {"call_id": str, "turn": int, "language": str, "reply_language": str, "e2e_ms": float}


@dataclass(frozen=True)
class Conversations:
    """Answered calls with their ``_id`` as index, newest first, and the turns of the newest of them.

    ``calls`` has start_time (UTC), status, language, end_reason, the flags qualified, offered (to a person),
    answered (by one), tells_silences, ended_in_silence and hidden (its lead, so that it counts and is not
    named), and in seconds wait and longest_silence (the agent's); ``turns`` has call_id, turn, language,
    reply_language and e2e_ms. ``cut`` says that the period has more calls than were looked at, from ``since``
    on.
    """

    calls: pd.DataFrame
    turns: pd.DataFrame
    cut: bool
    since: datetime | None


def conversations(
    database: Database[Document], start: datetime, end: datetime, filters: CallFilters | None = None
) -> Conversations:
    """Return the answered calls among the newest of [start, end), at most ``NEWEST_CALLS``.

    Raises:
        ExecutionTimeout: the database needs more than 2 s to find them.
        PyMongoError: the database does not answer.
    """
    rows = _newest(database, start, end)
    oldest = rows[-1]["start_time"] if rows else None
    wanted, is_hidden = filters.query() if filters else {}, hiding(database)
    kept = [
        row | {"hidden": is_hidden(row.get("lead_id"))}
        for row in rows
        if row.get("status") != "no_answer" and all(row.get(name) == value for name, value in wanted.items())
    ]
    calls = pd.DataFrame(kept, columns=[*_COLUMNS]).set_index("_id")
    flags = ["qualified", "offered", "answered", "tells_silences", "ended_in_silence", "hidden"]
    calls[flags] = calls[flags].astype(bool)
    for name in ("wait", "longest_silence"):
        calls[name] = pd.to_numeric(calls[name], errors="coerce")
    return Conversations(
        calls, _turns(database, calls.index[:TURNS_OF].tolist()), len(rows) == NEWEST_CALLS, oldest
    )


def _newest(database: Database[Document], start: datetime, end: datetime) -> list[Document]:
    steps: list[Document] = [
        {"$match": calls_query(start, end, "start_time", None)},
        {"$sort": {"start_time": -1}},
        {"$limit": NEWEST_CALLS},
        {"$project": _FIELDS | {"direction": 1, "campaign": 1, "lead_id": 1}},
    ]
    return database[CALLS].aggregate(steps, maxTimeMS=LONGEST_QUERY_MS).to_list()


def _turns(database: Database[Document], call_ids: Sequence[str]) -> pd.DataFrame:
    query = {"call_id": {"$in": list(call_ids)}}
    found = read_past(lambda sound: find_frame(database[TURNS], sound, _TURNS), database[TURNS], query)
    frame: pd.DataFrame = found.calls.reindex(columns=list(_TURNS))
    return frame.sort_values(["call_id", "turn"], ignore_index=True)
