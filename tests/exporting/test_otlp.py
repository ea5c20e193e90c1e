"""What a collector of OpenTelemetry is sent, decoded by OpenTelemetry's own protobuf."""

import gzip
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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
from core.exporting.totals import read_totals
from core.scheduler.jobs import all_jobs
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.collections import EXPORTED_TOTALS
from core.types import Document
from tests.api.test_routes import call
from tests.exporting.test_totals import told
from tests.ports import free_port, serving


class Collector(ThreadingHTTPServer):
    """A server that keeps what it is sent."""

    requests: list[tuple[str, str | None, ExportMetricsServiceRequest]]
    status = 200
    answer = ExportMetricsServiceResponse()
    pause, pieces = 0.0, 1


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
        self.send_header("Content-Type", "application/x-protobuf")
        if self.server.status in {301, 308}:
            self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()
        with suppress(OSError):
            for _ in range(self.server.pieces):
                self.wfile.write(self.server.answer.SerializeToString())
                time.sleep(self.server.pause)

    def log_message(self, *_: object) -> None:
        """Write nothing to the test's output."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector(("127.0.0.1", 0), Handler) as server, serving(server):
        server.requests, server.answer = [], ExportMetricsServiceResponse()
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
    with pytest.raises(UserError, match="did not take the figures: ConnectionError: Connection refused"):
        send_otlp(database)


@pytest.mark.parametrize("status", [301, 308, 304])
def test_a_redirect_is_no_success(database: Database[Document], collector: Collector, status: int) -> None:
    """Nothing was taken there, and a header with a secret goes nowhere else."""
    collector.status = status
    with pytest.raises(UserError, match=f"did not take the figures: it answered {status}"):
        send_otlp(database)
    assert len(collector.requests) == 1


def test_what_a_collector_refuses_of_the_figures_is_said(
    database: Database[Document], collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    said = ExportMetricsServiceResponse()
    said.partial_success.rejected_data_points = 7
    said.partial_success.error_message = "out of order"
    collector.answer = said
    send_otlp(database)
    (warning,) = caplog.records
    assert warning.getMessage() == "The collector refuses some of the figures"
    assert vars(warning)["reason"] == "7 values: out of order"


@pytest.mark.full
def test_an_answer_that_never_ends_holds_up_nothing(
    database: Database[Document], collector: Collector
) -> None:
    """Neither its length nor its slowness: the figures have arrived."""
    collector.answer.partial_success.error_message = "x"
    collector.pause, collector.pieces = 0.5, 40
    begun = time.monotonic()
    send_otlp(database)
    assert time.monotonic() - begun < 10


def test_counters_never_begin_after_they_are_sent(database: Database[Document], collector: Collector) -> None:
    """The server's clock was ahead when they began: the next roll-up corrects that for good."""
    write_calls(database, [call(1, utc_now() - timedelta(minutes=5))])
    told(database)
    ahead = utc_now() + timedelta(days=365)
    database[EXPORTED_TOTALS].update_one({"_id": "calls"}, {"$set": {"since": ahead}})
    send_otlp(database)
    (point,) = metrics_of(collector.requests[-1][2])["voice_agent.calls"].sum.data_points
    assert point.start_time_unix_nano <= point.time_unix_nano
    write_calls(database, [call(2, utc_now() - timedelta(minutes=5))])
    told(database)
    totals = read_totals(database)
    assert totals is not None
    assert totals.since < utc_now() + timedelta(minutes=1)


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


def test_the_doctor_and_the_job_say_what_to_install_where_only_the_api_of_opentelemetry_is(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, database: Database[Document], tmp_path: Path
) -> None:
    """FastAPI brings ``opentelemetry-api``, without the exporter: no traceback, but the command to run."""
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    (found,) = exports(get_settings())
    assert (str(found.state), "pip install" in found.text) == ("FAIL", True)
    with pytest.raises(UserError, match="opentelemetry-exporter-otlp-proto-http"):
        send_otlp(database)
    assert collector.requests == []
