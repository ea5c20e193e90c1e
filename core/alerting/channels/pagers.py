"""Pagers: each alert is an incident, opened, repeated and closed under its fingerprint."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from apprise import Apprise
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP, NotifyPagerDuty

from core.alerting.channels.apprise_sender import AppriseSender
from core.alerting.channels.base import Failure
from core.alerting.channels.layout import cut
from core.alerting.channels.message import Incident, Message
from core.alerting.channels.post import post
from core.models.alerts import Severity
from core.settings import PRODUCT

_OPTIONS = {"cto": "3", "rto": "5", "redirect": "no"}
_JSM = "https://api.atlassian.com/jsm/ops/integration/v2/alerts"
_GENIE_ALERTS = {
    "opsgenie": {
        "us": "https://api.opsgenie.com/v2/alerts",
        "eu": "https://api.eu.opsgenie.com/v2/alerts",
    },
    "jira": {"us": _JSM, "eu": _JSM},
}
"""Where Opsgenie, and Jira Service Management Operations after it, accept alerts, by region."""
_PRIORITIES = {Severity.CRITICAL: "p1", Severity.WARNING: "p3", Severity.INFO: "p5"}
_LONGEST_NOTE = 25_000
_LONGEST_SUMMARY = 1_024
_NAME = PRODUCT


def _with(url: str, options: Mapping[str, str]) -> str:
    """Return the URL with these options replacing its own of the same names."""
    base, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and unquote(part.partition("=")[0]) not in options]
    return f"{base}?{'&'.join([*kept, urlencode(options, quote_via=quote)])}"


def _genie(url: str, incident: Incident) -> str:
    priority = _PRIORITIES[incident.severity]
    return _with(url, {"action": "new", "alias": incident.key, "priority": priority})


def _victorops(url: str, incident: Incident) -> str:
    parts = urlsplit(url)
    entity = f"{parts.scheme}://{parts.netloc}/{incident.key}?{parts.query}"
    return _with(entity, {"action": "acknowledge"}) if incident.held else entity


def _webhook(url: str, incident: Incident) -> str:
    event = "resolve" if incident.over else "acknowledge" if incident.held else "trigger"
    own = {":alias": incident.key, ":event": event, ":link": incident.link}
    # Apprise decodes what is to be added to the JSON twice.
    added = {name: quote(value, safe="") for name, value in own.items()}
    return _with(url, added | {":severity": str(incident.severity)})


PAGERS: Mapping[str, Callable[[str, Incident], str]] = {
    "pagerduty": lambda url, _: url,
    "opsgenie": _genie,
    "jira": _genie,
    "victorops": _victorops,
    "splunk": _victorops,
    "json": _webhook,
    "jsons": _webhook,
}
"""By scheme, the URL that a message about an incident is sent to."""


@dataclass(frozen=True)
class PagerSender:
    """Sends messages about incidents to a pager's URL."""

    url: str = field(repr=False)

    def __call__(self, message: Message) -> Failure | None:
        """Send a message; return why it was not accepted, or None."""
        scheme = self.url.partition("://")[0]
        incident = message.incident
        if scheme in _GENIE_ALERTS and incident is not None and (incident.over or incident.held):
            return change_genie_alert(self.url, incident, message.text)
        if scheme == "pagerduty" and incident is not None:
            return send_to_pagerduty(self.url, incident, message)
        return AppriseSender(self._of)(message)

    def _of(self, message: Message) -> str:
        scheme = self.url.partition("://")[0]
        url = PAGERS[scheme](self.url, message.incident) if message.incident else self.url
        return _with(url, _OPTIONS)


def change_genie_alert(url: str, incident: Incident, note: str) -> Failure | None:
    """Close or acknowledge an alert by its alias; Apprise can do so only for what the same process opened.

    Uses Opsgenie's "Alert API" and Jira Service Management's "Integration events", which take the same
    request.
    """
    action, done = ("close", "closed") if incident.over else ("acknowledge", "acknowledged")
    parts = urlsplit(url)
    key = unquote(parts.netloc.rpartition("@")[2])
    region = "eu" if re.search(r"(?:^|&)region=eu", parts.query) else "us"
    address = f"{_GENIE_ALERTS[parts.scheme][region]}/{quote(incident.key)}/{action}"
    failure = post(
        address,
        {"source": _NAME, "note": cut(note, _LONGEST_NOTE)},
        params={"identifierType": "alias"},
        headers={"Authorization": f"GenieKey {key}"},
    )
    return None if failure is None else replace(failure, reason=f"not {done}: {failure.reason}")


def send_to_pagerduty(url: str, incident: Incident, message: Message) -> Failure | None:
    """Open an incident, update it, or close it, by its key (PagerDuty's Events API v2).

    The summary is cut to what PagerDuty accepts; the whole text is in the details.
    """
    channel = Apprise.instantiate(url)
    if not isinstance(channel, NotifyPagerDuty):
        return Failure("the address cannot be used; check the channel's settings", permanent=True)
    event: dict[str, Any] = {"routing_key": channel.integration_key, "dedup_key": incident.key}
    if incident.over or incident.held:
        event["event_action"] = "resolve" if incident.over else "acknowledge"
        return post(PAGERDUTY_API_LOOKUP[channel.region_name], event)
    payload = {
        "summary": cut(message.title, _LONGEST_SUMMARY),
        "severity": channel.severity or str(incident.severity),
        "source": _chosen(channel.source) or incident.source or _NAME,
        "component": _chosen(channel.component),
        "group": channel.group,
        "class": channel.class_id,
        "custom_details": {**channel.details, "text": cut(message.text, _LONGEST_NOTE)},
    }
    event |= {
        "event_action": "trigger",
        "client": _NAME,
        "payload": {name: value for name, value in payload.items() if value},
    }
    if message.link:
        event |= {"client_url": message.link, "links": [{"href": message.link, "text": "Dashboard"}]}
    return post(PAGERDUTY_API_LOOKUP[channel.region_name], event)


def _chosen(part: str) -> str | None:
    """Return a part of the URL, unless it is the plugin's own default."""
    return None if part == NotifyPagerDuty.template_tokens["source"]["default"] else part


@dataclass(frozen=True)
class VictorOpsMailer:
    """Sends mails whose subject VictorOps's email integration understands.

    It takes one word as the action, and the rest of the subject, which never changes, as the incident ("Email
    Endpoint Integration Guide").
    """

    mailer: Callable[[Message], Failure | None]

    def __call__(self, message: Message) -> Failure | None:
        """Send a message; return why it was not accepted, or None."""
        incident = message.incident
        if incident is None:
            return self.mailer(message)
        word = "RESOLVED" if incident.over else "INFO" if incident.held else incident.severity.upper()
        title = f"{word}: {incident.name} [{incident.key}]"
        return self.mailer(replace(message, title=title, html=""))
