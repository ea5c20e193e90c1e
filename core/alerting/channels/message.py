"""What people read: the text of an alert, for mail and for chat."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from urllib.parse import urlencode

from core.alerting.ack_links import ack_link
from core.alerting.channels.chart import picture
from core.alerting.channels.layout import (
    LONGEST_BRIEF,
    LONGEST_HTML,
    LONGEST_PLAIN,
    MOST_AT_LENGTH,
    Picture,
    Section,
    Tone,
    cut,
    fitted,
    in_bytes,
    lay_out,
)
from core.alerting.subject import calls_since, filters_of
from core.alerting.wording import moment, quantity
from core.clock import in_address, wall
from core.models.alerts import Alert, AlertState, Notification, NotificationEvent, Severity, Trend
from core.models.calls.wording import lasted
from core.settings import get_settings

TITLE_WIDTH = 160
_LONGEST_LOOKED_AT = 2_000
_BAD_FIRST = [Tone.RESOLVED, Tone.INFO, Tone.WARNING, Tone.CRITICAL]


@dataclass(frozen=True)
class Incident:
    """What a pager opens and closes; ``key`` is the same from the first message to the last."""

    key: str
    name: str
    severity: Severity
    over: bool
    link: str
    source: str = ""
    """The installation that sends it."""
    held: bool = False
    """Whether somebody has acknowledged it."""


@dataclass(frozen=True)
class Message:
    """One message: ``text`` and ``html`` for mail, the shorter ``brief`` for chat.

    ``reference`` is the same for every copy of a message, since delivery is at least once.
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
    pictures: tuple[Picture, ...] = ()
    """Those that the HTML shows."""


def alert_message(alert: Alert, installation: str = "") -> Message:
    """Return the message for an alert that fires, still fires, or has ended.

    ``installation`` becomes part of a pager's key; by default INSTALLATION_NAME.
    """
    section = _section(alert)
    incident = _incident(alert, installation or get_settings().installation_name or "")
    return _compose(section.title, [section], incident=incident)


def notification_message(notification: Notification, undelivered: str | None = None) -> Message:
    """Return the message for a group of alerts, worst news first; with several, the title counts them.

    ``undelivered`` says where it should have gone and why that failed.
    """
    news = {alert.id for alert in notification.alerts[: notification.news]}
    alerts = sorted(
        notification.alerts,
        key=lambda a: (_is_over(a), a.id not in news, -a.severity.rank, a.started_at, a.name, a.id),
    )
    if notification.event == NotificationEvent.ACKNOWLEDGED:
        return _acknowledged(notification)
    again = notification.event == NotificationEvent.REPEAT
    sections = [
        _section(
            alert,
            at=notification.at,
            again=again and alert.id in news,
            unanswered=alert.id in notification.unanswered,
            trend=notification.trends.get(alert.id),
            name=f"{notification.key[:8]}.{alert.id}",
        )
        if alert.id in news or not (again or alert.held(notification.at))
        else _line(alert, notification.at)
        for alert in alerts
    ]
    title = sections[0].title
    if len(alerts) > 1:
        title = _short(
            f"{'Still ' * again}{_counted(alerts)}: {_named(alerts[0])} (and {len(alerts) - 1} more)"
        )
    if undelivered:
        title = _short(f"Not delivered elsewhere: {title}")
        text = f"This message could not be delivered: {undelivered}."
        sections = [Section("", text, {}, sections[0].tone), *sections]
    single = alerts[0] if len(alerts) == 1 else None
    incident = _incident(single, notification.installation) if single else None
    return _compose(title, sections, notification.key, incident)


def _acknowledged(notification: Notification) -> Message:
    """Return the message that somebody has acknowledged an alert, which is still firing."""
    (alert,) = notification.alerts
    held = alert.acknowledged
    section = _section(alert, at=notification.at)
    if held is not None:
        said = {"Comment": held.comment} if held.comment else {}
        until = {"Acknowledged": f"by {held.author}, no reminders until {moment(held.until)}"}
        title = _short(f"ACKNOWLEDGED by {held.author}: {_named(alert)}")
        section = replace(section, title=title, facts=until | said | dict(section.facts), tone=Tone.INFO)
    incident = replace(_incident(alert, notification.installation), held=True)
    return _compose(section.title, [section], notification.key, incident)


def digest_message(messages: Sequence[Message]) -> Message:
    """Return one message for several that had to wait for the channel's rate limit."""
    worst = max((message.tone for message in messages), key=_BAD_FIRST.index)
    title = f"{len(messages)} delayed alert messages"
    section = Section("", "More came at once than this channel takes; here they are together.", {}, worst)
    head = lay_out([section])
    titles = [message.title for message in messages]
    few = len(messages) <= MOST_AT_LENGTH
    link = f"{get_settings().dashboard_url}/alerts"

    texts = [f"{m.title}\n\n{m.text}" for m in messages] if few else titles
    briefs = [f"{m.title}\n{m.brief}" for m in messages] if few else titles
    lines = [f"{escape(title)}<br>" for title in titles]
    htmls = [message.html for message in messages] if few else lines
    apart = "\n\n" if few else "\n"
    text = fitted([head.text, *texts], [head.text, *titles], LONGEST_PLAIN, link, apart, in_bytes)
    brief = fitted([head.brief, *briefs], [head.brief, *titles], LONGEST_BRIEF, link, apart)
    html = fitted([head.html, *htmls], [head.html, *lines], LONGEST_HTML, escape(link), "", in_bytes)
    pictures = _shown(html, [one for message in messages for one in message.pictures])
    return Message(title, text, brief, worst, html, messages[0].reference, link=link, pictures=pictures)


