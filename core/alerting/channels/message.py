"""What people read: the words of an alert, for mail and for chat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from html import escape
from textwrap import shorten
from urllib.parse import urlencode

from core.alerting.wording import moment, quantity
from core.models.alerts import Alert, AlertState, Notification, Severity
from core.settings import get_settings

TITLE_WIDTH = 160
LOOK_BACK = timedelta(minutes=15)
"""The link shows this much of what was before."""
MOST_AT_LENGTH = 10
"""A digest of more messages has their titles alone."""
FILTERS = ("direction", "language", "status", "campaign")


class Tone(StrEnum):
    """How a message looks in the channels that have colours."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    RESOLVED = "resolved"


COLOURS = {Tone.INFO: "#5b7083", Tone.WARNING: "#b26a00", Tone.CRITICAL: "#b3261e", Tone.RESOLVED: "#1b7f4d"}


@dataclass(frozen=True)
class Incident:
    """What a pager opens and closes: the same ``key`` from the first message to the last."""

    key: str
    name: str
    severity: Severity
    over: bool
    link: str


@dataclass(frozen=True)
class Message:
    """One message: ``text`` and ``html`` for mail, the shorter ``brief`` for chat.

    ``reference`` is the same wherever the same message arrives once more: delivery is at least once.
    """

    title: str
    text: str
    brief: str
    tone: Tone
    html: str = ""
    reference: str = ""
    incident: Incident | None = None
    link: str = ""
    """Where the dashboard shows what it is about."""


@dataclass(frozen=True)
class _Section:
    """What is said about one alert."""

    title: str
    text: str
    facts: Mapping[str, str]
    tone: Tone


def alert_message(alert: Alert) -> Message:
    """The message for an alert that fires, still fires, or is over."""
    section = _section(alert)
    return _compose(section.title, [section], incident=_incident(alert))


def notification_message(notification: Notification, undelivered: str | None = None) -> Message:
    """The message for a group of alerts: one as it is, several one below the other under a common title.

    ``undelivered`` says where it should have gone and why that failed.
    """
    sections = [_section(alert) for alert in notification.alerts]
    title = sections[0].title
    if len(sections) > 1:
        title = _short(f"{title} (and {len(sections) - 1} more)")
    if undelivered:
        title = _short(f"Not delivered elsewhere: {title}")
        text = f"This could not be delivered where it should have gone: {undelivered}."
        sections = [_Section("", text, {}, sections[0].tone), *sections]
    single = notification.alerts[0] if len(notification.alerts) == 1 else None
    return _compose(title, sections, notification.key, _incident(single) if single else None)


def digest_message(messages: Sequence[Message]) -> Message:
    """One message for several that had to wait for the channel's rate limit."""
    worst = max((message.tone for message in messages), key=list(Tone).index)
    title = f"{len(messages)} alert messages that had to wait"
    section = _Section("", "More came at once than this channel takes; here they are together.", {}, worst)
    head = _compose(title, [section])
    if len(messages) > MOST_AT_LENGTH:
        titles = [message.title for message in messages]
        text = "\n".join([head.text, "", *titles])
        html = head.html + "<br>".join(escape(title) for title in titles)
        return Message(title, text, text, worst, html, messages[0].reference)
    text = "\n\n".join([head.text, *(f"{message.title}\n\n{message.text}" for message in messages)])
    brief = "\n\n".join([head.brief, *(f"{message.title}\n{message.brief}" for message in messages)])
    html = head.html + "".join(message.html for message in messages)
    return Message(title, text, brief, worst, html, messages[0].reference)


def dashboard_link(alert: Alert) -> str:
    """Where the dashboard shows the calls that an alert is about, or the rule that cannot be evaluated."""
    if "rule" in alert.labels:
        return f"{get_settings().dashboard_url}/alerts?{urlencode({'rule': alert.labels['rule']})}"
    zone = get_settings().tz
    start = (alert.started_at - LOOK_BACK).astimezone(zone)
    end = max(alert.updated_at, alert.resolved_at or alert.updated_at).astimezone(zone)
    chosen = {"period": "custom", "from": f"{start:%Y-%m-%dT%H:%M}", "to": f"{end:%Y-%m-%dT%H:%M}"}
    chosen |= {name: alert.labels[name] for name in FILTERS if alert.labels.get(name)}
    return f"{get_settings().dashboard_url}/?{urlencode(chosen, safe=':')}"


