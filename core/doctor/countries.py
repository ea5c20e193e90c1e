"""The country each sink sends to, as far as its address shows, and whether personal data goes there."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from core.doctor.result import Finding, State
from core.settings import Settings
from core.variables.kinds import is_loopback

INDIA = "India"
UNKNOWN = "unknown"
HERE = "this machine"
OWN_NETWORK = "your own network"
_US, _EU = "United States", "European Union"
_HOSTS: dict[str, str] = {
    "hooks.slack.com": _US,
    "events.pagerduty.com": _US,
    "events.eu.pagerduty.com": _EU,
    "api.opsgenie.com": _US,
    "api.eu.opsgenie.com": _EU,
    "alert.victorops.com": _US,
    "datadoghq.com": _US,
    "us3.datadoghq.com": _US,
    "us5.datadoghq.com": _US,
    "datadoghq.eu": _EU,
    "ap1.datadoghq.com": "Japan",
    "ap2.datadoghq.com": "Australia",
    "nr-data.net": _US,
    "eu01.nr-data.net": _EU,
    "honeycomb.io": _US,
    "eu1.honeycomb.io": _EU,
    "sendgrid.net": _US,
    "mailgun.org": _US,
    "eu.mailgun.org": _EU,
    "zoho.in": INDIA,
    "zoho.com": _US,
    "zoho.eu": _EU,
}
"""Names of hosts, or endings of them; the longest match counts."""
_REGIONS: dict[str, str] = {
    "ap-south-1": INDIA,
    "ap-south-2": INDIA,
    "centralindia": INDIA,
    "southindia": INDIA,
    "westindia": INDIA,
    "asia-south1": INDIA,
    "asia-south2": INDIA,
    "ap-southeast-1": "Singapore",
    "asia-southeast1": "Singapore",
    "southeastasia": "Singapore",
    "ap-southeast-2": "Australia",
    "ap-northeast-1": "Japan",
    "us-east-1": _US,
    "us-east-2": _US,
    "us-west-1": _US,
    "us-west-2": _US,
    "us-central1": _US,
    "eastus": _US,
    "westus": _US,
    "eu-west-1": _EU,
    "eu-west-3": _EU,
    "eu-central-1": _EU,
    "eu-north-1": _EU,
    "eu-west-2": "United Kingdom",
    "europe-west1": _EU,
    "westeurope": _EU,
    "northeurope": _EU,
}
"""Cloud regions as they occur in host names."""
_SERVICES: dict[str, str] = {
    "slack": "hooks.slack.com",
    "pagerduty": "events.pagerduty.com",
    "opsgenie": "api.opsgenie.com",
    "victorops": "alert.victorops.com",
    "splunk": "alert.victorops.com",
}
"""The host behind each scheme of ALERT_APPRISE_URLS."""
_WITH_REGION = frozenset({"pagerduty", "opsgenie"})
_AT_HOST = frozenset({"json", "jsons", "xml", "xmls", "form", "forms", "ntfy", "ntfys", "mailto", "mailtos"})
"""Schemes whose address contains the host."""
_OWN_ENDS = (".local", ".internal", ".lan", ".intranet", ".corp")


@dataclass(frozen=True)
class Sink:
    """A destination of data that leaves this process."""

    name: str
    host: str
    country: str
    carries: str
    personal: bool
    """Whether that data identifies people: calls with their leads, log lines."""

    @property
    def leaves_india(self) -> bool:
        """Return whether it is, or may be, outside India."""
        return self.country not in {INDIA, HERE, OWN_NETWORK}


def country_of(host: str) -> str:
    """Return a host's country as far as its name shows; ``unknown`` if it does not."""
    name = host.lower().strip("[]").rstrip(".")
    if name.startswith("/") or is_loopback(name):
        return HERE
    try:
        return OWN_NETWORK if ipaddress.ip_address(name).is_private else UNKNOWN
    except ValueError:
        pass
    if "." not in name or name.endswith(_OWN_ENDS):
        return OWN_NETWORK
    parts = name.split(".")
    known = (_HOSTS.get(".".join(parts[at:])) for at in range(len(parts)))
    regions = (_REGIONS[word] for word in parts if word in _REGIONS)
    return next((one for one in (*known, *regions) if one), UNKNOWN)


def sinks(settings: Settings) -> Iterator[Sink]:
    """Return every configured destination, the database first."""
    calls, lines = "calls, turns and their leads' ids", "log lines, masked"
    figures, alerts = "figures", "alerts (figures and ids of calls)"
    if settings.mongodb_uri is not None:
        netloc = urlsplit(settings.mongodb_uri.get_secret_value()).netloc.rpartition("@")[2]
        for host in netloc.split(","):
            yield _sink("MONGODB_URI", re.sub(r":\d+$", "", host), calls, personal=True)
    if settings.splunk_hec_url:
        yield _sink("SPLUNK_HEC_URL", _host(settings.splunk_hec_url), lines, personal=True)
    if settings.otel_exporter_otlp_endpoint:
        yield _sink("OTEL_EXPORTER_OTLP_ENDPOINT", _host(settings.otel_exporter_otlp_endpoint), figures)
    if settings.statsd_host:
        yield _sink("STATSD_HOST", settings.statsd_host, figures)
    if settings.smtp_server:
        yield _sink("SMTP_SERVER", settings.smtp_server, alerts)
    if settings.slack_webhook_url:
        yield _sink("SLACK_WEBHOOK_URL", _host(settings.slack_webhook_url.get_secret_value()), alerts)
    for channel in settings.alert_apprise_urls:
        host = _host_of_channel(channel.url.get_secret_value())
        yield _sink(f"channel {channel.name}", host, alerts)


def _sink(name: str, host: str, carries: str, *, personal: bool = False) -> Sink:
    return Sink(name, host or UNKNOWN, country_of(host) if host else UNKNOWN, carries, personal)


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def _host_of_channel(url: str) -> str:
    """Return the host behind an Apprise URL; "" if only Apprise knows it."""
    scheme = url.partition("://")[0].lower()
    if scheme in _AT_HOST:
        return _host(url)
    host = _SERVICES.get(scheme, "")
    region = (parse_qs(urlsplit(url).query).get("region") or [""])[0].lower()
    if scheme in _WITH_REGION and region == "eu":
        return host.replace("events.", "events.eu.").replace("api.", "api.eu.")
    return host


def countries(settings: Settings) -> Iterator[Finding]:
    """Return a line for each sink; with the profile india, personal data going abroad is a warning."""
    for sink in sinks(settings):
        where = "its country is unknown; check" if sink.country == UNKNOWN else sink.country
        text = f"{sink.name} sends {sink.carries} to {sink.host}: {where}"
        if settings.retention_profile == "india" and sink.personal and sink.leaves_india:
            remedy = "personal data of loans stays in India (RBI, 8 May 2025): choose a region there"
            yield Finding("countries", State.WARN, text, remedy)
        else:
            yield Finding("countries", State.OK, text)
