"""The ``outbox`` collection: what is to be sent is written down first, then sent, then marked.

Every time in it is the server's (``$$NOW``), so that processes with other clocks agree on leases.
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
from core.types import Document

_READ_AT_ONCE = 2_000


@dataclass(frozen=True)
class SendTiming:
    """How long things take; tests shorten them all."""

    first_delay: timedelta = timedelta(seconds=15)
    longest_delay: timedelta = timedelta(minutes=15)
    dead_after: timedelta = timedelta(hours=6)
    lease: timedelta = timedelta(minutes=2)
    """Longer than any send takes; what a killed process had in hand is taken over after it."""
    revived_after: timedelta = timedelta(hours=1)
    """A dead message that is decided anew after this long is tried anew."""

    def delay(self, attempts: int, rng: random.Random) -> timedelta:
        """0 to 15 s · 2ⁿ, at most 15 min: full jitter (M. Brooker, Exponential Backoff and Jitter, 2015)."""
        most: timedelta = min(self.longest_delay, self.first_delay * 2 ** min(attempts - 1, 20))
        return most * rng.random()


TIMING = SendTiming()


def rows_of(notification: Notification, channel: Channel) -> Iterator[OutboxRow]:
    """The rows of a notification: one for each recipient, and at a pager for each alert of the news."""
    whole = (notification.group_key, "", notification)
    for stream, suffix, part in _incidents(notification) if channel.pages else [whole]:
        for recipient in channel.recipients:
            yield OutboxRow(
                _id=f"{notification.key}{suffix}|{notification.channel}|{recipient.id}",
                channel=notification.channel,
                recipient=recipient.id,
                label=recipient.label,
                # Only what is decided anew at each check takes the place of what was decided before.
                stream=stream if notification.group_key == GROUP else notification.key,
                notification=part,
                urgent=is_urgent(part),
            )


def _incidents(notification: Notification) -> Iterator[tuple[str, str, Notification]]:
    for alert in notification.alerts[: notification.news]:
        over = notification.members.get(alert.id) == "resolved"
        event = NotificationEvent.RESOLVED if over else notification.event
        if not over and event == NotificationEvent.RESOLVED:  # the others go on
            event = NotificationEvent.FIRING
        part: Document = {"alerts": [alert], "news": 1, "event": event, "severity": alert.severity}
        yield alert.id, f"|{alert.id}", notification.model_copy(update=part)


def is_urgent(notification: Notification) -> bool:
    """Whether a message is an end or the first of a critical alert."""
    if notification.event == NotificationEvent.RESOLVED:
        return True
    first = notification.event in {NotificationEvent.FIRING, NotificationEvent.ESCALATED}
    return first and notification.severity == Severity.CRITICAL


def ends_all(notification: Notification) -> bool:
    """Whether nothing fires any more as far as the message is about it."""
    states = {notification.members.get(alert.id) for alert in notification.alerts}
    return notification.event == NotificationEvent.RESOLVED and states <= {"resolved"}


async def enqueue(
    database: AsyncDatabase[Document], rows: Iterable[OutboxRow], timing: SendTiming = TIMING
) -> list[str]:
    """Put messages in and drop what they supersede; the ids of those that are to be sent.

    A message that is there already is left as it is, unless it was superseded or died long ago.
    The end of something that a recipient was never told of is not put in.
    """
    ids = []
    for row in rows:
        told = not ends_all(row.notification) or await _was_told(database, row)
        if told:
            await _insert(database, row, timing)
            ids.append(row.id)
        await _supersede(database, row)
    return ids


async def _was_told(database: AsyncDatabase[Document], row: OutboxRow) -> bool:
    others = database[OUTBOX].find(_line(row) | {"stream": row.stream, "_id": {"$ne": row.id}}, {"state": 1})
    states = {other["state"] async for other in others}
    return not states or OutboxState.SENT in states


def _line(row: OutboxRow) -> Document:
    return {"channel": row.channel, "recipient": row.recipient}


async def _insert(database: AsyncDatabase[Document], row: OutboxRow, timing: SendTiming) -> None:
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
    older = _line(row) | {"stream": row.stream, "_id": {"$ne": row.id}}
    outbox = database[OUTBOX]
    over = {"$set": {"state": OutboxState.SUPERSEDED, "done_at": "$$NOW"}}
    await outbox.update_many(older | {"state": OutboxState.QUEUED}, [over])
    await outbox.update_many(older | {"state": OutboxState.SENDING}, {"$set": {"outdated": True}})


async def waiting_lines(
    database: AsyncDatabase[Document],
) -> dict[tuple[str, str], list[tuple[OutboxRow, bool]]]:
    """What waits, by channel and recipient, the oldest first, and whether each is due."""
    stages: list[Document] = [
        {"$match": {"state": {"$in": list(WAITING)}}},
        {"$sort": {"created_at": 1, "_id": 1}},
        {"$limit": _READ_AT_ONCE},
        {"$set": {"is_due": {"$lte": ["$due_at", "$$NOW"]}}},
    ]
    lines: dict[tuple[str, str], list[tuple[OutboxRow, bool]]] = {}
    async for document in await database[OUTBOX].aggregate(stages):
        row = OutboxRow.model_validate(document)
        lines.setdefault((row.channel, row.recipient), []).append((row, document["is_due"]))
    return lines


async def rows_with(database: AsyncDatabase[Document], ids: Collection[str]) -> list[OutboxRow]:
    """The messages of these ids that wait."""
    query = {"_id": {"$in": list(ids)}, "state": {"$in": list(WAITING)}}
    return [OutboxRow.model_validate(document) async for document in database[OUTBOX].find(query)]


async def claim(
    database: AsyncDatabase[Document], row_id: str, timing: SendTiming = TIMING
) -> OutboxRow | None:
    """Take a message in hand for the length of the lease; None where somebody else has it or it is done."""
    expired = {"$and": [{"$eq": ["$state", OutboxState.SENDING]}, {"$lte": ["$due_at", "$$NOW"]}]}
    free = {"$expr": {"$or": [{"$eq": ["$state", OutboxState.QUEUED]}, expired]}}
    taken = {
        "state": OutboxState.SENDING,
        "attempts": {"$add": ["$attempts", 1]},
        "due_at": _later(timing.lease),
        "claim": uuid4().hex,
    }
    asked = time.monotonic()  # it goes on while a process is stopped
    found = await database[OUTBOX].find_one_and_update(
        {"_id": row_id} | free, [{"$set": taken}], return_document=ReturnDocument.AFTER
    )
    return OutboxRow.model_validate(found | {"claimed_at": asked}) if found else None


async def mark_sent(database: AsyncDatabase[Document], rows: Sequence[OutboxRow]) -> None:
    """Keep that messages were sent, as one where there are several."""
    done = {"state": OutboxState.SENT, "done_at": "$$NOW", "reason": None, "claim": None}
    # Sent is sent, whoever has the row now: it must not go out once more.
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
    """Put a message back for another attempt, or give it up; as it is then, None if it was taken over."""
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
    """The recipients of a message's channel that it could not be delivered to."""
    same = {"channel": row.channel, "notification.key": row.notification.key, "state": OutboxState.DEAD}
    return frozenset([other["recipient"] async for other in database[OUTBOX].find(same, {"recipient": 1})])


