"""What the rules of one check read of the store: each call once, whatever the windows and the alerts."""

import asyncio
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters, calls_query, load_calls
from core.alerting.evaluation import causes, evaluator
from core.alerting.evaluation.findings import Evaluation
from core.alerting.preview import preview
from core.alerting.state.alert_store import active_alerts
from core.models.metrics import CallMetrics, CallStatus
from core.models.rules import AlertRule
from core.storage import get_database
from core.storage.calls import delete_calls, write_calls
from core.types import Document
from tests.alerting.evaluation.test_standouts import call
from tests.alerting.state.test_alert_store import NOON, Recorder, check

CAMPAIGNS = 40


def rule(name: str, **fields: object) -> AlertRule:
    given = {"id": name, "name": name, "metric": "call_failure_rate", "levels": {"warning": 0.1}}
    return AlertRule.model_validate(given | {"min_samples": 1} | fields)


RULES = [
    rule("quarter", window="15m"),
    rule("two_hours", window="2h", group_by=["campaign"]),
    rule("day", window="1d"),
    rule("slow", metric="asr_latency_p95_ms", window="1h", levels={"warning": 1}),
    rule("few", metric="total_calls", window="30m", operator="below", levels={"warning": 99}),
    rule("unusual", metric="total_calls", window="30m", baseline="hour_of_week", levels={"warning": 3}),
]


@pytest.fixture
def calls(database: Database[Document]) -> None:
    """Five hours of calls, every second one failed, of many campaigns."""
    made: list[CallMetrics] = [
        call(
            number,
            "hindi",
            start_time=NOON - timedelta(minutes=2 * number + 1),
            end_time=NOON - timedelta(minutes=2 * number, seconds=1),
            campaign=f"c{number % CAMPAIGNS}",
            asr_latency_ms=100 * number,
            status=CallStatus.FAILED if number % 2 else CallStatus.COMPLETED,
        )
        for number in range(150)
    ]
    write_calls(database, made)


def judged(rules: list[AlertRule]) -> dict[str, list[Evaluation]]:
    async def run() -> dict[str, list[Evaluation]]:
        seen = evaluator.Evaluator(get_database(), NOON, rules)
        return {rule.id: await seen.evaluate(rule) for rule in rules}

    return asyncio.run(run())


@pytest.mark.usefixtures("calls")
def test_rules_checked_together_find_what_each_finds_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the calls until one moment are loaded once, for the longest window."""
    alone = {rule.id: judged([rule])[rule.id] for rule in RULES}
    loads: list[object] = []

    def counting(*args: object, **kwargs: object) -> object:
        loads.append(kwargs["by"])
        return load_calls(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("core.alerting.evaluation.evaluator.load_calls", counting)
    assert judged(RULES) == alone
    assert sorted(map(str, loads)) == ["end_time", "start_time"]
    assert [found.samples for found in alone["quarter"]] == [8]


@pytest.mark.usefixtures("calls")
def test_each_of_many_alerts_names_its_own_calls(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer ids in one query than there are bad calls, and fewer looked at; the message says so."""
    monkeypatch.setattr(causes, "_MOST_AT_ONCE", 7)
    monkeypatch.setattr(causes, "FEWEST_LOOKED_AT", 3)
    monkeypatch.setattr(causes, "MOST_OF_ALL", 60)
    database["calls"].update_many({}, {"$set": {"errors": [{"type": "llm_timeout"}]}})
    check(NOON, Recorder(), rules=(rule("by_campaign", window="5h", group_by=["campaign"]),))
    alerts = active_alerts(database)
    assert len(alerts) == CAMPAIGNS // 2
    for alert in alerts:
        number = int(alert.labels["campaign"].removeprefix("c"))
        ids = [fact.rpartition("=")[2] for key, fact in alert.metadata.items() if key.startswith("Example")]
        bad = [f"c{n:03}" for n in range(number, 150, CAMPAIGNS)]
        assert ids == bad[:3]
        whole = "llm_timeout 3" + (" (of the newest 3)" if len(bad) > 3 else "")
        assert alert.metadata["Errors"] == whole


def test_calls_whose_end_nobody_tells_alert_too(database: Database[Document]) -> None:
    """Of calls that failed at once, agents often tell neither end nor duration; they count by their start."""
    ends = {0: NOON - timedelta(minutes=1), 1: None, 2: None}
    made = [
        call(
            number,
            "hindi",
            start_time=NOON - timedelta(minutes=40 if number % 3 == 2 else 5),
            end_time=ends[number % 3],
            status=CallStatus.COMPLETED if number % 3 == 0 else CallStatus.FAILED,
        )
        for number in range(30)
    ]
    write_calls(database, made)
    rules = [
        rule("failures", window="15m"),
        rule("hidden", metric="compliance_violations", window="15m", levels={"warning": 1_000}),
        rule("quiet", metric="minutes_without_calls", window="2h", levels={"warning": 60}),
    ]
    (failures,), (violations,), (quiet,) = judged(rules).values()
    assert failures.measured
    assert (failures.measured.value, failures.samples) == (0.5, 20)
    assert violations.samples == 20
    assert quiet.measured
    assert quiet.measured.value == 1
    delete_calls(database, {"end_time": {"$ne": None}})
    (quiet,) = judged([rules[2]])["quiet"]
    assert quiet.measured
    assert quiet.measured.value == 5, "they came in all the same"
    every = timedelta(minutes=5)
    (firing,) = preview(database, rules[0], 1, end=NOON + timedelta(minutes=30), every=every).firings
    assert firing.start == NOON - timedelta(minutes=35)


def test_what_a_rule_reads_by_the_end_of_calls_is_read_by_indexes(database: Database[Document]) -> None:
    """Of many calls without an end, those of the window alone are looked at."""
    none = {"end_time": None}
    write_calls(
        database, [call(n, "hindi", start_time=NOON - timedelta(minutes=n), **none) for n in range(300)]
    )
    query = calls_query(NOON - timedelta(minutes=15), NOON, "end_time", CallFilters(language="hindi"))
    seen = database["calls"].find(query).explain()["executionStats"]
    assert seen["nReturned"] == 15
    assert seen["totalDocsExamined"] <= 2 * 15