def _section(alert: Alert) -> _Section:
    resolved = alert.state == AlertState.RESOLVED
    word = "FLAPPING" if alert.flapping else "RESOLVED" if resolved else alert.severity.upper()
    says_itself = "rule" in alert.labels or alert.message.startswith(alert.name)
    named = alert.message if says_itself else f"{alert.name}: {alert.message}"
    facts = {"Since": moment(alert.started_at)}
    if resolved and alert.resolved_at:
        facts["Until"] = moment(alert.resolved_at)
        if alert.worst_value is not None:
            facts["At worst"] = quantity(alert.worst_value, alert.unit)
    if alert.samples is None and alert.current_value is not None:
        facts["Value"] = quantity(alert.current_value, alert.unit)
    if alert.samples is None and alert.threshold_value is not None:
        facts["Limit"] = quantity(alert.threshold_value, alert.unit)
    facts |= {str(key): str(value) for key, value in alert.metadata.items()}
    facts["Dashboard"] = dashboard_link(alert)
    tone = Tone.RESOLVED if _is_over(alert) else Tone(alert.severity)
    return _Section(_short(f"{word}: {named}"), alert.message, facts, tone)


def _incident(alert: Alert) -> Incident:
    return Incident(alert.id, alert.name, alert.severity, _is_over(alert), dashboard_link(alert))


def _is_over(alert: Alert) -> bool:
    """Whether people are to take it as over: one that flaps fires until it stays as it is."""
    return alert.state == AlertState.RESOLVED and not alert.flapping


def _short(title: str) -> str:
    return shorten(title, width=TITLE_WIDTH, placeholder=" …")


def _compose(
    title: str, sections: Sequence[_Section], reference: str = "", incident: Incident | None = None
) -> Message:
    single = len(sections) == 1
    text = "\n\n".join(_text(section, with_title=not single) for section in sections)
    brief = "\n\n".join(_brief(section, with_title=not single) for section in sections)
    html = "".join(map(_html, sections))
    link = next((section.facts["Dashboard"] for section in sections if "Dashboard" in section.facts), "")
    return Message(title, text, brief, sections[0].tone, html, reference[:8], incident, link)


def _text(section: _Section, *, with_title: bool) -> str:
    width = max(map(len, section.facts), default=0) + 2
    head = [section.title, ""] if with_title and section.title else []
    facts = [f"{key:<{width}}{value}" for key, value in section.facts.items()]
    return "\n".join([*head, section.text, *([""] if facts else []), *facts])


def _brief(section: _Section, *, with_title: bool) -> str:
    # Chat shows the title right above the text: nothing is said twice, and nothing is cut off unsaid.
    head = [section.title] if with_title and section.title else []
    text = [] if section.text in section.title else [section.text]
    return "\n".join([*head, *text, *(f"{key}: {value}" for key, value in section.facts.items())])


def _html(section: _Section) -> str:
    facts = "<br>".join(f"<b>{escape(key)}:</b> {_linked(value)}" for key, value in section.facts.items())
    head = f'<h3 style="margin:0 0 8px">{escape(section.title)}</h3>' if section.title else ""
    text = "" if section.text in section.title else f"<p>{'<br>'.join(escape(section.text).splitlines())}</p>"
    border = f"border-left:4px solid {COLOURS[section.tone]}"
    style = f"font-family:sans-serif;{border};padding:4px 16px;margin:0 0 16px"
    return f'<div style="{style}">{head}{text}<p>{facts}</p></div>'


def _linked(value: str) -> str:
    shown = escape(value)
    return f'<a href="{shown}">{shown}</a>' if value.startswith(("http://", "https://")) else shown
