"""The ``outbox`` collection: a message is stored first, then sent, then marked as sent.

Every time in it is the server's (``$$NOW``), so that processes whose clocks differ agree on leases. A row
goes queued → sending → sent; a failure puts it back to queued, or makes it dead; a newer message for the same
recipient makes it superseded.
"""

import random
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.alerting.channels.base import Channel, Failure
from core.alerting.notify.notification_log import GROUP
from core.models.alerts import Notification, NotificationEvent, Severity
from core.models.outbox import WAITING, OutboxRow, OutboxState
from core.storage.collections import OUTBOX
from core.storage.readable import each_readable
from core.types import Document

_READ_AT_ONCE = 2_000


@dataclass(frozen=True)
class SendTiming:
    """Delays and leases of sending; tests shorten all of them."""

    first_delay: timedelta = timedelta(seconds=15)
    longest_delay: timedelta = timedelta(minutes=15)
    dead_after: timedelta = timedelta(hours=6)
    lease: timedelta = timedelta(minutes=2)
    """Longer than any send takes; after it, other processes may take over what a killed one was sending."""
    longest_wait: timedelta = timedelta(hours=2)
    """Longer than any delay, any pause that a channel asks for, and any wait for its rate limit."""
    revived_after: timedelta = timedelta(hours=1)
    """A dead message is tried again if the same decision is made this long after it was given up."""

    def delay(self, attempts: int, rng: random.Random) -> timedelta:
        """Return a random delay of 0 to 15 s · 2ⁿ, at most 15 min.

        Full jitter (M. Brooker, Exponential Backoff and Jitter, 2015), so that messages that failed together
        do not come back together.
        """
        most: timedelta = min(self.longest_delay, self.first_delay * 2 ** min(attempts - 1, 20))
        return most * rng.random()


TIMING = SendTiming()


def rows_of(notification: Notification, channel: Channel) -> Iterator[OutboxRow]:
    """Yield the rows of a notification: one per recipient.

    For pagers one per recipient and alert in the news.

    The row id derives from the notification's key. Two processes that decide the same thing therefore write
    the same row, and the message goes out once.
    """
    whole = (notification.group_key, "", notification)
    for stream, suffix, part in _incidents(notification) if channel.pages else [whole]:
        for recipient in channel.recipients:
            yield OutboxRow(
                _id=f"{notification.key}{suffix}|{notification.channel}|{recipient.id}",
                channel=notification.channel,
                recipient=recipient.id,
                label=recipient.label,
                # Only decisions that every check makes again may supersede an earlier message.
                stream=stream if notification.group_key == GROUP else notification.key,
                notification=part,
                urgent=is_urgent(part),
            )


def _incidents(notification: Notification) -> Iterator[tuple[str, str, Notification]]:
    """Yield a pager's share: each alert of the news as an incident of its own, with its own event."""
    for alert in notification.alerts[: notification.news]:
        over = notification.members.get(alert.id) == "resolved"
        event = NotificationEvent.RESOLVED if over else notification.event
        if not over and event == NotificationEvent.RESOLVED:  # only others of the group have ended
            event = NotificationEvent.FIRING
        part: Document = {"alerts": [alert], "news": 1, "event": event, "severity": alert.severity}
        yield alert.id, f"|{alert.id}", notification.model_copy(update=part)


def is_urgent(notification: Notification) -> bool:
    """Return whether a message announces an end, or the first firing of a critical alert."""
    if notification.event == NotificationEvent.RESOLVED:
        return True
    first = notification.event in {NotificationEvent.FIRING, NotificationEvent.ESCALATED}
    return first and notification.severity == Severity.CRITICAL


def ends_all(notification: Notification) -> bool:
    """Return whether, as far as this message is concerned, nothing fires any more."""
    states = {notification.members.get(alert.id) for alert in notification.alerts}
    return notification.event == NotificationEvent.RESOLVED and states <= {"resolved"}


