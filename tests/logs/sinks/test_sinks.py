"""Where lines go besides the file: a real MongoDB, a real HTTPS server; down, slow or refusing."""

import json
import os
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme
from pymongo.database import Database

from core.logs import line_formats
from core.logs.line_formats import FORMATS
from core.logs.sinks import shipper
from core.logs.sinks.splunk import SplunkCollector
from core.storage.log_store import call_lines
from core.types import Document
from tests import ENDING_STARTS_NO_THREADS, forked
from tests.ports import free_port, serving

sends_at_its_end = pytest.mark.skipif(
    ENDING_STARTS_NO_THREADS, reason="this Python starts no threads at its end, and says what was not sent"
)
ROOT = Path(__file__).resolve().parents[3]
LINE = b'{"timestamp":"2024-10-24T10:30:45.123Z","level":"INFO","message":"hello"}\n'
DOCUMENT = {
    "timestamp": "2024-10-24T10:30:45.123Z",
    "level": "ERROR",
    "component": "api",
    "message": "failed",
    "call_id": "call_1",
    "status": "busy",
    "nested": {"a": 1},
    "source": {"file": "a.py", "line": 7, "function": "f"},
    "exception": {"type": "E", "message": "m", "traceback": "t"},
}


def run(code: str, **env: str) -> list[dict[str, Any]]:
    code = "from core.logging_config import *\nlog = get_logger('api')\n" + code
    done = forked.run(["-c", code], env={**os.environ, **env}, loaded=forked.LOGS)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@sends_at_its_end
def test_the_lines_of_a_call_are_read_back_from_the_database(database: Database[Document]) -> None:
    """Masked, in order, with a time to live that follows the setting."""
    code = """
for call in ('call_1', 'call_2'):
    with call_context(call_id=call, lead_id='lead_1'):
        log.info('ring 9876543210', extra={'n': 2**64 - 1, '_id': 'mine', 'a.b': {'$c\\0': 1}})
        log.error('failed')
"""
    printed = run(code, LOG_TO_DATABASE="1")
    assert len(printed) == 4
    assert printed[0]["n"] == str(2**64 - 1)
    first, second = call_lines(database, "call_1")
    assert (first["message"], second["level"]) == ("ring [phone …3210]", "ERROR")
    assert first["timestamp"].replace(microsecond=0) <= datetime.now(UTC)
    assert (first["n"], first["extra__id"], first["lead_id"]) == (str(2**64 - 1), "mine", "lead_1")
    run("log.info('again')", LOG_TO_DATABASE="1", LOG_DATABASE_DAYS="2", LOG_FORMAT="ecs")
    assert database["logs"].index_information()["timestamp_1"]["expireAfterSeconds"] == 2 * 86_400
    assert database["logs"].count_documents({"level": "INFO"}) == 3


@pytest.mark.full
@sends_at_its_end
def test_a_database_that_is_down_costs_the_caller_nothing_and_is_counted() -> None:
    code = "import time\nbegan = time.perf_counter()\nfor n in range(100): log.info('n')\n"
    code += "assert time.perf_counter() - began < 1\n"
    lines = run(code, LOG_TO_DATABASE="1", MONGODB_URI="mongodb://127.0.0.1:9/")
    assert [line["message"] for line in lines[:100]] == ["n"] * 100
    assert "100 log lines to the database" in lines[100]["message"]