async def drop(database: AsyncDatabase[Document], row: OutboxRow, reason: str) -> None:
    """Give a message up that is no longer worth sending."""
    over = {
        "state": OutboxState.SUPERSEDED,
        "done_at": "$$NOW",
        "claim": None,
        "reason": {"$literal": reason},
    }
    await database[OUTBOX].update_one({"_id": row.id, "state": {"$in": list(WAITING)}}, [{"$set": over}])


async def hold(database: AsyncDatabase[Document], ids: Collection[str], wait: timedelta) -> None:
    """Let messages wait for the channel's rate limit; what is urgent never ends up in a digest."""
    waits = {"held": {"$not": ["$urgent"]}, "due_at": _later(wait)}
    queued = {"_id": {"$in": list(ids)}, "state": OutboxState.QUEUED}
    await database[OUTBOX].update_many(queued, [{"$set": waits}])


def outbox_rows(
    database: Database[Document], states: Collection[OutboxState] = tuple(OutboxState), limit: int = 200
) -> list[OutboxRow]:
    """The messages in these states, the newest first: for the Alerts page."""
    found = database[OUTBOX].find({"state": {"$in": list(states)}}).sort("created_at", -1).limit(limit)
    return [OutboxRow.model_validate(document) for document in found]


def send_again(database: Database[Document], row_id: str) -> bool:
    """Try a dead message anew, at once; whether there was one."""
    anew = {"state": OutboxState.QUEUED, "attempts": 0, "created_at": "$$NOW", "due_at": "$$NOW"}
    dead = {"_id": row_id, "state": OutboxState.DEAD}
    return database[OUTBOX].update_one(dead, [{"$set": anew}]).matched_count > 0


def _later(span: timedelta) -> Document:
    return {"$add": ["$$NOW", round(span.total_seconds() * 1000)]}


def _ago(span: timedelta) -> Document:
    return {"$subtract": ["$$NOW", round(span.total_seconds() * 1000)]}