async def enqueue(
    database: AsyncDatabase[Document], rows: Iterable[OutboxRow], timing: SendTiming = TIMING
) -> list[str]:
    """Store messages and drop those they supersede; return the ids of the rows to send.

    A row that exists already is left as it is, unless it was superseded or died long ago. Skips "resolved"
    messages for recipients that never got the "firing" one.

    Of a pager's rows for one decision, only the first holds the states of the whole group; otherwise a
    thousand incidents would store a million states.

    Raises:
        PyMongoError: the database does not answer; the next check decides and enqueues again.
    """
    ids = []
    first: dict[tuple[str, str, str], str] = {}
    for row in rows:
        told = not ends_all(row.notification) or await _was_told(database, row)
        if told:
            whole = first.setdefault((row.channel, row.recipient, row.notification.key), row.id)
            await _insert(database, row if whole == row.id else _with_own_states(row, whole), timing)
            ids.append(row.id)
        await _supersede(database, row)
    return ids


def _with_own_states(row: OutboxRow, whole: str) -> OutboxRow:
    """Return a row with only the states of its own alerts; ``whole`` is the row with those of the group."""
    notification = row.notification
    own = {alert.id for alert in notification.alerts}
    kept: Document = {
        name: {alert_id: value for alert_id, value in getattr(notification, name).items() if alert_id in own}
        for name in ("members", "severities", "told_at")
    }
    return row.model_copy(update={"group_in": whole, "notification": notification.model_copy(update=kept)})


async def with_group(database: AsyncDatabase[Document], row: OutboxRow) -> Notification | None:
    """Return a row's notification with the states of the whole group; None if they are gone."""
    here, seen = row, {row.id}
    while here.group_in is not None and here.group_in not in seen:
        seen.add(here.group_in)
        found = await database[OUTBOX].find_one({"_id": here.group_in})
        rows = list(each_readable([found] if found else [], OutboxRow.model_validate, OUTBOX))
        if not rows:
            return None
        here = rows[0]
    whole = {name: getattr(here.notification, name) for name in ("members", "severities", "told_at")}
    return row.notification.model_copy(update=whole)


async def _was_told(database: AsyncDatabase[Document], row: OutboxRow) -> bool:
    """Return whether an earlier message of this stream reached the recipient, or whether there is none."""
    others = database[OUTBOX].find(_line(row) | {"stream": row.stream, "_id": {"$ne": row.id}}, {"state": 1})
    states = {other["state"] async for other in others}
    return not states or OutboxState.SENT in states


def _line(row: OutboxRow) -> Document:
    return {"channel": row.channel, "recipient": row.recipient}


async def _insert(database: AsyncDatabase[Document], row: OutboxRow, timing: SendTiming) -> None:
    """Store a row, unless it exists and is alive.

    One atomic update rather than an insert: a row that was superseded, or died longer than ``revived_after``
    ago, is replaced by a fresh one, while one that is queued, being sent or sent stays exactly as it is. Only
    that keeps two processes with the same decision from sending it twice.
    """
    document = row.model_dump(exclude={"id", "created_at", "due_at"})
    fresh = {
        "$mergeObjects": [{"_id": "$_id"}, {"$literal": document}, {"created_at": "$$NOW", "due_at": "$$NOW"}]
    }
    long_dead = {"$lte": ["$done_at", _ago(timing.revived_after)]}
    anew = {
        "$or": [
            {"$eq": [{"$type": "$state"}, "missing"]},
            {"$eq": ["$state", OutboxState.SUPERSEDED]},
            {"$and": [{"$eq": ["$state", OutboxState.DEAD]}, long_dead]},
        ]
    }
    put = [{"$replaceWith": {"$cond": [anew, fresh, "$$ROOT"]}}]
    await database[OUTBOX].update_one({"_id": row.id}, put, upsert=True)


async def _supersede(database: AsyncDatabase[Document], row: OutboxRow) -> None:
    """Drop older messages of the same stream to the same recipient that have not gone out yet.

    Queued ones end at once. One that is being sent cannot be stopped; it is marked outdated, so that it is
    not retried if it fails.
    """
    older = _line(row) | {"stream": row.stream, "_id": {"$ne": row.id}}
    outbox = database[OUTBOX]
    over = {"$set": {"state": OutboxState.SUPERSEDED, "done_at": "$$NOW"}}
    await outbox.update_many(older | {"state": OutboxState.QUEUED}, [over])
    await outbox.update_many(older | {"state": OutboxState.SENDING}, {"$set": {"outdated": True}})


