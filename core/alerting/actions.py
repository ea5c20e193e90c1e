"""What people do about alerts: acknowledge, close, silence. Rules are changed in ``rule_store``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError
from pymongo import ReturnDocument
from pymongo.database import Database

from core.alerting.notify.silences import keep_silence
from core.alerting.state.alert_store import history_row
from core.alerting.state.lifecycle import to_alert
from core.clock import to_utc
from core.errors import UserError, one_line
from core.models.alerts import ACKNOWLEDGED_HOURS, Acknowledgement, Alert, AlertState
from core.models.recurrence import Recurrence
from core.models.silences import Silence
from core.storage.collections import ALERT_EVENTS, ALERTS, SILENCES
from core.storage.server.connection import server_time
from core.types import Document

ACKNOWLEDGED_FOR = timedelta(hours=ACKNOWLEDGED_HOURS)
LEAST_OF_ID = 4
"""This many characters of an alert's id are enough to name it, if no other begins with them."""
_MOST_NAMED = 5
Made = TypeVar("Made", bound=BaseModel)


@dataclass(frozen=True)
class _Entry:
    """A line of the history: what somebody did, and why."""

    event: str
    author: str
    comment: str = ""


def acknowledge(
    database: Database[Document],
    alert_id: str,
    author: str,
    comment: str = "",
    *,
    now: datetime | None = None,
    lasts: timedelta = ACKNOWLEDGED_FOR,
) -> Alert:
    """Acknowledge an alert: it is not repeated until it ends, gets worse, or 4 h have passed.

    Raises:
        UserError: no such alert is firing, or the author is missing.
    """
    at = now or to_utc(server_time(database))
    held = _checked(Acknowledgement, author=author.strip(), at=at, until=at + lasts, comment=comment.strip())
    # Everyone notified of the alert learns of this within seconds, from the scheduler or the next check.
    fields = {"acknowledged": held.model_dump(), "acknowledgement_untold": True}
    return _change(database, alert_id, fields, _Entry("acknowledged", held.author, held.comment), at)


def withdraw_acknowledgement(
    database: Database[Document], alert_id: str, author: str, *, now: datetime | None = None
) -> Alert:
    """Withdraw an acknowledgement, so that the alert is repeated again.

    Raises:
        UserError: no such alert is firing.
    """
    at = now or to_utc(server_time(database))
    fields = {"acknowledged": None, "acknowledgement_untold": False}
    return _change(database, alert_id, fields, _Entry("acknowledgement withdrawn", author), at)


def close(
    database: Database[Document],
    alert_id: str,
    author: str,
    comment: str = "",
    *,
    now: datetime | None = None,
) -> Alert:
    """End an alert by hand, for example one whose calls have stopped.

    It fires again if its rule is still broken.

    Raises:
        UserError: no such alert is firing.
    """
    at = now or to_utc(server_time(database))
    over = {"state": AlertState.RESOLVED, "resolved_at": at, "updated_at": at, "acknowledged": None}
    # The next check notifies everyone who was notified of the alert.
    entry = _Entry("resolved", author, comment.strip())
    return _change(database, alert_id, over | {"holds": {}, "end_untold": True}, entry, at)


def find_firing(database: Database[Document], called: str) -> Alert:
    """Return the firing alert with this name: its id, the beginning of its id, or its rule or type.

    Raises:
        UserError: none or several match; one line that says which.
    """
    forms: list[Document] = [{"_id": called}, {"alert_type": called}]
    if len(called) >= LEAST_OF_ID:
        forms.append({"_id": {"$regex": f"^{re.escape(called)}"}})
    rows = list(database[ALERTS].find({"state": AlertState.FIRING, "$or": forms}).limit(_MOST_NAMED + 1))
    if not rows:
        raise UserError(f"no alert {called!r} is firing; list them with: python -m core alerts list")
    if len(rows) > 1:
        ids = ", ".join(row["_id"] for row in rows[:_MOST_NAMED])
        raise UserError(f"several alerts {called!r} fire; choose one by its id: {ids}")
    return to_alert(rows[0])


def silence(
    database: Database[Document],
    matchers: Mapping[str, Sequence[str]],
    start: datetime,
    end: datetime | None,
    author: str,
    comment: str,
    *,
    recurrence: Recurrence | None = None,
) -> Silence:
    """Silence the alerts with these labels from ``start`` (inclusive) to ``end`` (exclusive).

    Raises:
        UserError: the silence is invalid, or would also silence all that lack the labels; one line says why.
    """
    made = _checked(
        Silence,
        id=uuid4().hex[:12],
        matchers={label: list(values) for label, values in matchers.items()},
        start=start,
        end=end,
        recurrence=recurrence,
        author=author.strip(),
        comment=comment.strip(),
    )
    # Every alert has a rule and a severity; a campaign of any name would also be that of alerts without one.
    if made.matches({}) and not made.matchers.keys() & {"rule", "severity"}:
        raise UserError(
            f"{made.words}: would silence alerts without these labels too, so nearly all; "
            "add a rule or severity, or write a part of the value"
        )
    keep_silence(database, made)
    return made


def end_silence(database: Database[Document], silence_id: str, *, now: datetime | None = None) -> None:
    """End a silence now; what it muted and still fires is notified at the next check.

    Raises:
        UserError: there is no such silence, or it has ended.
    """
    at = now or to_utc(server_time(database))
    not_over = {"_id": silence_id, "$or": [{"end": None}, {"end": {"$gt": at}}]}
    if database[SILENCES].delete_one(not_over | {"start": {"$gte": at}}).deleted_count:
        return
    if not database[SILENCES].update_one(not_over, {"$set": {"end": at}}).matched_count:
        raise UserError("there is no such silence, or it has ended")


def _change(
    database: Database[Document], alert_id: str, fields: Document, entry: _Entry, at: datetime
) -> Alert:
    # Raising the revision makes a check in progress read again instead of overwriting this.
    row = database[ALERTS].find_one_and_update(
        {"_id": alert_id, "state": AlertState.FIRING},
        {"$set": fields, "$inc": {"revision": 1}},
        return_document=ReturnDocument.AFTER,
    )
    if row is None:
        raise UserError("there is no such firing alert; it may have resolved")
    said = {"author": entry.author, "comment": entry.comment}
    database[ALERT_EVENTS].insert_one(history_row(entry.event, row, at) | said)
    return to_alert(row)


def _checked(kind: type[Made], **fields: object) -> Made:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise UserError(one_line(error)) from None
