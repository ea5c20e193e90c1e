"""What people read: the words of an alert, for mail and for chat."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from textwrap import shorten

from core.models.alerts import Alert, AlertState, Notification
from core.settings import get_settings

TITLE_WIDTH = 160


class Tone(StrEnum):
    """How a message looks in the channels that have colours."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Message:
    """One message: ``text`` for mail, the shorter ``brief`` for chat."""

    title: str
    text: str
    brief: str
    tone: Tone


def quantity(value: float, unit_: str, apart_from: float | None = None) -> str:
    """``12.5 %`` or ``2,340 ms``, with as many decimals as tell it apart from the other value."""
    digits = 1 if unit_ == "%" or value % 1 else 0
    while apart_from is not None and value != apart_from and digits < 6:  # noqa: PLR2004 (enough for any count)
        if f"{value:.{digits}f}" != f"{apart_from:.{digits}f}":
            break
        digits += 1
    number = f"{value:,.{digits}f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {unit_}".rstrip()


def moment(at: datetime) -> str:
    """A time as people read it, with the zone said: ``24 Oct 2024, 18:15 IST``."""
    local = at.astimezone(get_settings().tz)
    return f"{_day(local)}, {local:%H:%M} {local:%Z}"


def period(start: datetime, end: datetime) -> str:
    """A period as people read it: ``24 Oct 2024, 18:00–18:15 IST``."""  # noqa: RUF002 (as it is printed)
    zone = get_settings().tz
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.date() == last.date():
        return f"{_day(first)}, {first:%H:%M}–{last:%H:%M} {last:%Z}"  # noqa: RUF001 (an en dash is meant)
    return f"{_day(first)}, {first:%H:%M} – {_day(last)}, {last:%H:%M} {last:%Z}"  # noqa: RUF001


def _day(local: datetime) -> str:
    return f"{local.day} {local:%b %Y}"


def alert_message(alert: Alert) -> Message:
    """The message for an alert that fires, still fires, or is over."""
    resolved = alert.state == AlertState.RESOLVED
    word = "FLAPPING" if alert.flapping else "RESOLVED" if resolved else alert.severity.upper()
    named = alert.message if alert.message.startswith(alert.name) else f"{alert.name}: {alert.message}"
    title = shorten(f"{word}: {named}", width=TITLE_WIDTH, placeholder=" …")
    facts = {"Since": moment(alert.started_at)}
    if resolved and alert.resolved_at:
        facts["Until"] = moment(alert.resolved_at)
    if alert.samples is None and alert.current_value is not None:
        facts["Value"] = quantity(alert.current_value, alert.unit)
    if alert.samples is None and alert.threshold_value is not None:
        facts["Limit"] = quantity(alert.threshold_value, alert.unit)
    facts |= {str(key): str(value) for key, value in alert.metadata.items()}
    facts["Dashboard"] = get_settings().dashboard_url
    return _compose(title, alert.message, facts, Tone.RESOLVED if resolved else Tone(alert.severity))


def notification_message(notification: Notification) -> Message:
    """The message for a group of alerts: one as it is, several one below the other under a common title."""
    messages = [alert_message(alert) for alert in notification.alerts]
    first = messages[0]
    if len(messages) == 1:
        return first
    title = shorten(f"{first.title} (and {len(messages) - 1} more)", width=TITLE_WIDTH, placeholder=" …")
    text = "\n\n".join(f"{message.title}\n\n{message.text}" for message in messages)
    brief = "\n\n".join(f"{message.title}\n{message.brief}" for message in messages)
    return Message(title, text, brief, first.tone)


def _compose(title: str, text: str, facts: Mapping[str, str], tone: Tone) -> Message:
    width = max(map(len, facts)) + 2
    lines = [f"{key:<{width}}{value}" for key, value in facts.items()]
    # Chat shows the title right above the text: nothing is said twice, and nothing is cut off unsaid.
    brief = ([] if text in title else [text]) + [f"{key}: {value}" for key, value in facts.items()]
    return Message(title, "\n".join([text, "", *lines]), "\n".join(brief), tone)