class Collector(BaseHTTPRequestHandler):
    """Answers as :meth:`judge` says, else with the next status, 200 when there is none; keeps what came."""

    protocol_version = "HTTP/1.1"
    bodies: ClassVar[list[bytes]] = []
    tokens: ClassVar[list[str | None]] = []
    paths: ClassVar[list[str]] = []
    moments: ClassVar[list[float]] = []
    statuses: ClassVar[list[int]] = []
    retry_after: ClassVar[list[str]] = []
    judge: ClassVar[Callable[[bytes], tuple[int, bytes]] | None] = None
    length: ClassVar[int | None] = None

    def do_POST(self) -> None:
        """Keep what came and answer."""
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.tokens.append(self.headers["Authorization"])
        self.paths.append(self.path)
        self.moments.append(time.monotonic())
        status, said = self.statuses.pop(0) if self.statuses else 200, b""
        if judge := type(self).judge:
            status, said = judge(self.bodies[-1])
        self.send_response(status)
        for wait in self.retry_after:
            self.send_header("Retry-After", wait)
        self.send_header("Content-Length", str(self.length or len(said)))
        self.end_headers()
        self.wfile.write(said)
        if self.length:
            self.close_connection = True

    def log_message(self, *_args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that speaks HTTPS with a certificate of its own."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setattr(shipper, "_FIRST_PAUSE_SECONDS", 0.01)
    Collector.bodies, Collector.tokens, Collector.statuses = [], [], []
    Collector.paths, Collector.moments, Collector.retry_after = [], [], []
    Collector.judge, Collector.length = None, None
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with serving(server):
            yield f"https://127.0.0.1:{server.server_port}"


def events(bodies: list[bytes] | None = None) -> list[dict[str, Any]]:
    decoder, found = json.JSONDecoder(), []
    for body in Collector.bodies if bodies is None else bodies:
        text, at = body.decode(), 0
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            found.append(event)
    return found


@sends_at_its_end
def test_lines_arrive_at_splunk_in_batches_with_their_time_and_without_the_clients_own(
    collector: str,
) -> None:
    code = "setup_logging('DEBUG', libraries=True)\nimport logging; logging.getLogger().setLevel('DEBUG')\n"
    code += "for n in range(1200): log.info('mail a@example.com', extra={'n': n})"
    run(code, SPLUNK_HEC_URL=collector, SPLUNK_HEC_TOKEN="secret-token")
    assert [event["event"]["n"] for event in events() if "n" in event["event"]] == list(range(1200))
    assert {event["event"]["component"] for event in events()} == {"api"}
    assert events()[0]["event"]["message"] == "mail [email]"
    assert abs(events()[0]["time"] - time.time()) < 60
    assert set(Collector.tokens) == {"Splunk secret-token"}
    assert len(Collector.bodies) < 20


_CHILD = """
import multiprocessing
def child():
    for n in range(5): log.info('child')
one = multiprocessing.get_context('fork').Process(target=child)
one.start()
one.join()
"""


@sends_at_its_end
def test_what_a_forked_child_logs_last_arrives_at_splunk(collector: str) -> None:
    """It ends without the exit functions of a whole program."""
    run(_CHILD, SPLUNK_HEC_URL=collector, SPLUNK_HEC_TOKEN="secret-token")
    assert [event["event"]["message"] for event in events()] == ["child"] * 5


@sends_at_its_end
def test_what_a_forked_child_cannot_send_is_said() -> None:
    """Nothing listens there."""
    lines = run(_CHILD, SPLUNK_HEC_URL=f"https://127.0.0.1:{free_port()}", SPLUNK_HEC_TOKEN="secret-token")
    assert [line["message"] for line in lines[:5]] == ["child"] * 5
    assert [line["lines"] for line in lines[5:]] == [5]


def lost(collector: str, statuses: list[int], *messages: str) -> dict[str, int]:
    """What is lost of lines that are sent to a collector which answers so."""
    Collector.statuses = statuses
    counted: Counter[str] = Counter()
    splunk = SplunkCollector(collector, "t", lambda lines, text: counted.update({text: lines}))
    for message in messages or ("hello",):
        splunk.put(LINE.replace(b"hello", message.encode()))
    assert splunk.flush(20)
    return dict(counted)


def taken() -> list[str]:
    """The messages of the requests that the collector's judge accepts."""
    assert Collector.judge
    accepted = [body for body in Collector.bodies if Collector.judge(body)[0] == 200]
    return [event["event"]["message"] for event in events(accepted)]


def test_a_busy_splunk_is_tried_again(collector: str) -> None:
    assert lost(collector, [503, 429]) == {}
    assert len(events()) == 3


def test_a_splunk_that_refuses_is_not_tried_again_but_counted(collector: str) -> None:
    assert lost(collector, [403]) == {"did not send {} log lines to Splunk: it answered 403": 1}
    assert len(events()) == 1


def test_a_splunk_that_restarts_loses_no_line(collector: str) -> None:
    assert lost(collector, [503] * 6) == {}
    assert len(events()) == 7


def test_a_splunk_that_stays_away_is_given_up_after_a_while(
    collector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "PATIENCE_SECONDS", 0.3)
    assert lost(collector, [500] * 99) == {"did not send {} log lines to Splunk: it answered 500": 1}
    assert len(events()) > 4


@pytest.mark.parametrize("far", ["9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_splunk_that_says_when_to_come_again_is_left_alone_until_then(
    collector: str, monkeypatch: pytest.MonkeyPatch, far: str
) -> None:
    """Though not for longer than lines are kept at all, whatever it says."""
    Collector.retry_after = ["1"]
    assert lost(collector, [429]) == {}
    first, second = Collector.moments
    assert second - first >= 1
    monkeypatch.setattr(shipper, "PATIENCE_SECONDS", 0.5)
    Collector.retry_after = [far]
    assert lost(collector, [429]) == {}


def test_no_request_is_larger_than_splunk_accepts(collector: str) -> None:
    """Of lines that are too long even so, each is sent alone, and only what is refused alone is lost."""
    limit = 100_000
    Collector.judge = lambda body: (413, b"") if len(body) > limit else (200, b"")
    messages = [f"{number} {'x' * 30_000}" for number in range(60)]
    messages[7] = "y" * limit
    assert lost(collector, [], *messages) == {"did not send {} log lines to Splunk: it answered 413": 1}
    assert sorted(taken()) == sorted(messages[:7] + messages[8:])
    assert max(map(len, Collector.bodies)) <= 1_000_000


def test_one_event_that_splunk_cannot_use_costs_no_other(collector: str) -> None:
    def judge(body: bytes) -> tuple[int, bytes]:
        messages = [event["event"]["message"] for event in events([body])]
        if "bad" not in messages:
            return 200, b'{"text":"Success","code":0}'
        said = {"text": "Invalid data format", "code": 6, "invalid-event-number": messages.index("bad")}
        return 400, json.dumps(said).encode()

    Collector.judge = judge
    messages = ["a", "b", "bad", "c", "bad", "d"]
    assert lost(collector, [], *messages) == {"did not send {} log lines to Splunk: it answered 400": 2}
    assert taken() == ["a", "b", "c", "d"]


def test_a_line_that_cannot_be_read_costs_no_other(collector: str) -> None:
    messages = ["a", 'b","timestamp":"soon', "c"]
    assert lost(collector, [], *messages) == {"did not send {} log lines to Splunk: ValueError": 1}
    assert [event["event"]["message"] for event in events()] == ["a", "c"]


@sends_at_its_end
def test_splunk_gets_the_time_of_the_line_whatever_its_fields_are_named(collector: str) -> None:
    code = "log.info('hello', extra={'@timestamp': 'soon', 'date': 'later', 'timestamp': 'never'})"
    for form in ("json", "ecs", "datadog", "emf"):
        run(code, SPLUNK_HEC_URL=collector, SPLUNK_HEC_TOKEN="secret-token", LOG_FORMAT=form)
    assert len(events()) == 4
    assert all(abs(event["time"] - time.time()) < 60 for event in events())


@pytest.mark.parametrize("said", [b"", b"nothing", b"[]", b'{"code":6,"invalid-event-number":99}'])
def test_a_refusal_that_names_no_event_is_of_them_all(collector: str, said: bytes) -> None:
    Collector.judge = lambda _body: (400, said)
    refused = lost(collector, [], "a", "b")
    assert refused == {"did not send {} log lines to Splunk: it answered 400": 2}
    assert len(Collector.bodies) == 1


def test_lines_are_not_sent_again_because_the_answer_breaks_off(collector: str) -> None:
    Collector.length = 1_000
    assert lost(collector, []) == {}
    assert len(Collector.bodies) == 1


@pytest.mark.parametrize("path", ["", "/services/collector", "/services/collector/raw"])
def test_the_collectors_address_is_found_however_it_is_given(collector: str, path: str) -> None:
    assert lost(f"{collector}{path}", []) == {}
    assert Collector.paths == ["/services/collector/event"]


def test_long_lines_do_not_fill_the_memory() -> None:
    class Away(shipper.Shipper[list[bytes]]):
        def prepare(self, lines: list[bytes]) -> list[bytes]:
            return lines

        def send(self, batch: list[bytes]) -> None:
            raise ConnectionError(len(batch))

    dropped: list[int] = []
    away = Away("a hole", lambda lines, _text: dropped.append(lines))
    line = b"x" * 1_000_000
    for _ in range(200):
        away.put(line)
    kept = away.waiting
    assert kept * len(line) <= shipper.CAPACITY_BYTES + shipper.BATCH_BYTES
    assert kept + sum(dropped) == 200
    away.close(0.1)
    assert sum(dropped) == 200


def test_the_queue_of_a_target_that_hangs_is_bounded() -> None:
    dropped: list[int] = []

    class Stuck(shipper.Shipper[list[bytes]]):
        def prepare(self, lines: list[bytes]) -> list[bytes]:
            return lines

        def send(self, batch: list[bytes]) -> None:  # noqa: ARG002 (it takes nothing)
            time.sleep(3600)

    stuck = Stuck("a hole", lambda lines, _text: dropped.append(lines))
    for _ in range(30_000):
        stuck.put(LINE)
    assert 30_000 - shipper.CAPACITY - shipper.BATCH <= sum(dropped) <= 30_000 - shipper.CAPACITY
    stuck.close(0.1)
    assert sum(dropped) == 30_000


def test_a_line_in_the_names_of_elastic() -> None:
    assert FORMATS["ecs"](DOCUMENT) == {
        "@timestamp": "2024-10-24T10:30:45.123Z",
        "log.level": "ERROR",
        "message": "failed",
        "ecs.version": "8.11.0",
        "log.logger": "api",
        "log.origin.file.name": "a.py",
        "log.origin.file.line": 7,
        "log.origin.function": "f",
        "error.type": "E",
        "error.message": "m",
        "error.stack_trace": "t",
        "labels": {"call_id": "call_1", "status": "busy", "nested": "{'a': 1}"},
    }


def test_a_line_in_the_names_of_datadog() -> None:
    line = FORMATS["datadog"](DOCUMENT)
    assert (line["status"], line["field_status"], line["call_id"]) == ("error", "busy", "call_1")
    assert line["logger"] == {"name": "api", "method_name": "f", "file": "a.py", "line": 7}
    assert line["error"] == {"kind": "E", "message": "m", "stack": "t"}


def test_the_file_has_the_format_that_is_set() -> None:
    assert run("log.info('hello')", LOG_FORMAT="datadog")[0]["status"] == "info"
    assert run("log.info('hello')", LOG_FORMAT="ecs")[0]["log.level"] == "INFO"


def test_a_line_with_embedded_metrics_of_cloudwatch() -> None:
    """As AWS's specification has it: every metric and dimension it names is a field at the line's root."""
    timed = DOCUMENT | {"service": "deepgram", "duration_ms": 143.5, "wait_seconds": 2, "turns": 4, "_aws": 1}
    line = FORMATS["emf"](timed)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert line["_aws"]["Timestamp"] == 1_729_765_845_123
    assert directive["Dimensions"] == [["component"], ["component", "service"]]
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {
        "Lines": "Count",
        "Errors": "Count",
        "duration_ms": "Milliseconds",
        "wait_seconds": "Seconds",
    }
    assert {name: line[name] for name in units} == {
        "Lines": 1,
        "Errors": 1,
        "duration_ms": 143.5,
        "wait_seconds": 2,
    }
    assert line["_aws_2"] == 1
    assert {key: line[key] for key in DOCUMENT} == DOCUMENT


@pytest.mark.parametrize(
    ("service", "component", "dimensions"),
    [
        ("", "api", [["component"]]),
        ("दूरसंचार", "api", [["component"]]),
        (":x", "api", [["component"]]),
        ("  ", "api", [["component"]]),
        ("deep\ngram", "api", [["component"]]),
        ("deep\0gram", "api", [["component"]]),
        ("s" * 1_025, "api", [["component"]]),
        ({"a": 1}, "api", [["component"]]),
        ("deepgram", "वाणी", [[]]),
        ("deepgram", "\t", [[]]),
    ],
)
def test_no_value_that_cloudwatch_refuses_is_a_dimension(
    service: object, component: str, dimensions: list[list[str]]
) -> None:
    line = FORMATS["emf"](DOCUMENT | {"service": service, "component": component})
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == dimensions


def test_a_logger_for_each_lead_makes_no_metric_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudWatch bills every combination: those seen first stay, the others are counted without a name."""
    monkeypatch.setattr(line_formats, "_dimensions", set())

    def dimensions(component: str, service: str) -> list[list[str]]:
        line = FORMATS["emf"](DOCUMENT | {"component": component, "service": service})
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        found: list[list[str]] = directive["Dimensions"]
        return found

    assert dimensions("speech", "deepgram") == [["component"], ["component", "service"]]
    made = {(tuple(one), n) for n in range(1_000) for one in dimensions(f"crm.lead_{n}", f"crm/{n}") if one}
    assert len(made) < line_formats.MOST_DIMENSIONS
    assert dimensions("crm.lead_999", "crm") == [[]]
    assert dimensions("speech", "deepgram") == [["component"], ["component", "service"]]


def test_a_field_with_an_odd_name_costs_its_line_no_metric() -> None:
    """CloudWatch discards all metrics of a line of which one has a name that it does not accept."""
    odd = {f"{'x' * 300}_ms": 1, "समय_ms": 2, "a\nb_ms": 3, "duration_ms": 4}
    (directive,) = FORMATS["emf"](DOCUMENT | odd)["_aws"]["CloudWatchMetrics"]
    assert [metric["Name"] for metric in directive["Metrics"]] == ["Lines", "Errors", "duration_ms"]


def test_a_field_without_a_name_costs_no_line_in_elasticsearch() -> None:
    """It rejects a document with a blank name."""
    labels = FORMATS["ecs"](DOCUMENT | {"": 1, " ": 2, "...": 3})["labels"]
    assert {name: labels[name] for name in labels if "_" in name and name != "call_id"} == {
        "_": 1,
        "__2": 2,
        "___": 3,
    }


def test_no_more_metrics_than_cloudwatch_takes() -> None:
    many = {f"part_{number}_ms": number for number in range(150)} | {"huge_ms": 2**400, "said_ms": True}
    (directive,) = FORMATS["emf"](DOCUMENT | many)["_aws"]["CloudWatchMetrics"]
    names = {metric["Name"] for metric in directive["Metrics"]}
    assert len(names) == len(directive["Metrics"]) == 100
    assert names.isdisjoint({"huge_ms", "said_ms"})


def test_lines_go_to_the_file_and_to_stdout_where_both_are_wanted(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    assert run("log.info('to one')", LOG_FILE=str(file)) == []
    printed = run("log.info('to both')", LOG_FILE=str(file), LOG_STDOUT="1")
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["message"] for line in kept] == ["to one", "to both"]
    assert printed == kept[1:]


def test_stdout_still_gets_its_copy_while_the_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "agent.log").mkdir()
    (line,) = run("log.info('to both')", LOG_FILE=str(tmp_path / "agent.log"), LOG_STDOUT="1")
    assert line["message"] == "to both"


def test_a_program_whose_stdout_others_read_keeps_its_lines_off_it(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    code = "from core.logging_config import spare_stdout\nspare_stdout()\nlog.info('to the file')"
    assert run(code, LOG_FILE=str(file), LOG_STDOUT="1") == []
    assert json.loads(file.read_text())["message"] == "to the file"
