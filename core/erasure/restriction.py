"""Hiding a lead now and erasing it at the end of a duty to keep its records."""

from datetime import datetime

from pymongo.database import Database

from core.access.audit import Action, audit, lead_token
from core.access.roles import SCHEDULER
from core.clock import utc_now
from core.erasure.lead import erase_lead
from core.erasure.spellings import leads_known_as
from core.errors import UserError
from core.logging_config import get_logger
from core.privacy.masking import mask_text
from core.privacy.sensitive import lead_ids_of, person_of
from core.storage.restrictions import (
    LONGEST_ID,
    LONGEST_REASON,
    Restriction,
    RestrictionUnreadableError,
    restrict,
    restricted_ids,
    restriction_of,
    restrictions,
)
from core.types import Document

logger = get_logger("security")


def restrict_lead(
    database: Database[Document], lead_id: str, until: datetime, reason: str, by: str
) -> Restriction:
    """Hide a lead from lists, pages and API at once; the scheduler erases it at the end.

    Its calls go on counting in the figures. Of a phone, calls under another spelling are hidden too, also
    those recorded later.

    Args:
        database: the store.
        lead_id: whose.
        until: the last moment up to which it has to be kept; in the future.
        reason: why it has to be, in 500 characters at most; kept masked.
        by: who hides it.

    Raises:
        UserError: there is no id or reason, or the end is not in the future.
        PyMongoError: the database does not answer.
    """
    # A phone already hidden in another spelling gets the new end there too: it is erased as one.
    ids = leads_known_as(database, lead_id, restricted_ids(database, [lead_id]))
    if not ids[0] or len(ids[0]) > LONGEST_ID:
        raise UserError(f"name the lead by its id, of {LONGEST_ID} characters at most")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise UserError(f"give a reason of {LONGEST_REASON} characters at most")
    if until <= utc_now():
        raise UserError("the end must be in the future; erase-lead erases at once")
    reason = mask_text(reason.strip())[:LONGEST_REASON]
    found = [Restriction(lead_id=one, until=until, reason=reason, by=by) for one in ids]
    for restriction in found:
        restrict(database, restriction)
    logger.info("Lead hidden until it is erased", extra={"until": until, "reason": reason, "by": by})
    return found[0]


def must_be_kept(database: Database[Document], lead_id: str, now: datetime | None = None) -> bool:
    """Return whether a lead is hidden until later; the erasure that follows finds all calls it has by then.

    If nobody can read until when, it is kept, and the log says so.

    Raises:
        ArchiveUnreadableError: a file of the archive is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    try:
        hidden = restriction_of(database, leads_known_as(database, lead_id))
    except RestrictionUnreadableError as error:
        logger.warning("A hidden lead is not erased", extra={"reason": str(error)})
        return True
    return hidden is not None and hidden.until > (now or utc_now())


def erase_due(database: Database[Document], now: datetime | None = None) -> int:
    """Erase the hidden leads whose time is over, with receipts that say both dates; how many there were.

    Each is noted in the audit log, by the scheduler.

    Raises:
        AuditError: the log does not take it; what was erased stays so.
        UserError: as for :func:`core.erasure.lead.erase_lead`.
        PyMongoError: the database does not answer; the next run goes on.
    """
    now = now or utc_now()
    # A number comes before its blind index, which does not tell the number.
    due = sorted(restrictions(database, due=now), key=lambda one: -len(lead_ids_of(one.lead_id)))
    gone: set[str] = set()
    erased = 0
    for one in due:
        if one.lead_id in gone or person_of(one.lead_id) in gone:
            continue
        gone.update([*leads_known_as(database, one.lead_id), person_of(one.lead_id)])
        if must_be_kept(database, one.lead_id, now):
            continue  # under another spelling, for longer
        found = erase_lead(database, one.lead_id, by=one.by, now=now)
        audit(database, SCHEDULER, Action.ERASED, lead_token(one.lead_id), records=found.records)
        erased += 1
    return erased
