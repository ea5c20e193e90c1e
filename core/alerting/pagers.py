"""Pagers: each alert is an incident that its fingerprint opens, repeats and closes."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote, urlencode, urlsplit

import httpx2

from core.alerting.delivery import Failure, Recipient, Target, hide, identity, is_final_status
from core.alerting.message import Incident, Message
from core.models.alerts import Severity

_OPTIONS = {"cto": "3", "rto": "5", "redirect": "no"}
_OPSGENIE_HOSTS = {"us": "api.opsgenie.com", "eu": "api.eu.opsgenie.com"}
_PRIORITIES = {Severity.CRITICAL: "p1", Severity.WARNING: "p3", Severity.INFO: "p5"}
_TIMEOUT = httpx2.Timeout(5.0, connect=3.0)
_SHORTEST_SECRET = 8


def _with(url: str, **options: str) -> str:
    """The URL with these options in place of its own of the same names."""
    base, _, query = url.partition("?")
    names = {quote(name, safe="") for name in options} | set(options)
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in names]
    return f"{base}?{'&'.join([*kept, urlencode(options, quote_via=quote)])}"


def _pagerduty(url: str, incident: Incident) -> str:
    # Without a key of its own a resolve would open a second incident.
    options = {"action": "map", "dedup": incident.key, "severity": str(incident.severity)}
    return _with(url, image="no", click=incident.link, **options)


def _opsgenie(url: str, incident: Incident) -> str:
    return _with(url, action="new", alias=incident.key, priority=_PRIORITIES[incident.severity])


def _victorops(url: str, incident: Incident) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{incident.key}?{parts.query}"


def _webhook(url: str, incident: Incident) -> str:
    event = "resolve" if incident.over else "trigger"
    own = {
        ":alias": incident.key,
        ":event": event,
        ":severity": str(incident.severity),
        ":link": incident.link,
    }
    return _with(url, **own)


PAGERS: Mapping[str, Callable[[str, Incident], str]] = {
    "pagerduty": _pagerduty,
    "opsgenie": _opsgenie,
    "victorops": _victorops,
    "splunk": _victorops,
    "json": _webhook,
    "jsons": _webhook,
}


def pager_target(name: str, scheme: str, url: str) -> Target:
    """The target of a pager's URL."""
    secrets = tokens(url)

    def of_incident(message: Message) -> str:
        if message.incident is None:
            return _with(url, **_OPTIONS)
        return _with(PAGERS[scheme](url, message.incident), **_OPTIONS)

    def close(incident: Incident, note: str) -> Failure | None:
        return close_opsgenie(url, incident, note)

    recipient = Recipient(identity(name, scheme), name)
    return Target(recipient, of_incident, secrets, close if scheme == "opsgenie" else None)


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
            json={"source": "Voice agent monitoring", "note": note[:25_000]},
            headers={"Authorization": f"GenieKey {key}"},
            timeout=_TIMEOUT,
        )
    except httpx2.HTTPError as error:
        return Failure(hide(f"{type(error).__name__}: {error}", tokens(url)))
    if answer.is_success:
        return None
    status = answer.status_code
    return Failure(f"Failed to close the Opsgenie alert: error={status}", is_final_status(status))


def victorops_mail_title(message: Message) -> str:
    """A subject that VictorOps's email integration understands.

    It takes a word for what to do, and the rest of the subject, the same each time, for which incident.
    """
    incident = message.incident
    if incident is None:
        return message.title
    word = "RESOLVED" if incident.over else incident.severity.upper()
    return f"{word}: {incident.name} [{incident.key}]"


def tokens(url: str) -> tuple[str, ...]:
    """Every part of a URL that might be a secret, the longest first."""
    parts = {
        part for part in re.split(r"[/@:?&=]+", url.partition("://")[2]) if len(part) >= _SHORTEST_SECRET
    }
    return tuple(sorted(parts | {unquote(part) for part in parts}, key=len, reverse=True))