async def waiting_lines(
    database: AsyncDatabase[Document], timing: SendTiming = TIMING
) -> dict[tuple[str, str], list[tuple[OutboxRow, bool]]]:
    """Return the waiting messages by channel and recipient, oldest first, each with whether it is due.

    One that this version cannot read is logged and left out.
    """
    stages: list[Document] = [
        {"$match": {"state": {"$in": list(WAITING)}}},
        {"$sort": {"created_at": 1, "_id": 1}},
        {"$limit": _READ_AT_ONCE},
        {"$set": {"is_due": _is_due(timing)}},
    ]
    lines: dict[tuple[str, str], list[tuple[OutboxRow, bool]]] = {}
    found = await (await database[OUTBOX].aggregate(stages)).to_list()
    for row, is_due in each_readable(found, _with_due, OUTBOX):
        lines.setdefault((row.channel, row.recipient), []).append((row, is_due))
    return lines


def _is_due(timing: SendTiming) -> Document:
    """Return the expression for whether a message's time, or the lease of its sender, is over.

    One that ends later than any can was set while the server's clock was ahead, and holds nothing back. Twice
    the lease, so that a clock that is set back a little does not have a message sent twice.
    """
    longest = {"$cond": [_IS_SENDING, _later(2 * timing.lease), _later(timing.longest_wait)]}
    return {"$or": [{"$lte": ["$due_at", "$$NOW"]}, {"$gt": ["$due_at", longest]}]}


_IS_SENDING: Document = {"$eq": ["$state", OutboxState.SENDING]}


def _with_due(document: Document) -> tuple[OutboxRow, bool]:
    return OutboxRow.model_validate(document), document["is_due"]


async def rows_with(database: AsyncDatabase[Document], ids: Collection[str]) -> list[OutboxRow]:
    """Return those of the given messages that still wait and that this version can read."""
    query = {"_id": {"$in": list(ids)}, "state": {"$in": list(WAITING)}}
    found = await database[OUTBOX].find(query).to_list()
    return list(each_readable(found, OutboxRow.model_validate, OUTBOX))


async def claim(
    database: AsyncDatabase[Document], row_id: str, timing: SendTiming = TIMING
) -> OutboxRow | None:
    """Take a message for the length of the lease; None if another process has it, or it is done.

    The condition and the change are one atomic update, so only one process gets it. ``claim`` is a fresh
    token: a process whose lease ran out cannot mark a message that another has taken over since.

    Raises:
        PyMongoError: the database does not answer.
    """
    expired = {"$and": [_IS_SENDING, _is_due(timing)]}
    free = {"$expr": {"$or": [{"$eq": ["$state", OutboxState.QUEUED]}, expired]}}
    taken = {
        "state": OutboxState.SENDING,
        "attempts": {"$add": ["$attempts", 1]},
        # A message of the future would never be too old to be tried again.
        "created_at": {"$min": ["$created_at", "$$NOW"]},
        "due_at": _later(timing.lease),
        "claim": uuid4().hex,
    }
    asked = time.monotonic()  # keeps counting while the process is stopped
    found = await database[OUTBOX].find_one_and_update(
        {"_id": row_id} | free, [{"$set": taken}], return_document=ReturnDocument.AFTER
    )
    return OutboxRow.model_validate(found | {"claimed_at": asked}) if found else None


async def mark_sent(database: AsyncDatabase[Document], rows: Sequence[OutboxRow]) -> None:
    """Record that messages were sent; several at once means they went out as one digest."""
    done = {"state": OutboxState.SENT, "done_at": "$$NOW", "reason": None, "claim": None}
    # Whoever holds the row by now: it was sent and must not go out again.
    still = {"_id": {"$in": [row.id for row in rows]}, "state": {"$ne": OutboxState.SENT}}
    digest = rows[0].id if len(rows) > 1 else None
    await database[OUTBOX].update_many(still, [{"$set": done | {"digest": {"$literal": digest}}}])


