"""What a rule would have done is what the checks really do."""

import random
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.alerting.preview import preview
from core.models.metrics import CallMetrics
from core.models.rules import AlertRule
from core.storage.calls import write_calls
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, Recorder, check

STEP = timedelta(minutes=15)


@pytest.fixture
def day_of_calls(database: Database[Document]) -> Database[Document]:
    """A day of calls whose failures come and go, in two languages."""
    rng = random.Random(7)  # noqa: S311 (no secret)
    calls = []
    for number in range(2_000):
        end = NOON - timedelta(seconds=rng.uniform(0, 86_400))
        bad = 0.3 if end.hour % 3 == 0 else 0.02
        fields = {
            "call_id": str(number),
            "start_time": end - timedelta(seconds=90),
            "end_time": end,
            "status": "failed" if rng.random() < bad else "completed",
            "direction": "outbound",
            "language": rng.choice(["hindi", "english"]),
        }
        calls.append(CallMetrics.model_validate(fields))
    write_calls(database, calls)
    return database


@pytest.mark.full
def test_a_preview_shows_the_very_firings_of_the_checks(day_of_calls: Database[Document]) -> None:
    """Each language's, from the check that fires to the one that ends it, and nothing is stored."""
    rule = AlertRule.model_validate(
        {
            "id": "by_language",
            "name": "Failures by language",
            "metric": "call_failure_rate",
            "levels": {"warning": 0.1, "critical": {"threshold": 0.25, "clear": 0.2}},
            "for": "15m",
            "keep_firing_for": "30m",
            "group_by": ["language"],
        }
    )
    found = preview(day_of_calls, rule, 1, end=NOON, every=STEP)
    assert day_of_calls["alerts"].count_documents({}) == 0
    email = Recorder()
    for number in reversed(range(96)):
        check(NOON - number * STEP, email, rules=(rule,))
    events = day_of_calls["alert_events"]
    for language in ("english", "hindi"):
        firings = [f for f in found.firings if f.labels["language"] == language]
        of = {"labels.language": language}
        begun = [row["at"] for row in events.find(of | {"event": "firing"}).sort("at")]
        ended = [row["at"] for row in events.find(of | {"event": "resolved"}).sort("at")]
        assert [firing.start for firing in firings] == begun
        assert [firing.end for firing in firings if firing.end] == ended
        assert len(begun) >= 5
    assert {firing.severity for firing in found.firings} == {"warning", "critical"}
