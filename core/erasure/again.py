"""Erase again what comes back of erased leads: with a backup, or late from an agent, carrier or spool."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from pymongo.database import Database

from core.access.audit import Action, audit, lead_token
from core.access.roles import SCHEDULER
from core.erasure.archived import archived_columns, texts
from core.erasure.late import calls_of_erased, late_calls
from core.erasure.lead import call_hashes, calls_of, erase_calls, erase_lead, traces_of
from core.erasure.looked import begin_look, note_look
from core.erasure.restriction import must_be_kept
from core.erasure.spellings import leads_known_as
from core.logging_config import get_logger
from core.storage.archive.mover import alone, sweep
from core.storage.archive.opt_outs import archived_opt_outs
from core.storage.receipts import Receipts
from core.storage.recording.replay import replay
from core.types import Document

logger = get_logger("security")
_WHOSE = ("lead_id", "start_time")


def erase_again(database: Database[Document]) -> int:
    """Erase the leads that a restored backup brought back, with all their data; return how many there were.

    A lead counts as brought back if one of its calls began before its erasure. One that is hidden and must be
    kept for now stays; the erasure that follows finds it.

    Raises:
        UserError: as for :func:`erase_lead`.
        PyMongoError: the database does not answer; the next run continues.
    """
    receipts = Receipts()
    if not receipts.any:
        return 0
    replay(database)  # includes what the backup had in its spool
    archived = ((row["lead_id"], row["start_time"]) for row in archived_columns(database, _WHOSE))
    told = chain(archived, archived_opt_outs(database).items())
    back = {*calls_of_erased(database), *(lead_id for lead_id, at in told if receipts.covers(lead_id, at))}
    kept = {lead_id for lead_id in back if must_be_kept(database, lead_id)}
    for lead_id in sorted(back - kept):
        erase_lead(database, lead_id, counts=receipts.counts_lead(lead_id))
    with alone(database):
        late = set(late_calls(database, everywhere=True))
        theirs = [texts(calls_of(database, leads_known_as(database, one))) for one in kept]
        if ids := late.difference(*theirs):
            erase_calls(database, [], sorted(ids))
    return len(back - kept)


def erase_late(database: Database[Document]) -> int:
    """Erase what arrived for calls and leads after their erasure; return of how many calls.

    Calls of such a lead that began after the erasure stay. Where nobody was ever erased, nothing is read.
    Otherwise only what was recorded since the last time is, and everything after another erasure, a restore,
    or a day.

    Raises:
        UserError: another process is archiving, or an archived file cannot be read.
        AuditError: the log does not take it; what was erased stays so.
        PyMongoError: the database does not answer; the next run continues.
    """
    receipts = Receipts()
    if not receipts.any:
        return 0
    look = begin_look(database, receipts)
    by_lead, late = calls_of_erased(database, look.since), set(late_calls(database, since=look.since))
    gone = late.union(*(map(str, ids) for ids in by_lead.values()))
    if gone:
        _erase_found(database, by_lead, late, gone)
    note_look(database, look)
    return len(gone)


def _erase_found(
    database: Database[Document], by_lead: Mapping[str, Sequence[Any]], late: set[str], gone: set[str]
) -> None:
    with alone(database):
        sweep(database)
        for lead_id, ids in by_lead.items():
            _erase_late(database, lead_id, ids, gone)
        if rest := sorted(late.difference(*(map(str, ids) for ids in by_lead.values()))):
            erase_calls(database, [], rest)
    logger.info("What arrived late was erased", extra={"calls": len(gone)})


def _erase_late(database: Database[Document], lead_id: str, ids: Sequence[Any], gone: set[str]) -> None:
    """Erase some calls of a lead, and what else is stored of it if it has no calls besides those gone."""
    if must_be_kept(database, lead_id):
        return
    leads = leads_known_as(database, lead_id)
    whole = leads if gone.issuperset(map(str, calls_of(database, leads))) else []
    receipts, found, calls = Receipts(), traces_of(database, whole, ids), call_hashes(database, whole, ids)
    counts, completes = receipts.counts_lead(lead_id), receipts.erased_at(lead_id)
    kept = erase_calls(database, whole, ids, counts=counts)
    about = {"kept": kept, "counts": counts, "by": SCHEDULER.name, "calls": calls, "completes": completes}
    receipts.keep(lead_id, found.counts, found.left, **about)
    audit(database, SCHEDULER, Action.ERASED, lead_token(lead_id), records=found.records)
