"""Erase all that is stored about a lead: calls, turns, log lines and alerts; in database, archive and spool.

The lead's key goes first: from then on, nobody can open what is sealed under it, not even from a backup. The
calls go last, because they say which turns and log lines are the lead's. So if an erasure is killed, the next
run can finish it. What the calls count for stays, without any link to a person, unless it should go as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from pymongo.database import Database

from core.clock import utc_now
from core.erasure.anonymous import keep_counts
from core.erasure.archived import archived_of, texts
from core.erasure.late import late_calls
from core.erasure.mentions import (
    SHORTEST_TEXT,
    Names,
    alert_queries,
    erase_alerts,
    files_naming,
    naming,
)
from core.erasure.spellings import LEADS_SAID, leads_known_as
from core.erasure.traces import TREATMENTS, Traces, Treatment
from core.errors import UserError
from core.logging_config import get_logger
from core.storage.archive.archived_rows import find_archived
from core.storage.archive.mover import alone, release, sweep
from core.storage.archive.opt_outs import forget_opt_outs
from core.storage.calls import delete_calls
from core.storage.collections import (
    ACTIVE_CALLS,
    ALERT_EVENTS,
    ALERTS,
    CALLS,
    HOOK_DELIVERIES,
    LOGS,
    OUTBOX,
    SERVICE_MINUTES,
    TURNS,
)
from core.storage.receipts import Receipts
from core.storage.recording.replay import replay
from core.storage.recording.spool import Spool
from core.storage.restrictions import lift, restriction_of
from core.storage.sealing.contents import OF_CALL
from core.storage.sealing.lead_keys import destroy_keys, keyed
from core.storage.server.connection import DURABLE
from core.types import Document

logger = get_logger("security")


def find_traces(database: Database[Document], lead_id: str, also: Sequence[str] = ()) -> Traces:
    """Return what is stored about a lead.

    Changes nothing, except that spooled records go to the database first.

    Args:
        database: the store.
        lead_id: the lead; of a phone number, any spelling.
        also: further texts the lead is known by, such as a name or a number. Records of calls are found by
            the id alone, all others by these too.

    Raises:
        UserError: records of this machine wait for the database, an archived file cannot be read, or a text
            is too short to search for.
        PyMongoError: the database does not answer.
    """
    _check(lead_id, also)
    _empty_spool(database)
    leads = leads_known_as(database, lead_id, _leads_of_letters())
    return traces_of(database, leads, calls_of(database, leads), also)


def traces_of(
    database: Database[Document], leads: Sequence[str], ids: Sequence[Any], also: Sequence[str] = ()
) -> Traces:
    """Return what is stored of some leads and under some ids of calls.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    names = Names([*leads, *ids], also)
    alerts = {name: database[name].count_documents(q) for name, q in alert_queries(database, names).items()}
    said = {name: len(naming(database, name, names)) for name in _treated(Treatment.SAID)}
    return Traces(
        lead_keys=len(keyed(database, _owners(leads, ids))),
        calls=database[CALLS].count_documents({"_id": {"$in": ids}}),
        archived_calls=len(find_archived(database, CALLS, "_id", texts(ids))),
        turns=database[TURNS].count_documents({"call_id": {"$in": ids}}),
        archived_turns=len(find_archived(database, TURNS, "call_id", texts(ids))),
        log_lines=database[LOGS].count_documents(_log_lines(database, names, leads, ids)),
        active_calls=database[ACTIVE_CALLS].count_documents(_active(leads, ids)),
        refused=len(list(_refused(names))),
        alerts=alerts[ALERTS],
        alert_events=alerts[ALERT_EVENTS],
        messages=alerts[OUTBOX],
        service_minutes=len(naming(database, SERVICE_MINUTES, names)),
        deliveries=len(naming(database, HOOK_DELIVERIES, names)),
        files=dict(files_naming(names)),
        said={name: count for name, count in said.items() if count},
    )


def erase_lead(
    database: Database[Document],
    lead_id: str,
    also: Sequence[str] = (),
    *,
    counts: bool = True,
    by: str = "",
    now: datetime | None = None,
) -> Traces:
    """Erase what is stored about a lead; return what there was.

    If it is killed at any point, running it again finishes the job.

    Args:
        database: the store.
        lead_id: the lead.
        also: as for :func:`find_traces`.
        counts: whether its calls still count, as calls of nobody.
        by: who erases it, for the receipt.
        now: the time that decides what has to be kept.

    Raises:
        UserError: as for :func:`find_traces`; or another process is archiving, or the data has to be kept for
            now.
        PyMongoError: the database does not answer; the next run erases what is left.
    """
    leads = leads_known_as(database, lead_id, _leads_of_letters())
    hidden = restriction_of(database, leads)
    if hidden is not None and hidden.until > (now or utc_now()):
        raise UserError(f"it must be kept until {hidden.until:%Y-%m-%d} ({hidden.reason}): see show-lead")
    with alone(database):
        sweep(database)
        found = find_traces(database, lead_id, also)
        ids = calls_of(database, leads)
        calls = call_hashes(database, leads, ids)
        kept = erase_calls(database, leads, ids, also, counts=counts)
        lift(database, leads)
    dates = {"restricted_at": hidden.since, "due_at": hidden.until} if hidden else {}
    about = {"kept": kept, "counts": counts, "by": by, "calls": calls, **dates}
    proof = Receipts().keep(leads[0], found.counts, found.left, **about)
    logger.info("Lead erased", extra={"records": found.records})
    return replace(found, receipt=proof)


