"""Helpers that log what is served, called and happens, and the figures they feed."""

import asyncio
import inspect
import json
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse

from core.clock import utc_now
from core.logging_config import (
    RequestLogMiddleware,
    attach_metrics,
    call_context,
    get_logger,
    log_api_request,
    log_call_event,
    log_external_call,
    log_security_event,
    set_call_context,
)
from core.logs.context import current_context
from core.logs.event import event_of
from core.logs.render import document_of
from core.models.metrics import ServiceSample
from core.services.metrics_service import MetricsService


class Taken(list[ServiceSample]):
    """A recorder that keeps what it is given."""

    def record_service_call(self, sample: ServiceSample) -> None:
        """Keep it."""
        self.append(sample)


@pytest.fixture
def taken() -> Iterator[Taken]:
    recorder = Taken()
    attach_metrics(recorder)
    yield recorder
    attach_metrics(None)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [document_of(event_of(record)) for record in caplog.records]


def test_requests_and_calls_of_services_are_logged_and_counted(
    taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    logger = get_logger("api")
    log_api_request(logger, "GET", "/api/v1/calls/call_123?x=1", 503, 12.5)
    log_api_request(logger, "GET", "/api/v1/leads/77", 404, 1.0)
    log_external_call(logger, "deepgram", "transcribe", 230.0)
    log_external_call(logger, "deepgram", "transcribe", 5000.0, error="timeout", region="in")
    log_external_call(logger, "exotel", "dial", 80.0, ok=False)
    counted = [(one.service, one.operation, one.duration_ms, one.error) for one in taken]
    assert counted == [
        ("api", "GET /api/v1/calls/{id}", 12.5, "5xx"),
        ("api", "GET /api/v1/leads/{id}", 1.0, None),
        ("deepgram", "transcribe", 230.0, None),
        ("deepgram", "transcribe", 5000.0, "timeout"),
        ("exotel", "dial", 80.0, "exception"),
    ]
    timeout = lines(caplog)[3]
    assert (timeout["message"], timeout["region"]) == ("deepgram transcribe failed (timeout)", "in")
    assert [line["level"] for line in lines(caplog)] == ["ERROR", "WARNING", "INFO", "WARNING", "WARNING"]
    assert {line["source"]["function"] for line in lines(caplog)} == {
        "test_requests_and_calls_of_services_are_logged_and_counted"
    }


def test_events_keep_every_field_and_secrets_are_masked(caplog: pytest.LogCaptureFixture) -> None:
    log_call_event(get_logger("telephony"), "answered", ring_seconds=4)
    log_security_event(get_logger("security"), "login_failed", password="x", category="mine")
    call, security = lines(caplog)
    assert (call["message"], call["event"], call["ring_seconds"]) == ("Call answered", "answered", 4)
    assert (security["level"], security["category"], security["password"]) == (
        "WARNING",
        "security",
        "[masked]",
    )
    assert security["extra_category"] == "mine"


def test_a_metrics_service_can_be_attached() -> None:
    attach_metrics(MetricsService())
    attach_metrics(None)


def test_a_figure_that_cannot_be_taken_does_not_reach_the_caller(
    taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    log_external_call(get_logger("api"), "", "", float("nan"))
    assert taken == []
    assert "was not counted" in caplog.records[-1].getMessage()


def test_a_path_that_cannot_be_printed_does_not_reach_the_caller(taken: Taken) -> None:
    class Odd(str):  # noqa: SLOT000 (as an agent writes it)
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    log_api_request(get_logger("api"), "GET", Odd("/calls/17"), 200, 5.0)
    log_api_request(get_logger("api"), Odd("GET"), "/calls/17", 200, 5.0)
    assert len(taken) == 2


def test_the_middleware_logs_each_request_and_keeps_contexts_apart(
    taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="voice_agent.api")
    app = FastAPI()
    app.add_middleware(RequestLogMiddleware)

    @app.get("/calls/{call_id}")
    async def call(call_id: str) -> str:
        set_call_context(call_id=call_id)
        await asyncio.sleep(0)
        return call_id

    @app.get("/broken")
    async def broken() -> None:
        raise LookupError

    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/calls/call_1").status_code == 200
    assert client.get("/nowhere").status_code == 404
    assert client.get("/broken").status_code == 500
    ours = [line for line in lines(caplog) if "status_code" in line]
    assert [line["message"] for line in ours] == [
        "GET /calls/call_1 200",
        "GET /nowhere 404",
        "GET /broken 500",
    ]
    assert all(line["duration_ms"] >= 0 for line in ours)
    assert [one.operation for one in taken] == ["GET /calls/{id}", "GET /nowhere", "GET /broken"]
    assert utc_now() - taken[0].at < timedelta(minutes=1)
    assert json.dumps(ours)


@pytest.mark.alone
@pytest.mark.parametrize("path", ["/plain", "/streamed"])
def test_what_runs_in_the_background_is_no_part_of_a_request(
    path: str, taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    """The line is there, with the response's own time, while the background task still runs."""
    caplog.set_level(logging.INFO, logger="voice_agent.api")
    seen: list[int] = []

    async def calls_the_lead() -> None:
        await asyncio.sleep(0.5)
        seen.append(len([line for line in lines(caplog) if "status_code" in line]))
        raise LookupError

    async def parts() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0.1)
        yield "b"

    app = FastAPI()
    app.add_middleware(RequestLogMiddleware)
    app.add_api_route("/plain", lambda: PlainTextResponse("ok", background=BackgroundTask(calls_the_lead)))
    app.add_api_route(
        "/streamed", lambda: StreamingResponse(parts(), 202, background=BackgroundTask(calls_the_lead))
    )
    TestClient(app, raise_server_exceptions=False).get(path)
    (line,) = [line for line in lines(caplog) if "status_code" in line]
    assert seen == [1]
    assert (line["status_code"] < 300, len(taken)) == (True, 1)
    assert (100 if path == "/streamed" else 0) <= line["duration_ms"] < 500


def test_the_call_context_decorates_functions_plain_and_async() -> None:
    """Each call has a block of its own, also when several run at once."""

    @call_context(call_id="c-71")
    async def waits(turn: int) -> dict[str, object]:
        set_call_context(turn=turn)
        await asyncio.sleep(0.01)
        return dict(current_context())

    @call_context(call_id="c-72")
    def works() -> dict[str, object]:
        return dict(current_context())

    async def both() -> list[dict[str, object]]:
        return list(await asyncio.gather(waits(1), waits(2)))

    assert asyncio.run(both()) == [{"call_id": "c-71", "turn": 1}, {"call_id": "c-71", "turn": 2}]
    assert works() == {"call_id": "c-72"}
    assert dict(current_context()) == {}
    assert inspect.iscoroutinefunction(waits)


@pytest.mark.parametrize("apart", ["tasks", "threads"])
def test_a_call_context_that_several_share_ends_for_each_with_its_own_block(apart: str) -> None:
    """However their blocks overlap, and also where one object's blocks are nested."""
    shared = call_context(campaign="monsoon")
    inside, outside = [], []

    async def works(turn: int) -> None:
        with shared:
            await asyncio.sleep(0.005 * (turn % 3))
            with shared:
                inside.append(dict(current_context()))
            await asyncio.sleep(0.005 * (turn % 2))
            inside.append(dict(current_context()))
        outside.append(dict(current_context()))

    async def tasks() -> None:
        await asyncio.gather(*map(works, range(9)))

    if apart == "tasks":
        asyncio.run(tasks())
    else:
        with ThreadPoolExecutor(9) as threads:
            list(threads.map(lambda turn: asyncio.run(works(turn)), range(9)))
    assert inside == [{"campaign": "monsoon"}] * 18
    assert outside == [{}] * 9


def test_what_the_call_context_cannot_decorate_is_refused() -> None:
    """The code of a generator runs when the block has long ended."""

    def generates() -> Iterator[int]:
        yield 1

    async def streams() -> AsyncIterator[int]:
        yield 1

    for odd in (generates, streams, LookupError):
        with pytest.raises(TypeError, match="call_context"):
            call_context(call_id="c-71")(odd)
