"""Other systems that receive figures: whether what they need is installed."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from core.doctor.result import Finding, State
from core.exporting import otlp, statsd
from core.settings import Settings

_INSTALL = "install it where the scheduler runs"


def exports(settings: Settings) -> Iterator[Finding]:
    """Return one line for each configured system."""
    if settings.statsd_host:
        where = f"{settings.statsd_host} port {settings.statsd_port} as {settings.statsd_dialect}"
        said = f"the scheduler sends figures to {where}; UDP does not confirm receipt"
        yield _finding("statsd", said, "" if statsd.is_installed() else statsd.NEEDS)
    if settings.otel_exporter_otlp_endpoint:
        host = urlsplit(settings.otel_exporter_otlp_endpoint).hostname
        said = f"the scheduler sends figures to the collector at {host}"
        yield _finding("otlp", said, "" if otlp.is_installed() else otlp.NEEDS)


def _finding(name: str, said: str, lacks: str) -> Finding:
    return Finding(name, State.FAIL, lacks, _INSTALL) if lacks else Finding(name, State.OK, said)
