"""What the settings give away: secrets that others can read, protection that is off, what is not masked."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

from core import peers
from core.doctor.result import Finding, State
from core.settings import Settings
from core.variables.kinds import is_loopback

_WAIVED = {
    "mongodb_allow_insecure": "calls may cross the network in clear, and the database may let anybody in",
    "alert_allow_insecure": "alerts, and the passwords of channels, may cross the network in clear",
}
_OTHERS = stat.S_IRGRP | stat.S_IROTH
_WITH_SECRETS = (
    *("MONGODB_URI", "SMTP_PASSWORD", "SLACK_WEBHOOK_URL", "ALERT_APPRISE_URLS", "SPLUNK_HEC_TOKEN"),
    *("SCHEDULER_PING_URL", "API_KEYS", "API_WRITE_KEYS", "API_INGEST_KEYS", "HOOK_SECRETS", "ACK_LINK_KEY"),
    "OTEL_EXPORTER_OTLP_HEADERS",
)


def exposure(settings: Settings) -> Iterator[Finding]:
    """A line for each thing that is less safe than it could be; none where all is."""
    yield from _secrets(Path(".env"))
    for name, meaning in _WAIVED.items():
        if getattr(settings, name):
            text = f"{name.upper()} is on: {meaning}"
            yield Finding("protection", State.WARN, text, "unset it once the server takes TLS and a log-in")
    yield from _logs(settings)
    yield from _other_users(settings)


def _secrets(file: Path) -> Iterator[Finding]:
    """A file of settings that others may read, though it has secrets in it."""
    if not file.is_file() or not os.access(file, os.R_OK):
        return
    held = sorted(
        name for name, value in dotenv_values(file).items() if value and name.upper() in _WITH_SECRETS
    )
    if held and file.stat().st_mode & _OTHERS:
        whose = "every user" if file.stat().st_mode & stat.S_IROTH else "its group"
        text = f"{whose} of this machine may read {file.absolute()}, which has {', '.join(held)}"
        yield Finding("secrets", State.WARN, text, f"chmod 600 {file.absolute()}")


def _logs(settings: Settings) -> Iterator[Finding]:
    for kind in settings.log_mask_off:
        text = f"LOG_MASK_OFF has {kind}: log lines show it to whoever reads them, wherever they are sent"
        yield Finding("masking", State.WARN, text, "take it out of LOG_MASK_OFF")
    if settings.log_file and settings.log_file_mode & stat.S_IROTH:
        text = f"LOG_FILE_MODE {settings.log_file_mode:04o}: every user of this machine may read the log"
        yield Finding("protection", State.WARN, text, "set LOG_FILE_MODE=0600, or 0640 for its group")


def _other_users(settings: Settings) -> Iterator[Finding]:
    """The ports of this machine that its other users get in at."""
    keys = settings.api_keys or settings.api_write_keys or settings.api_ingest_keys
    if is_loopback(settings.api_host) and not keys and not peers.KERNEL_TELLS:
        text = "without API_KEYS every user of this machine may ask the API for all calls"
        yield Finding("protection", State.WARN, text, "set API_KEYS where others have accounts")
    port = f"port {settings.dashboard_port}"
    if not peers.KERNEL_TELLS:
        text = f"every user of this machine may open the dashboard at {port}"
        yield Finding("protection", State.WARN, text, "run it where nobody else has an account")
    elif settings.dashboard_has_proxy:
        text = f"a proxy asks who comes to the dashboard; users of this machine get round it at {port}"
        yield Finding("protection", State.WARN, text, "run both where nobody else has an account")
