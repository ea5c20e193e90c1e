"""Helpers that log what is served, called and happens, and the figures they feed."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.clock import utc_now
from core.logging_config import (
    RequestLogMiddleware,
    attach_metrics,
    get_logger,
    log_api_request,
    log_call_event,
    log_external_call,
    log_security_event,
    set_call_context,
)
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
