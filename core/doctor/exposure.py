"""What the settings expose: readable secrets, protection that is off, data that is not masked."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from dotenv import dotenv_values
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from core import peers
from core.doctor.result import Finding, State
from core.settings import Settings
from core.variables.kinds import is_loopback

_WAIVED = {
    "mongodb_allow_insecure": "calls can cross the network unencrypted, and the database can let anyone in",
    "alert_allow_insecure": "alerts and channel passwords can cross the network unencrypted",
}
_UNCHECKED_NAMES = {
    name.lower(): name for name in ("tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames")
}
"""Options of an address that disable certificate checks."""
_OTHERS = stat.S_IRGRP | stat.S_IROTH
_WITH_SECRETS = (
    *("MONGODB_URI", "SMTP_PASSWORD", "SLACK_WEBHOOK_URL", "ALERT_APPRISE_URLS", "SPLUNK_HEC_TOKEN"),
    *("SCHEDULER_PING_URL", "API_KEYS", "API_WRITE_KEYS", "API_INGEST_KEYS", "HOOK_SECRETS", "ACK_LINK_KEY"),
    *("OTEL_EXPORTER_OTLP_HEADERS", "ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "ERASURE_RECEIPT_KEY"),
    "AUDIT_KEY",
)


def exposure(settings: Settings) -> Iterator[Finding]:
    """Return a line for each thing that is less safe than it could be; empty if all is well."""
    yield from _secrets(Path(".env"))
    for name, meaning in _WAIVED.items():
        if getattr(settings, name):
            text = f"{name.upper()} is on: {meaning}"
            yield Finding("protection", State.WARN, text, "unset it once the server supports TLS and a login")
    yield from _logs(settings)
    yield from _store(settings)
    yield from _in_clear(settings)
    yield from _other_users(settings)


def _secrets(file: Path) -> Iterator[Finding]:
    """Report a settings file with secrets that others can read."""
    if not file.is_file() or not os.access(file, os.R_OK):
        return
    held = sorted(
        name for name, value in dotenv_values(file).items() if value and name.upper() in _WITH_SECRETS
    )
    if held and file.stat().st_mode & _OTHERS:
        whose = "every user" if file.stat().st_mode & stat.S_IROTH else "its group"
        text = f"{whose} of this machine can read {file.absolute()}, which contains {', '.join(held)}"
        yield Finding("secrets", State.WARN, text, f"chmod 600 {file.absolute()}")


def _logs(settings: Settings) -> Iterator[Finding]:
    for kind in settings.log_mask_off:
        text = f"LOG_MASK_OFF has {kind}: log lines show it to everyone who can read them"
        yield Finding("masking", State.WARN, text, "remove it from LOG_MASK_OFF")
    if settings.log_file and settings.log_file_mode & _OTHERS:
        every = settings.log_file_mode & stat.S_IROTH
        whose = "every user of this machine" if every else "its group"
        text = f"LOG_FILE_MODE {settings.log_file_mode:04o}: {whose} can read the log"
        remedy = "set LOG_FILE_MODE=0600" + (
            ", or 0640 for its group" if every else " if it does not need to"
        )
        yield Finding("protection", State.WARN, text, remedy)


def _store(settings: Settings) -> Iterator[Finding]:
    """Report a database that accepts anyone who reaches its port, or whose identity is not verified."""
    if settings.mongodb_uri is None:
        return
    try:
        uri = settings.mongodb_uri.get_secret_value()
        parsed = parse_uri(uri.replace("mongodb+srv://", "mongodb://", 1))
    except (PyMongoError, ValueError, OSError):
        return  # reported by the check of the store
    options = parsed["options"]
    known = parsed["username"] or options.get("authmechanism")
    here = [f"{host}:{port}" for host, port in parsed["nodelist"] if port and is_loopback(host)]
    if here and not known:
        text = f"MONGODB_URI has no credentials: every user of this machine can read all calls at {here[0]}"
        remedy = "give the server users (mongod --auth), or unset MONGODB_URI: the embedded one has no port"
        yield Finding("protection", State.WARN, text, remedy)
    written = {name.lower() for name, value in parse_qsl(urlsplit(uri).query) if value.lower() == "true"}
    for option in sorted(_UNCHECKED_NAMES.keys() & written):
        text = f"MONGODB_URI has {_UNCHECKED_NAMES[option]}: any server can impersonate the database"
        yield Finding("protection", State.WARN, text, "set its authority with tlsCAFile instead")


def _in_clear(settings: Settings) -> Iterator[Finding]:
    endpoint = urlsplit(settings.otel_exporter_otlp_endpoint or "")
    if endpoint.scheme == "http" and not is_loopback(endpoint.hostname or ""):
        text = f"figures and headers go to {endpoint.hostname} unencrypted"
        remedy = "use https:// in OTEL_EXPORTER_OTLP_ENDPOINT"
        yield Finding("protection", State.WARN, text, remedy)
    if settings.api_requests_per_minute == 0:
        text = "API_REQUESTS_PER_MINUTE is 0: a key has no rate limit, even a stolen one"
        yield Finding("protection", State.WARN, text, "unset it, or set a number")


def _other_users(settings: Settings) -> Iterator[Finding]:
    """Report ports of this machine that its other users can reach."""
    keys = settings.api_keys or settings.api_write_keys or settings.api_ingest_keys
    if is_loopback(settings.api_host) and not keys and not peers.KERNEL_TELLS:
        text = "without API_KEYS, every user of this machine can read all calls from the API"
        yield Finding("protection", State.WARN, text, "set API_KEYS if others have accounts")
    port = f"port {settings.dashboard_port}"
    if settings.dashboard_sign_in == "users":
        return  # everyone has to sign in
    if not peers.KERNEL_TELLS:
        text = f"every user of this machine can open the dashboard at {port}"
        yield Finding("protection", State.WARN, text, "run it where no one else has an account")
    elif settings.dashboard_has_proxy and settings.dashboard_proxy_user is None:
        text = f"users of this machine can bypass the proxy in front of the dashboard at {port}"
        yield Finding("protection", State.WARN, text, "set DASHBOARD_PROXY_USER to the user it runs as")
