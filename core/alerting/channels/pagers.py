"""Pagers: each alert is an incident that its fingerprint opens, repeats and closes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote, urlencode, urlsplit

import httpx2

from core.alerting.channels.apprise_sender import AppriseSender, is_final, tokens
from core.alerting.channels.base import Failure, hide
from core.alerting.channels.message import Incident, Message
from core.models.alerts import Severity

_OPTIONS = {"cto": "3", "rto": "5", "redirect": "no"}
_OPSGENIE_HOSTS = {"us": "api.opsgenie.com", "eu": "api.eu.opsgenie.com"}
_PRIORITIES = {Severity.CRITICAL: "p1", Severity.WARNING: "p3", Severity.INFO: "p5"}
_TIMEOUT = httpx2.Timeout(5.0, connect=3.0)
_LONGEST_NOTE = 25_000


def _with(url: str, options: Mapping[str, str]) -> str:
    """The URL with these options in place of its own of the same names."""
    base, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and unquote(part.partition("=")[0]) not in options]
    return f"{base}?{'&'.join([*kept, urlencode(options, quote_via=quote)])}"


def _pagerduty(url: str, incident: Incident) -> str:
    # Without a key of its own a resolve would open a second incident.
    options = {"action": "map", "dedup": incident.key, "severity": str(incident.severity)}
    return _with(url, options | {"image": "no", "click": incident.link})


def _opsgenie(url: str, incident: Incident) -> str:
    priority = _PRIORITIES[incident.severity]
    return _with(url, {"action": "new", "alias": incident.key, "priority": priority})


def _victorops(url: str, incident: Incident) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{incident.key}?{parts.query}"


def _webhook(url: str, incident: Incident) -> str:
    event = "resolve" if incident.over else "trigger"
    own = {":alias": incident.key, ":event": event, ":link": incident.link}
    return _with(url, own | {":severity": str(incident.severity)})


PAGERS: Mapping[str, Callable[[str, Incident], str]] = {
    "pagerduty": _pagerduty,
    "opsgenie": _opsgenie,
    "victorops": _victorops,
    "splunk": _victorops,
    "json": _webhook,
    "jsons": _webhook,
}
"""For each scheme the URL that a message about an incident is sent to."""


@dataclass(frozen=True)
class PagerSender:
    """Sends messages about incidents to a pager's URL."""

    url: str = field(repr=False)

    def __call__(self, message: Message) -> Failure | None:
        """Send a message; why it was not taken."""
        scheme = self.url.partition("://")[0]
        incident = message.incident
        if scheme == "opsgenie" and incident is not None and incident.over:
            return close_opsgenie(self.url, incident, message.text)
        return AppriseSender(self._of, tokens(self.url))(message)

    def _of(self, message: Message) -> str:
        scheme = self.url.partition("://")[0]
        url = PAGERS[scheme](self.url, message.incident) if message.incident else self.url
        return _with(url, _OPTIONS)


def close_opsgenie(url: str, incident: Incident, note: str) -> Failure | None:
    """Close an alert by its alias: Apprise can only close what the same process has opened.

    Opsgenie's "Alert API", "Close Alert".
    """
    parts = urlsplit(url)
    key = unquote(parts.netloc.rpartition("@")[2])
    region = "eu" if re.search(r"(?:^|&)region=eu", parts.query) else "us"
    address = f"https://{_OPSGENIE_HOSTS[region]}/v2/alerts/{quote(incident.key)}/close"
    try:
        answer = httpx2.post(
            address,
            params={"identifierType": "alias"},
            json={"source": "Voice agent monitoring", "note": note[:_LONGEST_NOTE]},
            headers={"Authorization": f"GenieKey {key}"},
            timeout=_TIMEOUT,
        )
    except httpx2.HTTPError as error:
        return Failure(hide(f"{type(error).__name__}: {error}", tokens(url)))
    status = answer.status_code
    return None if answer.is_success else Failure(f"not closed: error={status}", is_final(status))


@dataclass(frozen=True)
class VictorOpsMailer:
    """Sends mails whose subject VictorOps's email integration understands.

    It takes a word for what to do, and the rest of the subject, the same each time, for which incident
    ("Email Endpoint Integration Guide").
    """

    mailer: Callable[[Message], Failure | None]

    def __call__(self, message: Message) -> Failure | None:
        """Send a message; why it was not taken."""
        incident = message.incident
        if incident is None:
            return self.mailer(message)
        word = "RESOLVED" if incident.over else incident.severity.upper()
        title = f"{word}: {incident.name} [{incident.key}]"
        return self.mailer(replace(message, title=title, html=""))
