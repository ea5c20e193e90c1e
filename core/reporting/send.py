"""Send reports through the outbox, like alerts, so that each arrives once."""

from collections.abc import Mapping

from pymongo.asynchronous.database import AsyncDatabase

from core.alerting.channels.base import Channel
from core.alerting.channels.message import Message
from core.alerting.notify.outbox import enqueue
from core.alerting.notify.sender import deliver_now
from core.clock import utc_now
from core.models.alerts import Notification, NotificationEvent, Severity
from core.models.outbox import OutboxRow, ReportPicture, ReportText
from core.reporting.span import Span
from core.types import Document


def takers(channels: Mapping[str, Channel]) -> dict[str, Channel]:
    """Return the channels for reports: people, not pagers, and none that accepts only bad news."""
    return {
        name: channel
        for name, channel in channels.items()
        if not channel.pages and (channel.severities is None or Severity.INFO in channel.severities)
    }


async def send_report(
    database: AsyncDatabase[Document], span: Span, message: Message, channels: Mapping[str, Channel]
) -> int:
    """Queue a report for everybody and try to send it at once; return how many recipients got it now.

    A report that is already queued or sent is not queued again. What failed is retried later.
    """
    rows = [row for name, channel in takers(channels).items() for row in _rows(span, message, name, channel)]
    ids = await enqueue(database, rows)
    outcome = await deliver_now(database, ids, channels)
    return sum(failure is None for failure in outcome.values())


def _rows(span: Span, message: Message, name: str, channel: Channel) -> list[OutboxRow]:
    key = f"report-{span.key}"
    notification = Notification(
        key=key,
        group_key=key,
        channel=name,
        event=NotificationEvent.REPORT,
        severity=Severity.INFO,
        at=utc_now(),
        alerts=[],
        news=0,
        members={},
        severities={},
    )
    text = ReportText(
        title=message.title,
        text=message.text,
        brief=message.brief,
        html=message.html,
        link=message.link,
        tone=message.tone.value,
        pictures=[ReportPicture(name=one.name, png=one.png, words=one.words) for one in message.pictures],
    )
    return [
        OutboxRow(
            _id=f"{key}|{name}|{recipient.id}",
            channel=name,
            recipient=recipient.id,
            label=recipient.label,
            stream=key,
            notification=notification,
            urgent=False,
            report=text,
        )
        for recipient in channel.recipients
    ]
