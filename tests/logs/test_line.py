"""What one line says, byte for byte, and that nothing a caller logs can break it."""

import itertools
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from core import logging_config
from core.logging_config import call_context, get_logger, log_api_request, set_call_context
from core.logs import context
from core.logs.event import event_of
from core.logs.line_formats import as_datadog, as_ecs, as_it_is
from core.logs.logger import ComponentLogger
from core.logs.render import document_of, encode


@pytest.fixture(autouse=True)
def no_context() -> Iterator[None]:
    """Each test begins outside any call."""
    with call_context():
        logging_config.clear_call_context()
        yield


def line_of(*args: Any, level: int = logging.INFO, **more: Any) -> dict[str, Any]:
    """The decoded line of one log call."""
    lines: list[bytes] = []

    class Catch(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            lines.append(encode(document_of(event_of(record))))
            return True

    logger = ComponentLogger("voice_agent.api")
    logger.addHandler(Catch())
    logger.log(level, *args, **more)
    (line,) = lines
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    decoded: dict[str, Any] = json.loads(line)
    return decoded


def test_the_line_is_exactly_the_documented_one() -> None:
    """Byte for byte: key order, milliseconds, Z, no spaces."""
    logger = ComponentLogger("voice_agent.api")
    record = logger.makeRecord(
        "voice_agent.api",
        logging.INFO,
        str(Path(__file__).resolve().parents[2] / "core" / "calls.py"),
        145,
        "Call done",
        (),
        None,
        "complete_call",
        {"duration": 180, "status": "completed"},
    )
    record.created = 1729765845.123
    set_call_context(call_id="call_123", lead_id="lead_456")
    assert encode(document_of(event_of(record))) == (
        b'{"timestamp":"2024-10-24T10:30:45.123Z","level":"INFO","component":"api","message":"Call done",'
        b'"call_id":"call_123","lead_id":"lead_456","duration":180,"status":"completed",'
        b'"source":{"file":"core/calls.py","line":145,"function":"complete_call"}}\n'
    )


def test_colliding_extras_are_renamed_and_kept() -> None:
    extras = {"level": 3, "source": "web", "message": "m", "name": "n", "call_id": "other", "extra_level": 4}
    with call_context(call_id="call_1"):
        line = line_of("hello", extra=extras)
    assert (line["level"], line["message"], line["call_id"]) == ("INFO", "hello", "call_1")
    assert line["source"]["function"] == "line_of"
    assert {line["extra_level"], line["extra_extra_level"]} == {3, 4}
    assert [line[f"extra_{key}"] for key in ("source", "message", "name", "call_id")] == [
        "web",
        "m",
        "n",
        "other",
    ]


def test_an_exception_is_logged_masked() -> None:
    try:
        raise ValueError("no answer from 9876543210")
    except ValueError:
        line = line_of("failed", exc_info=True)
    assert list(line)[-2:] == ["source", "exception"]
    assert line["exception"]["type"] == "ValueError"
    assert line["exception"]["message"] == "no answer from [phone …3210]"
    assert line["exception"]["traceback"].startswith("Traceback (most recent call last):")
    assert "9876543210" not in line["exception"]["traceback"].replace('"no answer from 9876543210"', "")


class Unprintable:
    """Raises whenever it is turned into text."""

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __repr__


class BadlyNamedError(Exception):
    """An exception without a usable text."""

    def __str__(self) -> str:
        raise RuntimeError


@dataclass
class Lead:
    """A value with a personal field."""

    phone: str


_cycle: list[Any] = []
_cycle.append(_cycle)


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        (Unprintable(), "[unprintable Unprintable]"),
        (object, "<class 'object'>"),
        (10**40, str(10**40)),
        (float("nan"), None),
        ("\ud800", "\\ud800"),
        (b"ab\xff", "ab\\xff"),
        ({1: {2}}, {"1": [2]}),
        (_cycle, ["[circular]"]),
        (Decimal("1.5"), "1.5"),
        (Path("/x"), "/x"),
        (Lead("9876543210"), {"phone": "[phone …3210]"}),
        ("x" * 40_000, "x" * 32_768 + "… [7232 more characters]"),
    ],
)
def test_any_value_is_logged(value: Any, logged: Any) -> None:
    assert line_of("hello", extra={"value": value})["value"] == logged


def test_wrong_arguments_are_logged_beside_the_message() -> None:
    assert line_of("%d calls", "many")["message"] == "%d calls ('many',)"
    assert line_of("%s %s", Unprintable())["message"].startswith("%s %s ")
    assert line_of(Unprintable())["message"].startswith("[unprintable Unprintable]")


@pytest.mark.parametrize("extra", ["text", 5, {1: 2}, {"a": Unprintable()}])
def test_odd_extras_never_raise(extra: Any) -> None:
    assert line_of("hello", extra=extra)["message"] == "hello"


class Lazy(Mapping[str, Any]):
    """What a library hands out: it does not know how long it is, or goes on for ever."""

    def __init__(self, fields: dict[str, Any] | None = None) -> None:
        self.fields = fields

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields) if self.fields is not None else map(str, itertools.count())

    def __getitem__(self, name: str) -> Any:
        return self.fields[name] if self.fields is not None else Lazy()

    def __len__(self) -> int:
        raise TypeError("length not known")


def test_a_foreign_mapping_is_masked_by_its_names() -> None:
    line = line_of("hello", extra=Lazy({"phone": "04422 3344", "secret": ["s1", "s2"], "turn": 3}))
    assert (line["phone"], line["secret"], line["turn"]) == ("[phone]", "[masked]", 3)


@pytest.mark.timeout(20)
def test_a_mapping_without_end_is_cut_and_said_to_be() -> None:
    line = line_of("hello", extra=Lazy())
    assert line["0"]["0"]
    assert line["…"] == "[more]"


