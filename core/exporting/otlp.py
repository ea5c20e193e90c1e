"""Send the figures to an OpenTelemetry collector, by OTLP over HTTP: cumulative sums, histograms, gauges."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pymongo.database import Database

from core import __version__
from core.clock import utc_now
from core.errors import UserError
from core.exporting.catalogue import COST, Exported
from core.exporting.families import Bins, Family, of_sums
from core.exporting.gauges import BUILD, gauges
from core.exporting.totals import read_totals
from core.logging_config import get_logger
from core.settings import Settings, get_settings
from core.types import Document

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, Metric, MetricsData

NEEDS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT needs the extra opentelemetry: "
    'pip install "opentelemetry-sdk>=1.45,<2" "opentelemetry-exporter-otlp-proto-http>=1.45,<2"'
)
PREFIX = "voice_agent."
GEN_AI: dict[str, tuple[str, Mapping[str, str]]] = {
    "llm_latency_seconds": ("gen_ai.client.operation.time_to_first_chunk", {"gen_ai.operation.name": "chat"}),
}
"""Metrics that have a name in the semantic conventions, and the attributes those require."""
_TIMEOUT_SECONDS = 5.0
logger = get_logger("scheduler")


def is_installed() -> bool:
    """Return whether the extra ``opentelemetry`` is installed.

    The package ``opentelemetry`` alone proves nothing: FastAPI brings its API, without the exporter.
    """
    needed = "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"
    try:
        return all(find_spec(name) for name in needed)
    except ModuleNotFoundError:  # where a package above it is missing, find_spec raises instead
        return False


def send_otlp(database: Database[Document]) -> None:
    """Send the present state to OTEL_EXPORTER_OTLP_ENDPOINT; anything not accepted is included next time.

    If the collector accepts only a part, the log says what it refuses.

    Raises:
        UserError: the extra is not installed, or the collector rejects it or redirects elsewhere.
        PyMongoError: the database does not answer.
    """
    if not is_installed():
        raise UserError(NEEDS)
    from opentelemetry.exporter.otlp.proto.http import metric_exporter  # noqa: PLC0415 (an extra)
    from opentelemetry.sdk.metrics.export import MetricExportResult  # noqa: PLC0415 (an extra)

    from core.exporting.collector import CollectorSession  # noqa: PLC0415 (an extra)

    settings = get_settings()
    endpoint = str(settings.otel_exporter_otlp_endpoint).rstrip("/")
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)  # we report it ourselves
    session, host = CollectorSession(), urlsplit(endpoint).hostname
    exporter = metric_exporter.OTLPMetricExporter(
        endpoint=f"{endpoint}/v1/metrics",
        headers=headers_of(settings),
        timeout=_TIMEOUT_SECONDS,
        session=session,
    )
    try:
        taken = exporter.export(metrics_data(database))
    finally:
        exporter.shutdown()
    if taken is not MetricExportResult.SUCCESS or not session.accepted:
        reason = f"it answered {session.status}" if session.status else session.failure
        raise UserError(f"the collector at {host} did not take the figures{reason and f': {reason}'}")
    if session.refused:
        extra = {"host": host, "reason": session.refused}
        logger.warning("The collector refuses some of the figures", extra=extra)


def headers_of(settings: Settings) -> dict[str, str]:
    """Parse OTEL_EXPORTER_OTLP_HEADERS as its specification says: name=value, percent-encoded."""
    pairs = [one.get_secret_value().partition("=") for one in settings.otel_exporter_otlp_headers]
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}


def metrics_data(database: Database[Document]) -> "MetricsData":
    """Return everything that is exported, as objects of OpenTelemetry's SDK.

    Raises:
        PyMongoError: the database does not answer.
    """
    from opentelemetry.sdk.metrics import export as sdk  # noqa: PLC0415 (an extra)
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 (an extra)
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 (an extra)

    about = {"service.name": "voice-agent-monitoring", "service.version": __version__}
    if name := get_settings().installation_name:
        about["service.instance.id"] = name
    metrics = list(_metrics(database))
    scope = sdk.ScopeMetrics(InstrumentationScope("core.exporting", __version__), metrics, "")
    return sdk.MetricsData([sdk.ResourceMetrics(Resource(about), [scope], "")])


def _metrics(database: Database[Document]) -> Iterator["Metric"]:
    now, totals = utc_now(), read_totals(database)
    # A clock that is behind must not let counters begin after they are sent: receivers discard those.
    since = min(totals.since, now) if totals else now
    for family in of_sums(totals.published) if totals else ():
        if family.samples or family.bins:
            yield _metric(family, since, now)
    for metric, samples in gauges(database):
        if metric != BUILD:
            yield _metric(Family(metric, samples), now, now)


def _metric(family: Family, since: datetime, now: datetime) -> "Metric":
    from opentelemetry.sdk.metrics import export as sdk  # noqa: PLC0415 (an extra)

    about, cumulative = family.metric, sdk.AggregationTemporality.CUMULATIVE
    name, unit = named(about)
    more = dict(GEN_AI.get(about.name, ("", {}))[1])
    begin, at = _nanoseconds(since), _nanoseconds(now)
    if about.kind == "histogram":
        data: sdk.DataT = sdk.Histogram(
            [
                _point(about, _attributes(about, values) | more, bins, begin, at)
                for values, bins in family.bins.items()
            ],
            cumulative,
        )
        return sdk.Metric(name, about.meaning, unit, data)
    points = [
        sdk.NumberDataPoint(_attributes(about, values), begin, at, value)
        for values, value in family.samples.items()
    ]
    data = sdk.Sum(points, cumulative, is_monotonic=True) if about.kind == "counter" else sdk.Gauge(points)
    return sdk.Metric(name, about.meaning, unit, data)


def _point(
    about: Exported, attributes: dict[str, str], bins: Bins, begin: int, at: int
) -> "HistogramDataPoint":
    from opentelemetry.sdk.metrics.export import HistogramDataPoint  # noqa: PLC0415 (an extra)

    counts = [round(n) for n in bins.counts]
    extremes = {"min": None, "max": None}  # not known for all calls together
    return HistogramDataPoint(
        attributes,
        begin,
        at,
        sum(counts),
        bins.total,
        counts,
        about.bounds,
        **extremes,  # type: ignore[arg-type]
    )


def named(metric: Exported) -> tuple[str, str]:
    """Return a metric's name and unit as OpenTelemetry wants them: no unit in the name."""
    if metric.name in GEN_AI:
        return GEN_AI[metric.name][0], "s"
    if metric == COST:
        return f"{PREFIX}cost", "{rupee}"
    if metric.name.endswith("_seconds"):
        return f"{PREFIX}{metric.name.removesuffix('_seconds')}", "s"
    return f"{PREFIX}{metric.name}", "1"


def _attributes(metric: Exported, values: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(metric.labels, values, strict=True))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
