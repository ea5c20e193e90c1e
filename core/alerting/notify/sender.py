"""Send what is in the outbox. Any number of processes may do so at once.

A message is sent at least once. It is sent twice only if a process ends, or stops for longer than the lease,
between sending it and marking it as sent.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum

from pymongo.asynchronous.database import AsyncDatabase

from core.alerting.channels.base import Channel, Failure, Recipient
from core.alerting.channels.configured import configured_channels
from core.alerting.channels.layout import Picture, Tone
from core.alerting.channels.message import Message, digest_message, notification_message
from core.alerting.channels.rate_limit import leave_alone, take_token
from core.alerting.notify.notification_log import GROUP, is_recorded, record_sent
from core.alerting.notify.outbox import (
    TIMING,
    SendTiming,
    claim,
    drop,
    enqueue,
    given_up,
    hold,
    mark_failed,
    mark_sent,
    rows_of,
    rows_with,
    waiting_lines,
    with_group,
)
from core.alerting.rota import duty
from core.alerting.state.alert_store import AlertStore
from core.clock import utc_now
from core.logging_config import get_logger
from core.models.alerts import Notification, NotificationEvent
from core.models.outbox import OutboxRow, OutboxState
from core.settings import get_settings
from core.types import Document

Channels = Mapping[str, Channel]
MOST_IN_DIGEST = 100
LONGEST_PASS_SECONDS = 30.0
"""No send begins later than this in one pass; what is left waits for the next."""
_LINES_AT_ONCE = 16
_AT_ONCE_EACH = 8
"""Sends to one recipient: a quarter of the threads, so that a slow one leaves some to the others."""
logger = get_logger("alerting")
_rng = random.SystemRandom()


class Delivery(StrEnum):
    """What became of a message that was tried at once."""

    SENT = "sent"
    FAILED = "not sent"
    WAITS = "waits"
    """The channel accepts no more for now; the message follows, in a digest if there are several."""
    ELSEWHERE = "being sent by another process"


async def dispatch(
    database: AsyncDatabase[Document], notifications: Sequence[Notification], channels: Channels
) -> list[Delivery]:
    """Store notifications in the outbox and try them all at once; return what became of each.

    SENT means that at least one recipient got it. What failed is retried later by :func:`deliver_due`.

    Raises:
        PyMongoError: the database does not answer.
    """
    ids = [
        await enqueue(database, rows_of(notification, channels[notification.channel]))
        for notification in notifications
    ]
    for notification, of_one in zip(notifications, ids, strict=True):
        if notification.event == NotificationEvent.RESOLVED and not of_one:
            # No recipient was told of what has ended; if it comes back, that must be news.
            await record_sent(database, notification, notification.at)
    outcome = await deliver_now(database, [row_id for of_one in ids for row_id in of_one], channels)
    return [_delivery([outcome[row_id] for row_id in of_one if row_id in outcome]) for of_one in ids]


def _delivery(tried: Sequence[Failure | None]) -> Delivery:
    if not tried:
        return Delivery.ELSEWHERE
    if None in tried:
        return Delivery.SENT
    return Delivery.WAITS if any(failure and failure.held for failure in tried) else Delivery.FAILED


async def deliver_due(
    database: AsyncDatabase[Document],
    channels: Channels | None = None,
    *,
    timing: SendTiming = TIMING,
    rng: random.Random = _rng,
) -> int:
    """Send every message that is due, in order for each recipient; return how many were sent.

    Raises:
        PyMongoError: the database does not answer; what was sent but not marked goes out again after the
            lease.
    """
    worker = _Worker(
        database, configured_channels(get_settings()) if channels is None else channels, timing, rng
    )
    return await worker.deliver_due()


async def deliver_now(
    database: AsyncDatabase[Document],
    ids: Collection[str],
    channels: Channels,
    *,
    timing: SendTiming = TIMING,
    rng: random.Random = _rng,
) -> dict[str, Failure | None]:
    """Try these messages at once, due or not.

    Return the outcome of those that no other process was sending.
    """
    return await _Worker(database, channels, timing, rng).deliver_now(ids)


class _Worker:
    def __init__(
        self, database: AsyncDatabase[Document], channels: Channels, timing: SendTiming, rng: random.Random
    ) -> None:
        self._database = database
        self._channels = channels
        self._timing = timing
        self._rng = rng
        self._at_once = asyncio.Semaphore(_LINES_AT_ONCE)
        self._each: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_AT_ONCE_EACH)
        )
        self._ends = time.monotonic() + LONGEST_PASS_SECONDS

    async def deliver_due(self) -> int:
        lines = await waiting_lines(self._database, self._timing)
        sent = await asyncio.gather(*(self._line(line) for line in lines.values()))
        return sum(sent)

    async def deliver_now(self, ids: Collection[str]) -> dict[str, Failure | None]:
        places = {row_id: place for place, row_id in enumerate(ids)}
        rows = sorted(await rows_with(self._database, ids), key=lambda row: places[row.id])
        found = await asyncio.gather(*(self._in_turn(row) for row in rows if not row.held))
        return dict(outcome for outcome in found if outcome is not None)

    async def _in_turn(self, row: OutboxRow) -> tuple[str, Failure | None] | None:
        """Try one message when its recipient's turn comes; None if that is too late for this pass."""
        async with self._each[_bucket(row)]:
            return None if self._over() else await self._now(row)

    def _over(self) -> bool:
        return time.monotonic() > self._ends

    async def _now(self, row: OutboxRow) -> tuple[str, Failure | None] | None:
        """Try one message unless the rate limit holds it back; None if another process has it."""
        if await self._held_back([row], []):
            extra = {"channel": row.channel, "recipient": row.label, "alerts": _names(row)}
            logger.warning("Alert waits: the channel takes no more just now", extra=extra)
            return row.id, Failure("held back by the rate limit", held=True)
        taken = await claim(self._database, row.id, self._timing)
        return None if taken is None else (row.id, await self._send([taken]))

    async def _line(self, line: Sequence[tuple[OutboxRow, bool]]) -> int:
        """Send what waits for one recipient, oldest first, if any of it is due."""
        if not any(due for _, due in line):
            return 0
        async with self._at_once:
            return await self._in_order(line)

    async def _in_order(self, line: Sequence[tuple[OutboxRow, bool]]) -> int:
        """Send a recipient's messages in order, and stop where another process is ahead of us.

        Order matters because "resolved" before "firing" would tell people the opposite of the truth.
        """
        sent, works, full = 0, True, False
        for batch, due in _batches(line, digests=not self._pages(line[0][0])):
            if self._over():
                break  # a recipient that answers slowly must not keep the next pass from the others
            if batch[0].state == OutboxState.SENDING and not due:
                break  # another process is sending it; the later ones wait their turn
            # While a channel fails, each message keeps its own retry time; once one gets through, the rest
            # follow.
            if (not due and (not works or batch[0].held)) or (full and not batch[0].urgent):
                continue
            if await self._held_back(batch, [row for row, _ in line if not row.urgent]):
                full = True
                continue
            taken = [await claim(self._database, row.id, self._timing) for row in batch]
            rows = [row for row in taken if row is not None]
            if taken[0] is None:
                await self._put_back(rows)
                break  # another process is working on this line
            works = await self._send(rows) is None
            sent += len(rows) if works else 0
        return sent

    def _pages(self, row: OutboxRow) -> bool:
        channel = self._channels.get(row.channel)
        return channel is not None and channel.pages

    async def _held_back(self, batch: Sequence[OutboxRow], line: Sequence[OutboxRow]) -> bool:
        """Return whether the recipient's rate limit holds these back.

        Then all that waits for it is held as well.
        """
        first = batch[0]
        channel = self._channels.get(first.channel)
        if channel is None or channel.limit is None:
            return False
        wait = await take_token(self._database, _bucket(first), channel.limit, urgent=first.urgent)
        if wait is None:
            return False
        await hold(self._database, [row.id for row in (*batch, *line)], wait)
        return True

    async def _put_back(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            await mark_failed(
                self._database, row, Failure("another sender was faster"), self._timing, self._rng
            )

    async def _send(self, rows: Sequence[OutboxRow]) -> Failure | None:
        """Send claimed messages, several as one digest, and store the outcome."""
        first = rows[0]
        channel = self._channels.get(first.channel)
        if channel is None:
            failure: Failure | None = Failure("the channel is no longer set up", permanent=True)
        else:
            rows = [row for row in [await self._as_it_stands(row, channel) for row in rows] if row]
            if not rows:
                return None
            if not self._still_ours(rows):
                return Failure("was stopped for so long that another may have sent it")
            recipient = Recipient(first.recipient, first.label)
            failure = await channel.send(recipient, _message(rows))
        if failure is None:
            await self._sent(rows)
        else:
            if failure.wait is not None:
                await leave_alone(self._database, _bucket(first), failure.wait)
            for row in rows:
                await self._failed(row, failure)
        return failure

    def _still_ours(self, rows: Sequence[OutboxRow]) -> bool:
        """Return whether a send begun now would end within the lease, however long this process was stopped.

        Half the lease has to be left: a suspended laptop or container must not send what another has sent
        since.
        """
        left = min(row.claimed_at for row in rows) + self._timing.lease.total_seconds() - time.monotonic()
        return left > self._timing.lease.total_seconds() / 2

    async def _as_it_stands(self, row: OutboxRow, channel: Channel) -> OutboxRow | None:
        """Return a late message updated to the present state of its alerts.

        None if it is no longer worth sending.

        A late message says what has ended since it was decided. A pager is not paged at all for what is over.
        """
        group = row.notification.group_key
        late = row.attempts > 1 and (group == GROUP or group.startswith(("custom:", "acknowledged:")))
        if not late or row.notification.event == NotificationEvent.RESOLVED:
            return row
        present = await AlertStore(self._database).present(row.notification)
        over = all(present.members.get(alert.id) == "resolved" for alert in present.alerts)
        if over and (
            channel.pages or not channel.ends or row.notification.event == NotificationEvent.ACKNOWLEDGED
        ):
            await drop(self._database, row, "over before it could be sent")
            return None
        return row.model_copy(update={"notification": present})

    async def _sent(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            # Recorded before it is marked: a row that is marked as sent is never looked at again.
            news = await self._confirm(row)
            if news or self._pages(row):  # for pagers each alert is a message of its own
                await self._record(row, delivered=True)
        await mark_sent(self._database, rows)

    async def _confirm(self, row: OutboxRow) -> bool:
        """Record that a decision was sent; return whether that was new."""
        whole: Notification | None = row.notification
        if row.group_in is not None:
            if await is_recorded(self._database, row.notification):
                return False
            whole = await with_group(self._database, row)
        return whole is not None and await record_sent(self._database, whole, whole.at)

    async def _failed(self, row: OutboxRow, failure: Failure) -> None:
        after = await mark_failed(self._database, row, failure, self._timing, self._rng)
        known = not self._pages(row) and await is_recorded(self._database, row.notification)
        if row.attempts == 1 and not known:
            await self._record(row, delivered=False)
        if after is not None and after.state == OutboxState.DEAD:
            await self._tell_elsewhere(after)

    async def _record(self, row: OutboxRow, *, delivered: bool) -> None:
        notification = row.notification
        await AlertStore(self._database).record_sending(notification, notification.at, delivered=delivered)

    async def _tell_elsewhere(self, row: OutboxRow) -> None:
        """Have another channel, or other recipients of this one, say what could not be delivered here."""
        extra = {"channel": row.channel, "recipient": row.label, "reason": row.reason}
        if row.report is not None:
            logger.error("Report given up", extra=extra)
            return
        logger.error("Alert given up", extra=extra)
        tried = [*row.failed_channels, row.channel]
        others = [channel for name, channel in self._channels.items() if name not in tried]
        off_duty = duty(get_settings(), utc_now()).off
        # Prefer those on call, and people to pagers.
        other = min(others, key=lambda channel: (channel.name in off_duty, channel.pages), default=None)
        if other is None and row.channel not in row.failed_channels:
            other = self._channels.get(row.channel)
        if other is None:
            return
        moved = {
            "key": f"{row.notification.key}>{other.name}",
            "group_key": f"undelivered:{row.channel}",
            "channel": other.name,
        }
        told = row.notification.model_copy(update=moved)
        reason = {"failed_channels": tried, "failed_reason": f"{row.channel} ({row.label}): {row.reason}"}
        gone = await given_up(self._database, row) if other.name == row.channel else frozenset()
        replacements = [
            one.model_copy(update=reason) for one in rows_of(told, other) if one.recipient not in gone
        ]
        await enqueue(self._database, replacements, self._timing)


def _names(row: OutboxRow) -> list[str]:
    return sorted({alert.name for alert in row.notification.alerts})


def _bucket(row: OutboxRow) -> str:
    """Return the name of the rate limit of a message's recipient."""
    return f"{row.channel}|{row.recipient}"


def _batches(
    line: Sequence[tuple[OutboxRow, bool]], *, digests: bool
) -> Iterator[tuple[list[OutboxRow], bool]]:
    """Yield the messages in order, each with whether it is due.

    Those held by the rate limit come as one batch.
    """
    held = [(row, due) for row, due in line if digests and row.held and row.state == OutboxState.QUEUED]
    together = held[:MOST_IN_DIGEST]
    members = {row.id for row, _ in held}
    for row, due in line:
        if row.id not in members:
            yield [row], due
        elif row is held[0][0]:
            yield [one for one, _ in together], any(is_due for _, is_due in together)


def _composed(row: OutboxRow) -> Message:
    if row.report is None:
        return notification_message(row.notification, row.failed_reason)
    written = row.report
    pictures = tuple(Picture(one.name, one.png, one.words) for one in written.pictures)
    return Message(
        written.title,
        written.text,
        written.brief,
        Tone(written.tone),
        written.html,
        link=written.link,
        pictures=pictures,
    )


def _message(rows: Sequence[OutboxRow]) -> Message:
    messages = [_composed(row) for row in rows]
    return messages[0] if len(messages) == 1 else digest_message(messages)