def erase_calls(
    database: Database[Document],
    leads: Sequence[str],
    ids: Sequence[Any],
    also: Sequence[str] = (),
    *,
    counts: bool = True,
) -> int:
    """Erase what is stored of some leads and calls, under :func:`alone`; return how many calls still count.

    Raises:
        UserError: an archived file cannot be read.
        PyMongoError: the database does not answer; the next run erases what is left.
    """
    destroy_keys(database, _owners(leads, ids))
    names = Names([*leads, *ids], also)
    kept = keep_counts(database, ids, leads, also) if counts and ids else 0
    erase_alerts(database, names)
    for name, query in (
        (TURNS, {"call_id": {"$in": ids}}),
        (LOGS, _log_lines(database, names, leads, ids)),
        (ACTIVE_CALLS, _active(leads, ids)),
        (SERVICE_MINUTES, {"_id": {"$in": naming(database, SERVICE_MINUTES, names)}}),
        (HOOK_DELIVERIES, {"_id": {"$in": naming(database, HOOK_DELIVERIES, names)}}),
    ):
        database.get_collection(name, write_concern=DURABLE).delete_many(query)
    release(database, TURNS, "call_id", texts(ids))
    for file in _refused(names):
        file.unlink()
    release(database, CALLS, "_id", texts(ids))
    # Not all of the lead's calls: those recorded since are not counted yet, and may have begun later.
    delete_calls(database, {"_id": {"$in": ids}})
    forget_opt_outs(database, leads)
    return kept


def call_hashes(database: Database[Document], leads: Sequence[str], ids: Sequence[Any]) -> list[str]:
    """Return the hashes of the leads' calls, by which a receipt knows what arrives for them later.

    Of calls that are gone, only their keys tell; a carrier's late report may name one by the carrier's id.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    keys = [owner for owner in keyed(database, _owners(leads, ids)) if owner.startswith(OF_CALL)]
    rows = list(database[CALLS].find({"_id": {"$in": ids}}, {"provider_call_id": 1}))
    rows += find_archived(database, CALLS, "_id", texts(ids))
    theirs = [row["provider_call_id"] for row in rows if isinstance(row.get("provider_call_id"), str)]
    owners = [*keys, *(f"{OF_CALL}{one}" for one in (*ids, *theirs))]
    return list(map(Receipts().name_of, dict.fromkeys(owners)))


def _owners(leads: Sequence[str], ids: Sequence[Any]) -> list[str]:
    return [*leads, *(f"{OF_CALL}{call_id}" for call_id in ids)]


def _check(lead_id: str, also: Sequence[str]) -> None:
    if not lead_id.strip():
        raise UserError("the lead's id is empty; name the lead whose data to erase")
    for text in also:
        if len(text.strip()) < SHORTEST_TEXT:
            raise UserError(
                f"{text!r} is too short to be told from other words; {SHORTEST_TEXT} letters at least"
            )


def _treated(treatment: Treatment) -> list[str]:
    return [name for name, how in TREATMENTS.items() if how is treatment]


def _empty_spool(database: Database[Document]) -> None:
    replay(database)
    if Spool().has_waiting():
        raise UserError("records in DATA_DIR/spool are waiting for the database; try again in a moment")


def _of_lead(leads: Sequence[str]) -> Document:
    """Return the lead's calls, even if only one source names the lead and another's value won.

    Reads all calls with several sources: erasing is rare, and must not miss any.
    """
    of_lead = {"$size": {"$setIntersection": [{"$literal": list(leads)}, LEADS_SAID]}}
    named = {"sources": {"$type": "object"}, "$expr": {"$gt": [of_lead, 0]}}
    return {"$or": [{"lead_id": {"$in": list(leads)}}, named]}


def calls_of(database: Database[Document], leads: Sequence[str]) -> list[Any]:
    """Return the ids of the leads' calls: texts, and whatever another tool has stored as one.

    In the database, the archive, among those the database rejected and those in progress, and those erased
    before that something arrived for since.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    stored = [row["_id"] for row in database[CALLS].find(_of_lead(leads), {"_id": 1})]
    ids = texts(stored)
    ids += archived_of(database, leads)
    ids += texts(row.get("call_id") for _, row in _letters() if row.get("lead_id") in leads)
    ids += [str(row["_id"]) for row in database[ACTIVE_CALLS].find(_active(leads, ()), {"_id": 1})]
    foreign = [one for one in stored if not isinstance(one, str)]
    return [*dict.fromkeys([*ids, *late_calls(database, leads, everywhere=True)]), *foreign]


def _log_lines(
    database: Database[Document], names: Names, leads: Sequence[str], ids: Sequence[Any]
) -> Document:
    own: list[Document] = [{"lead_id": {"$in": list(leads)}}, {"call_id": {"$in": list(ids)}}]
    return {"$or": [*own, {"_id": {"$in": naming(database, LOGS, names)}}]}


def _active(leads: Sequence[str], ids: Sequence[Any]) -> Document:
    return {"$or": [{"lead_id": {"$in": list(leads)}}, {"_id": {"$in": list(ids)}}]}


def _letters() -> Iterator[tuple[Path, Document]]:
    """Yield the files set aside by the spool, each holding one record, with that record if it can be read."""
    for file in sorted(Spool().dead.glob("*.json")):
        try:
            record = orjson.loads(file.read_bytes())["record"]
        except (ValueError, KeyError, TypeError):
            record = {}
        yield file, record if isinstance(record, dict) else {}


def _leads_of_letters() -> Iterator[str]:
    yield from (lead for _, row in _letters() if isinstance(lead := row.get("lead_id"), str))


def _refused(names: Names) -> Iterator[Path]:
    """Yield the files of records that name the lead, calls last: they say whose the turns are."""
    for file, _ in sorted(_letters(), key=lambda letter: ("lead_id" in letter[1], letter[0])):
        if names.within(file.read_bytes()):
            yield file