def dashboard_link(alert: Alert) -> str:
    """Return where the dashboard shows the calls an alert is about, or the rule that cannot be evaluated."""
    if "rule" in alert.labels:
        return f"{get_settings().dashboard_url}/alerts?{urlencode({'rule': alert.labels['rule']})}"
    end = max(alert.updated_at, alert.resolved_at or alert.updated_at)
    times = {"from": calls_since(alert), "to": end}
    chosen = {"period": "custom"} | {name: in_address(wall(at)) for name, at in times.items()}
    return f"{get_settings().dashboard_url}/?{urlencode(chosen | filters_of(alert), safe=':')}"


def _section(
    alert: Alert,
    *,
    at: datetime | None = None,
    again: bool = False,
    unanswered: bool = False,
    trend: Trend | None = None,
    name: str = "",
) -> Section:
    resolved = alert.state == AlertState.RESOLVED
    length = lasted(
        (alert.resolved_at if resolved and alert.resolved_at else at or alert.updated_at) - alert.started_at
    )
    word = "FLAPPING" if alert.flapping else "RESOLVED" if resolved else alert.severity.upper()
    if again or word == "RESOLVED":
        word = f"{'Still ' * again}{word} after {length}"
    if unanswered and not resolved:
        word = f"{word}, unanswered" + ("" if alert.flapping else f" for {length}")
    facts = {"Since": moment(alert.started_at)}
    if resolved and alert.resolved_at:
        facts["Until"] = f"{moment(alert.resolved_at)}, after {length}"
        if alert.worst_value is not None:
            facts["At worst"] = quantity(alert.worst_value, alert.unit)
    if not resolved and trend is not None and (before := trend.values[-1]) is not None:
        facts["Before"] = (
            f"{quantity(before, alert.unit)} in the {lasted(timedelta(minutes=trend.minutes))} before"
        )
    if alert.samples is None and alert.current_value is not None:
        facts["Value"] = quantity(alert.current_value, alert.unit)
    if alert.samples is None and alert.threshold_value is not None:
        facts["Limit"] = quantity(alert.threshold_value, alert.unit)
    facts |= {str(key): str(value) for key, value in alert.metadata.items()}
    facts["Dashboard"] = dashboard_link(alert)
    if at is not None and not (resolved or alert.held(at)) and (link := ack_link(alert, at)):
        facts["Acknowledge"] = link
    tone = Tone.RESOLVED if _is_over(alert) else Tone(alert.severity)
    chart = picture(alert, trend, tone, name)
    return Section(_short(f"{word}: {_named(alert)}"), alert.message, facts, tone, picture=chart)


def _shown(html: str, pictures: Iterable[Picture]) -> tuple[Picture, ...]:
    """Return the pictures for which the message's HTML has room."""
    return tuple(one for one in pictures if f"cid:{one.name}" in html)


def _line(alert: Alert, at: datetime) -> Section:
    """Return one line about an alert that is no news: it is still firing, and who has acknowledged it."""
    held = alert.acknowledged
    who = f" (acknowledged by {held.author})" if held is not None and at < held.until else " (still firing)"
    title = f"{alert.severity.upper()}: {_named(alert)}"
    return Section(f"{_short(title)}{cut(who, TITLE_WIDTH)}", "", {}, Tone(alert.severity), line=True)


def _named(alert: Alert) -> str:
    says_itself = "rule" in alert.labels or alert.message.startswith(alert.name)
    return alert.message if says_itself else f"{alert.name}: {alert.message}"


def _counted(alerts: Sequence[Alert]) -> str:
    """Return how many there are in each state, worst first: ``2 critical firing, 1 resolved``."""
    firing = [alert.severity for alert in alerts if not _is_over(alert)]
    parts = [f"{firing.count(severity)} {severity}" for severity in reversed(Severity) if severity in firing]
    over = len(alerts) - len(firing)
    said = [f"{', '.join(parts)} firing"] if parts else []
    return ", ".join([*said, *([f"{over} resolved"] if over else [])])


def _incident(alert: Alert, installation: str) -> Incident:
    key = f"{installation}.{alert.id}" if installation else alert.id
    return Incident(key, alert.name, alert.severity, _is_over(alert), dashboard_link(alert), installation)


def _is_over(alert: Alert) -> bool:
    """Return whether people should take it as ended; a flapping alert fires until it settles."""
    return alert.state == AlertState.RESOLVED and not alert.flapping


def _short(title: str) -> str:
    return cut(" ".join(cut(title, _LONGEST_LOOKED_AT).split()), TITLE_WIDTH, " …")


def _compose(
    title: str, sections: Sequence[Section], reference: str = "", incident: Incident | None = None
) -> Message:
    made = lay_out(sections)
    link = next((section.facts["Dashboard"] for section in sections if "Dashboard" in section.facts), "")
    if len([section for section in sections if section.title]) > 1:
        link = f"{get_settings().dashboard_url}/alerts"
    worst = max((section.tone for section in sections), key=_BAD_FIRST.index)
    if (name := get_settings().installation_name) is not None:
        title = f"[{name}] {title}"
    pictures = _shown(made.html, [section.picture for section in sections if section.picture])
    return Message(title, made.text, made.brief, worst, made.html, reference[:8], incident, link, pictures)
