"""What a collector of OpenTelemetry is sent, decoded by OpenTelemetry's own protobuf."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, Metric
from pymongo.database import Database

from core.clock import utc_now
from core.doctor.exports import exports
from core.errors import UserError
from core.exporting.otlp import send_otlp
from core.scheduler.jobs import all_jobs
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import call
from tests.exporting.test_totals import told
from tests.ports import free_port, serving


class Collector(ThreadingHTTPServer):
    """A server that keeps what it is sent."""

    requests: list[tuple[str, str | None, ExportMetricsServiceRequest]]
    status = 200


class Handler(BaseHTTPRequestHandler):
    """Decodes what is posted."""

    server: Collector

    def do_POST(self) -> None:
        """Keep one request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        request = ExportMetricsServiceRequest.FromString(body)
        self.server.requests.append((self.path, self.headers.get("x-key"), request))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(ExportMetricsServiceResponse().SerializeToString())

    def log_message(self, *_: object) -> None:
        """Write nothing to the test's output."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector(("127.0.0.1", 0), Handler) as server, serving(server):
        server.requests = []
        configure(monkeypatch, f"http://127.0.0.1:{server.server_port}/")
        yield server


def configure(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "X-Key=secret%20one")
    get_settings.cache_clear()


def metrics_of(request: ExportMetricsServiceRequest) -> dict[str, Metric]:
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    return {metric.name: metric for metric in scope.metrics}


def test_a_collector_gets_sums_histograms_and_gauges(
    database: Database[Document], collector: Collector
) -> None:
    """Cumulative since the totals are kept; the model's latency by its GenAI name; with the headers."""
    began = utc_now() - timedelta(minutes=5)
    latencies = {"llm_latency_ms": 640, "e2e_latency_ms": 1_200}
    write_calls(database, [call(n, began, **latencies) for n in range(3)])
    told(database)
    send_otlp(database)
    ((path, key, request),) = collector.requests
    assert (path, key) == ("/v1/metrics", "secret one")
    names = {one.key: one.value.string_value for one in request.resource_metrics[0].resource.attributes}
    assert names["service.name"] == "voice-agent-monitoring"
    metrics = metrics_of(request)
    calls = metrics["voice_agent.calls"].sum
    assert (calls.is_monotonic, calls.aggregation_temporality) == (True, AGGREGATION_TEMPORALITY_CUMULATIVE)
    (point,) = calls.data_points
    assert point.as_double == 3
    assert point.start_time_unix_nano <= point.time_unix_nano
    labels = {one.key: one.value.string_value for one in point.attributes}
    assert labels == {"direction": "outbound", "language": "hindi", "status": "completed"}
    model = metrics["gen_ai.client.operation.time_to_first_chunk"]
    (spread,) = model.histogram.data_points
    assert (model.unit, spread.count) == ("s", 3)
    assert spread.sum == pytest.approx(3 * 0.64)
    assert len(spread.bucket_counts) == len(spread.explicit_bounds) + 1
    assert {one.key for one in spread.attributes} == {"gen_ai.operation.name", "language"}
    assert not spread.HasField("min")
    assert metrics["voice_agent.e2e_latency"].unit == "s"
    assert metrics["voice_agent.active_calls"].gauge.data_points
    assert "voice_agent.build_info" not in metrics


def test_a_collector_that_refuses_is_named(
    database: Database[Document], collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job fails with one line, without the headers; so it does where nobody listens."""
    collector.status = 400
    with pytest.raises(UserError, match=r"the collector at 127\.0\.0\.1 did not take the figures"):
        send_otlp(database)
    configure(monkeypatch, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UserError, match="did not take the figures"):
        send_otlp(database)


def test_scheduler_and_doctor_know_where_figures_go(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    """Both name what is set, and nothing else."""
    monkeypatch.setenv("STATSD_HOST", "statsd.example.net")
    get_settings.cache_clear()
    assert [job.name for job in all_jobs() if job.lane == "export"] == ["statsd", "otlp"]
    said = {found.name: (str(found.state), found.text) for found in exports(get_settings())}
    assert {name: state for name, (state, _) in said.items()} == {"statsd": "ok", "otlp": "ok"}
    assert "statsd.example.net port 8125 as dogstatsd" in said["statsd"][1]
    for name in ("STATSD_HOST", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name)
    get_settings.cache_clear()
    assert list(exports(get_settings())) == []
