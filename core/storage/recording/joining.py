"""Join calls that a source knows by its own id to the calls they turn out to be, and close lost calls.

A carrier's callback names the call by the carrier's own id. If a call with that ``provider_call_id`` is
stored, the report is recorded for it; otherwise it becomes a call of its own, marked ``unjoined``, which
:func:`join_calls` folds into the other call once that exists. The next run picks up whatever was interrupted:
recording a report twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile

from bson import Timestamp
from pymongo.database import Database

from core.logging_config import get_logger
from core.models.calls.reports import CallReport, Role, lenient_facts
from core.models.metrics import TurnMetrics
from core.settings import get_settings
from core.storage.collections import A_TIME, ACTIVE_CALLS, CALLS, TURNS
from core.storage.readable import each_readable
from core.storage.recording.dirty_windows import mark_dirty
from core.storage.recording.merging import merge, stamped
from core.storage.recording.records import OWN_FIELDS, Record
from core.storage.recording.write import write
from core.storage.sealing.contents import TRANSCRIPT, turn_id
from core.storage.sealing.open import moved, moved_transcript
from core.storage.server.connection import DURABLE, server_time
from core.types import Document

COMPARED_AT_ONCE = 5_000
CLOSED_AT_ONCE = 1_000
GIVEN_UP_AFTER = timedelta(days=7)
"""How long after its last report a call known only to one source is still compared with others."""
_MOMENTS = frozenset({"start_time", "answered_at", "end_time"})
_TRIES = 20
_MOST_ALIKE = 10

logger = get_logger("database")


def known_as(database: Database[Document], provider_call_id: str) -> str | None:
    """Return the call_id of the call that has this provider_call_id; None if there is none yet.

    If several have it, which is a mistake by whoever recorded them, the one that began last is returned and a
    warning is logged.

    Raises:
        PyMongoError: the database does not answer.
    """
    found = carrying(database, provider_call_id, but=provider_call_id)
    if len(found) > 1:
        extra = {"provider_call_id": provider_call_id, "ids": found}
        logger.warning("Several calls have one provider_call_id; reports go to the latest", extra=extra)
    return found[0] if found else None


def carrying(database: Database[Document], provider_call_id: str, *, but: str) -> list[str]:
    """Return the call_ids that have a provider_call_id, except ``but``; latest first, 10 at most.

    Raises:
        PyMongoError: the database does not answer.
    """
    query = {"provider_call_id": provider_call_id, "_id": {"$ne": but}}
    found = database[CALLS].find(query, {"_id": 1}).sort([("start_time", -1), ("_id", -1)])
    return [str(row["_id"]) for row in found.limit(_MOST_ALIKE)]


def join_calls(database: Database[Document]) -> int:
    """Fold calls that a source reported by its own id into the calls they belong to; return how many.

    Two calls are the same if ``provider_call_id`` says so. With JOIN_WITHIN_SECONDS above 0 they also are if
    the same lead has exactly one other call that began within that time. One that cannot be read stays as it
    is, and is named in the log.

    Raises:
        PyMongoError: the database does not answer; the next run joins the rest.
    """

    def fold(pair: Document) -> bool:
        return _fold(database, pair["_id"], pair["whole"])

    oldest = Timestamp(server_time(database) - GIVEN_UP_AFTER, 0)
    query = {"unjoined": True, "recorded_at": {"$gte": oldest}}
    waiting = database[CALLS].find(query, {"start_time": 1, "lead_id": 1})
    joined = 0
    while part := list(islice(waiting, COMPARED_AT_ONCE)):
        joined += sum(each_readable(_pairs(database, part), fold, CALLS))
    return joined


def _pairs(database: Database[Document], waiting: Sequence[Document]) -> Iterator[Document]:
    """Yield the waiting calls that belong to another one, by their ids, each with the other's as ``whole``.

    Most wait in vain: calls of people, say, on the same carrier's account. So they are asked about together.
    """
    named, near = _named(database, waiting), _near(database, waiting)
    for alone in waiting:
        call_id = str(alone["_id"])
        whole = known_as(database, call_id) if call_id in named else None
        if whole is None and call_id in near:
            whole = _close_by(database, alone)
        if whole is not None:
            yield {"_id": call_id, "whole": whole}


def _named(database: Database[Document], waiting: Sequence[Document]) -> set[str]:
    """Return which of the waiting calls another one gives as its provider_call_id."""
    query = {"provider_call_id": {"$in": [str(alone["_id"]) for alone in waiting]}}
    found = database[CALLS].find(query, {"provider_call_id": 1})
    named = ((row["_id"], row["provider_call_id"]) for row in found)
    return {name for call_id, name in named if isinstance(name, str) and name != call_id}


def _near(database: Database[Document], waiting: Sequence[Document]) -> set[str]:
    """Return which of the waiting calls began close to another call of the same lead."""
    within = timedelta(seconds=get_settings().join_within_seconds)
    dated = [one for one in waiting if within and isinstance(one.get("lead_id"), str) and _is_dated(one)]
    if not dated:
        return set()
    leads = list({alone["lead_id"] for alone in dated})
    query = {"lead_id": {"$in": leads}, "unjoined": None, "start_time": A_TIME}
    starts: defaultdict[str, list[datetime]] = defaultdict(list)
    for row in database[CALLS].find(query, {"lead_id": 1, "start_time": 1}):
        starts[str(row["lead_id"])].append(row["start_time"])
    return {
        str(alone["_id"])
        for alone in dated
        if any(abs(start - alone["start_time"]) <= within for start in starts[alone["lead_id"]])
    }


def _is_dated(call: Document) -> bool:
    return isinstance(call.get("start_time"), datetime)


def _close_by(database: Database[Document], alone: Document) -> str | None:
    """Return the one other call of the same lead that began close to this one; None if there are several."""
    around, start = timedelta(seconds=get_settings().join_within_seconds), alone["start_time"]
    query = {
        "lead_id": alone["lead_id"],
        "start_time": {"$gte": start - around, "$lte": start + around},
        "unjoined": None,
    }
    found = database[CALLS].find(query, {"_id": 1}).limit(2).to_list()
    return str(found[0]["_id"]) if len(found) == 1 else None


def _fold(database: Database[Document], alone: str, whole: str) -> bool:
    """Move what is known of one call to another, then delete it; False if others kept changing them."""
    calls = database.get_collection(CALLS, write_concern=DURABLE)
    for _ in range(_TRIES):
        source, target = calls.find_one({"_id": alone}), calls.find_one({"_id": whole})
        if source is None or target is None:
            return False
        merged = merge(target, moved(database, source, whole))  # still unjoined if both are
        call = stamped(merged, target, source)
        moments = (source.get("start_time"), target.get("start_time"), call.get("start_time"))
        mark_dirty(database, [moment for moment in moments if moment])
        if not calls.replace_one({"_id": whole, "version": target.get("version")}, call).matched_count:
            continue
        _move_turns(database, alone, whole)
        if calls.delete_one({"_id": alone, "version": source.get("version")}).deleted_count:
            return True
    return False


def _move_turns(database: Database[Document], alone: str, whole: str) -> None:
    turns = database.get_collection(TURNS, write_concern=DURABLE)
    found = turns.find({"call_id": alone}).to_list()
    records = [Record.now(_moved_turn(database, row, whole)) for row in found]
    if records:
        write(database, records, fresh=True)
        turns.delete_many({"_id": {"$in": [row["_id"] for row in found]}})


def _moved_turn(database: Database[Document], row: Document, whole: str) -> TurnMetrics:
    turn = {name: value for name, value in row.items() if name not in (*OWN_FIELDS, "_id")}
    if said := turn.get(TRANSCRIPT):
        turn[TRANSCRIPT] = moved_transcript(database, said, row["_id"], turn_id(whole, turn["turn"]))
    return TurnMetrics.model_validate({**turn, "call_id": whole})


def mark_lost(database: Database[Document]) -> int:
    """Close calls that began and then fell silent for LOST_AFTER_MINUTES; return how many.

    They count as failed, with the ending ``lost``. Anything another source says about such a call later
    overrides that.

    Raises:
        PyMongoError: the database does not answer.
    """
    before = server_time(database) - timedelta(minutes=get_settings().lost_after_minutes)
    reports = [*_silent_agents(database, before), *_never_ended(database, before)]
    if reports:
        write(database, [Record.now(report) for report in reports], fresh=True)
        logger.warning(
            "Calls lost: they began, and nobody said how they ended",
            extra={"calls": len(reports), "ids": [report.call_id for report in reports[:10]]},
        )
    return len(reports)


def _silent_agents(database: Database[Document], before: datetime) -> Sequence[CallReport]:
    """Return reports for calls whose agent sent heartbeats and stopped without recording the call."""
    silent = each_readable(_never_stored(database, before), _fell_silent, ACTIVE_CALLS)
    return list(islice(silent, CLOSED_AT_ONCE))


def _never_stored(database: Database[Document], before: datetime) -> Iterator[Document]:
    """Yield the active calls without a heartbeat since ``before`` of which no call is stored.

    Most may be stored, as of agents that never say that a call ended, so all are looked at.
    """
    query = {"ended": False, "seen_at": {"$lt": before}, "started_at": {"$ne": None}}
    rows = database[ACTIVE_CALLS].find(query)
    while part := list(islice(rows, CLOSED_AT_ONCE)):
        ids = [str(row["_id"]) for row in part]
        stored = {str(row["_id"]) for row in database[CALLS].find({"_id": {"$in": ids}}, {"_id": 1})}
        yield from (row for row in part if str(row["_id"]) not in stored)


def _fell_silent(row: Document) -> CallReport:
    return _lost(row["seen_at"], start=row["started_at"], end=row["seen_at"], about=row)


def _never_ended(database: Database[Document], before: datetime) -> Sequence[CallReport]:
    """Return reports for calls that a source began to report and nobody ended."""
    rows = database[CALLS].find({"state": "open"}).sort("recorded_at", 1)
    reports = each_readable(rows, _of_source, CALLS)
    return list(islice(takewhile(lambda report: report.at < before, reports), CLOSED_AT_ONCE))


def _of_source(row: Document) -> CallReport:
    recorded_at = row["recorded_at"].as_datetime()
    known = [one["facts"][name] for one in row["sources"].values() for name in _MOMENTS & one["facts"].keys()]
    return _lost(recorded_at, start=min(known, default=recorded_at), about=row)


def _lost(at: datetime, *, about: Document, **times: object) -> CallReport:
    """Return a report that closes a call; what no call can have is left out, so that it is closed anyway."""
    given = {"start_time": times["start"], "end_time": times.get("end")}
    known = {name: about.get(name) for name in ("direction", "language", "campaign", "lead_id")}
    ending = {"status": "failed", "end_reason": "lost"}
    facts, _ = lenient_facts(given | known | ending)
    direction = getattr(facts, "direction", None) or "outbound"
    facts = facts.model_copy(update={"direction": direction})
    return CallReport.model_validate(
        {"call_id": str(about["_id"]), "source": "monitor", "role": Role.MONITOR, "at": at, "facts": facts}
    )
