"""Variables that are set and change nothing, as another one that they belong to is not."""

from collections.abc import Collection, Iterator

from core.doctor.result import Finding, State
from core.settings import Settings

_BELONGS: dict[str, tuple[str, ...]] = {
    "LOG_FILE": (*("LOG_ROTATE_MB", "LOG_ROTATE_HOURS", "LOG_ROTATE_KEEP", "LOG_FILE_MODE", "LOG_STDOUT"),),
    "LOG_TO_DATABASE": ("LOG_DATABASE_DAYS",),
    "SPLUNK_HEC_URL": ("SPLUNK_HEC_TOKEN",),
    "STATSD_HOST": ("STATSD_PORT", "STATSD_PREFIX", "STATSD_DIALECT"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("OTEL_EXPORTER_OTLP_HEADERS",),
    "SMTP_SERVER": ("SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD", "ALERT_EMAIL_FROM", "ALERT_EMAIL_TO"),
    "ALERT_ESCALATE_TO": ("ALERT_ESCALATE_AFTER_MINUTES",),
    "ALERT_ROTA": ("ALERT_ROTA_HAND_OVER", "ALERT_ROTA_ZONE", "ALERT_ROTA_BEGIN", "ALERT_ROTA_SWAPS"),
    "BLIND_INDEX_KEY": ("LEAD_ID_PHONES",),
}
"""By the variable that has to be set, those that say more of it."""


def idle(given: Collection[str], settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each variable of ``given`` that has no effect.

    Args:
        given: names that the environment or ``.env`` has.
        settings: what they say.
    """
    for name, others in _BELONGS.items():
        if not getattr(settings, name.lower()):
            yield from (_finding(other, f"set {name} too") for other in others if other in given)
    rotates = settings.log_rotate_mb is not None or settings.log_rotate_hours is not None
    if settings.log_file and not rotates and "LOG_ROTATE_KEEP" in given:
        yield _finding("LOG_ROTATE_KEEP", "set LOG_ROTATE_MB or LOG_ROTATE_HOURS too")
    way = settings.dashboard_sign_in
    for name, ways in (
        ("DASHBOARD_ROLES", ("proxy",)),
        ("DASHBOARD_USER_HEADER", ("proxy",)),
        ("DASHBOARD_TRUSTED_PROXIES", ("users", "proxy")),
        ("SESSION_HOURS", ("users",)),
        ("SESSION_IDLE_MINUTES", ("users", "proxy")),
    ):
        if name in given and way not in ways:
            yield _finding(name, f"set DASHBOARD_SIGN_IN={' or '.join(ways)} too")


def _finding(name: str, remedy: str) -> Finding:
    return Finding("configuration", State.WARN, f"{name} has no effect as it is", f"{remedy}, or take it out")