async def mark_failed(
    database: AsyncDatabase[Document],
    row: OutboxRow,
    failure: Failure,
    timing: SendTiming,
    rng: random.Random,
) -> OutboxRow | None:
    """Put a message back for another attempt, or give it up; return its new state, None if it was taken over.

    It is given up (dead) if the failure is permanent or the message older than ``dead_after``, and dropped
    (superseded) if it was marked outdated in between.
    """
    too_old = {"$lte": ["$created_at", _ago(timing.dead_after)]}
    state = {
        "$switch": {
            "branches": [
                {"case": "$outdated", "then": OutboxState.SUPERSEDED},
                {"case": {"$or": [failure.permanent, too_old]}, "then": OutboxState.DEAD},
            ],
            "default": OutboxState.QUEUED,
        }
    }
    put: list[Mapping[str, Any]] = [
        {
            "$set": {
                "state": state,
                "due_at": _later(max(timing.delay(row.attempts, rng), failure.wait or timedelta())),
                "claim": None,
                "reason": {"$literal": failure.reason},
            }
        },
        {"$set": {"done_at": {"$cond": [{"$eq": ["$state", OutboxState.QUEUED]}, None, "$$NOW"]}}},
    ]
    found = await database[OUTBOX].find_one_and_update(
        {"_id": row.id, "claim": row.claim}, put, return_document=ReturnDocument.AFTER
    )
    return OutboxRow.model_validate(found) if found else None


async def given_up(database: AsyncDatabase[Document], row: OutboxRow) -> frozenset[str]:
    """Return the recipients of a message's channel to which it could not be delivered."""
    same = {"channel": row.channel, "notification.key": row.notification.key, "state": OutboxState.DEAD}
    return frozenset([other["recipient"] async for other in database[OUTBOX].find(same, {"recipient": 1})])


async def drop(database: AsyncDatabase[Document], row: OutboxRow, reason: str) -> None:
    """Drop a message that is no longer worth sending."""
    over = {
        "state": OutboxState.SUPERSEDED,
        "done_at": "$$NOW",
        "claim": None,
        "reason": {"$literal": reason},
    }
    await database[OUTBOX].update_one({"_id": row.id, "state": {"$in": list(WAITING)}}, [{"$set": over}])


async def hold(database: AsyncDatabase[Document], ids: Collection[str], wait: timedelta) -> None:
    """Make messages wait for the channel's rate limit; urgent ones never end up in a digest."""
    waits = {"held": {"$not": ["$urgent"]}, "due_at": _later(wait)}
    queued = {"_id": {"$in": list(ids)}, "state": OutboxState.QUEUED}
    await database[OUTBOX].update_many(queued, [{"$set": waits}])


def outbox_rows(
    database: Database[Document], states: Collection[OutboxState] = tuple(OutboxState), limit: int = 200
) -> list[OutboxRow]:
    """Return the readable messages in these states, newest first, for the Alerts page."""
    found = database[OUTBOX].find({"state": {"$in": list(states)}}).sort("created_at", -1).limit(limit)
    return list(each_readable(found, OutboxRow.model_validate, OUTBOX))


def send_again(database: Database[Document], row_id: str) -> bool:
    """Queue a dead message again, due at once; return whether there was one."""
    anew = {"state": OutboxState.QUEUED, "attempts": 0, "created_at": "$$NOW", "due_at": "$$NOW"}
    dead = {"_id": row_id, "state": OutboxState.DEAD}
    return database[OUTBOX].update_one(dead, [{"$set": anew}]).matched_count > 0


def _later(span: timedelta) -> Document:
    return {"$add": ["$$NOW", round(span.total_seconds() * 1000)]}


def _ago(span: timedelta) -> Document:
    return {"$subtract": ["$$NOW", round(span.total_seconds() * 1000)]}
