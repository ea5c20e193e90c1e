"""Rules about requests to the agent's API and to the services that it uses."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from core.alerting.preview import preview
from core.alerting.state.alert_store import active_alerts
from core.models.metrics import ServiceSample
from core.models.rules import AlertRule
from core.services.metrics_service import MetricsService
from core.storage.server.connection import close_connections
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, check


def rule(**fields: Any) -> AlertRule:
    given = {"id": "services", "name": "Requests fail", "metric": "service_error_rate"}
    return AlertRule.model_validate(given | {"levels": {"warning": 0.1}} | fields)


@pytest.fixture
def requests(database: Database[Document]) -> Database[Document]:
    """Twenty requests to each of two services ten minutes before noon, and to one an hour before."""

    def sample(service: str, number: int, minutes: int, failed: int, ms: float) -> ServiceSample:
        fields = {
            "service": service,
            "operation": "POST /listen",
            "at": NOON - timedelta(minutes=minutes),
            "duration_ms": ms,
            "error": "timeout" if number < failed else None,
        }
        return ServiceSample.model_validate(fields)

    async def record() -> None:
        async with MetricsService() as service:
            for number in range(20):
                service.record_service_call(sample("deepgram", number, 10, 5, 900))
                service.record_service_call(sample("openai", number, 10, 0, 2500))
                service.record_service_call(sample("openai", number, 60, 20, 2500))
        await close_connections()

    asyncio.run(record())
    return database


def test_each_service_has_an_alert_of_its_own(requests: Database[Document]) -> None:
    """Five of twenty requests timed out; what failed an hour ago does not count."""
    report = check(NOON, rules=(rule(group_by=["service"]),))
    assert list(report.results[0].lines) == [
        "FIRES   Requests fail 25 % (5 of 20 requests) [service deepgram], limit 10 %",
        "ok      Requests fail 0 % (0 of 20 requests) [service openai], limit 10 %",
    ]
    (alert,) = active_alerts(requests)
    assert alert.labels == {"service": "deepgram"}
    report = check(NOON + timedelta(hours=1), rules=(rule(group_by=["service"]),))
    assert "0 requests, fewer than 5" in report.results[0].line
    assert len(active_alerts(requests)) == 1


def test_the_latency_of_one_service(requests: Database[Document]) -> None:
    """Within the one per cent of the stored sketches."""
    slow = rule(metric="service_latency_p95_ms", levels={"warning": 2000}, service="openai")
    (evaluation,) = check(NOON, rules=(slow,), dry_run=True).results[0].evaluations
    assert evaluation.measured
    assert evaluation.measured.value == pytest.approx(2500, rel=0.01)
    assert evaluation.severity == "warning"


def test_a_preview_sees_what_the_checks_see(requests: Database[Document]) -> None:
    """Openai for a quarter of an hour around eleven, deepgram before noon."""
    found = preview(requests, rule(group_by=["service"]), 1, end=NOON, every=timedelta(minutes=5))
    assert [(f.labels["service"], f.start, f.end) for f in found.firings] == [
        ("openai", NOON - timedelta(minutes=55), NOON - timedelta(minutes=5)),
        ("deepgram", NOON - timedelta(minutes=5), None),
    ]


def test_labels_of_calls_are_none_of_requests() -> None:
    with pytest.raises(ValueError, match="language: is no label of what service_error_rate measures"):
        rule(group_by=["language"])