def test_an_exception_without_a_text_is_logged() -> None:
    assert line_of("x", exc_info=BadlyNamedError())["exception"]["type"].endswith("BadlyNamedError")


def test_what_changes_after_the_call_is_not_logged() -> None:
    items = [1]
    logger = ComponentLogger("voice_agent.api")
    record = logger.makeRecord("n", 20, "f", 1, "%s", (items,), None, None, {"items": items})
    event = event_of(record)
    items.append(2)
    line = json.loads(encode(document_of(event)))
    assert (line["message"], line["items"]) == ("[1]", [1])


def test_a_request_names_its_caller_and_grades_its_status(caplog: pytest.LogCaptureFixture) -> None:
    logger = get_logger("api")
    for status in (201, 404, 503):
        log_api_request(logger, "POST", "/api/v1/calls", status, 145.3, user_id="u", level="gold")
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "ERROR"]
    line = json.loads(encode(document_of(event_of(caplog.records[0]))))
    assert line["message"] == "POST /api/v1/calls 201"
    assert line["source"]["function"] == "test_a_request_names_its_caller_and_grades_its_status"
    assert (line["method"], line["path"], line["status_code"]) == ("POST", "/api/v1/calls", 201)
    assert (line["duration_ms"], line["user_id"], line["extra_level"]) == (145.3, "u", "gold")


def test_a_component_is_apart_from_the_applications_own_logger() -> None:
    assert get_logger("api") is get_logger("api")
    assert get_logger("api") is not logging.getLogger("api")
    assert type(logging.getLogger("a_library")) is logging.Logger


def test_contexts_nest_and_restore() -> None:
    set_call_context(call_id="a")
    with call_context(call_id="b", lead_id="l"):
        with call_context(turn=1):
            assert dict(context.current_context()) == {"call_id": "b", "lead_id": "l", "turn": 1}
        assert dict(context.current_context()) == {"call_id": "b", "lead_id": "l"}
    assert dict(context.current_context()) == {"call_id": "a"}


class OwnFloat(float):
    """A number as libraries hand them out."""


class OwnMoment(datetime):
    """A time as test tools and pandas hand them out."""


class OwnId(UUID):
    """An id of somebody's own class."""


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        (OwnFloat(212.75), 212.75),
        (OwnFloat("nan"), None),
        (np.float64(212.75), 212.75),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.datetime64("2024-01-02T03:04:05"), "2024-01-02T03:04:05"),
        (np.timedelta64(5, "s"), "0:00:05"),
        (OwnMoment(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
        (pd.Timestamp("2024-01-02T03:04:05Z"), "2024-01-02T03:04:05+00:00"),
        (pd.NaT, None),
        (OwnId(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_a_subclass_is_written_as_what_it_is_a_subclass_of(value: Any, logged: Any) -> None:
    """Alone and within others: a field that is sometimes a text is refused by what reads the lines."""
    line = line_of("hello", extra={"value": value, "more": [value, {"deep": value}]})
    assert (line["value"], line["more"]) == (logged, [logged, {"deep": logged}])


def test_a_number_is_a_name_as_it_is_written() -> None:
    """And a number of its own when it is one already."""
    by: dict[Any, Any] = {np.float64(1.5): 1, 1: "a", "1": "b", np.int64(7): 3}
    line = line_of("hello", extra={"by": by})
    assert line["by"] == {"1.5": 1, "1": "a", "1_2": "b", "7": 3}


@pytest.mark.parametrize("shape", [as_it_is, as_ecs, as_datadog])
def test_no_field_is_lost_when_names_become_the_same(shape: Any) -> None:
    """Masked, as text, or with another sign for the tool that reads them."""
    leads = {f"neha{number}@shop.example": number for number in range(50)}
    by: dict[Any, Any] = {**leads, 1: 60, "1": 61}
    extra: dict[str, Any] = {"by": by, **leads, "sip.code": 62, "sip_code": 63}
    extra |= {"status": 64, "field_status": 65}
    record = ComponentLogger("voice_agent.api").makeRecord("n", 20, "f", 1, "m", (), None, None, extra)
    line = encode(shape(document_of(event_of(record)))).decode()
    missing = [number for number in [*range(50), *range(60, 66)] if not re.search(rf"[:\s]{number}\b", line)]
    assert missing == []
    assert line.count("[email]") == 100


@pytest.mark.timeout(30)
def test_thousands_of_fields_of_one_name_cost_what_others_cost() -> None:
    """Masked, they all have the same one."""
    line = line_of("hello", extra={f"neha{number}@shop.example": number for number in range(3000)})
    assert len([name for name in line if "[email]" in name]) == 3000


def test_names_are_masked_as_everything_else_is() -> None:
    """A logger, a function or a file may be named after a lead."""
    record = logging.makeLogRecord(
        {
            "name": "crm.lead-9840117362",
            "funcName": "call_neha@shop.example",
            "pathname": "/x/+919840117362.py",
        }
    )
    line = encode(document_of(event_of(record))).decode()
    assert "9840117362" not in line
    assert "neha" not in line
    assert '"component":"crm.lead-[phone …7362]"' in line


def test_a_long_traceback_keeps_the_frame_that_raised() -> None:
    """And its beginning; what is left out in the middle is counted."""

    def even(left: int) -> None:
        odd(left - 1)

    def odd(left: int) -> None:
        if left < 0:
            raise ValueError("at the very end")
        even(left - 1)

    try:
        even(900)
    except ValueError:
        text = line_of("failed", exc_info=True)["exception"]["traceback"]
    assert text.startswith("Traceback (most recent call last):")
    assert text.rstrip().endswith("ValueError: at the very end")
    assert "characters left out" in text
    assert len(text) < 34_000
