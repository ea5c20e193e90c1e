"""The life of an alert through real checks: levels, labels, waiting, errors, what explains what."""

from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from core.alerting.board import alert_board
from core.alerting.evaluation import evaluator
from core.alerting.evaluation.thresholds import evaluate_all
from core.alerting.rules.builtin import BUILT_IN_RULES, built_in_rules
from core.alerting.state.alert_store import active_alerts
from core.models.metrics import CallMetrics
from core.models.rules import AlertRule
from core.storage.calls import write_calls
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

QUARTER = timedelta(minutes=15)


def rule(**fields: Any) -> AlertRule:
    given = {"id": "failures", "name": "Failures", "metric": "call_failure_rate", "levels": {"warning": 0.1}}
    return AlertRule.model_validate(given | fields)


def test_a_warning_that_becomes_critical_is_one_alert_that_escalates(database: Database[Document]) -> None:
    """Told at once, told once; that it eases again is no news, that it ends is."""
    email = Recorder()
    levels = rule(levels={"warning": 0.1, "critical": 0.3})
    for step, failed in enumerate((10, 10, 20, 20, 10, 0)):
        record(database, NOON + step * QUARTER, total=50, failed=failed)
        check(NOON + step * QUARTER, email, rules=(levels,))
    assert email.words == ["WARNING", "CRITICAL", "RESOLVED"]
    assert "limit 30 %" in email.titles[1]
    events = [row["event"] for row in database["alert_events"].find({"channel": None}).sort("_id")]
    assert events == ["firing", "escalated", "eased", "resolved"]
    (over,) = alert_board(database, NOON + 5 * QUARTER).resolved
    assert (over.current_value, over.worst_value) == (0, 40)


def test_each_label_has_an_alert_of_its_own(database: Database[Document]) -> None:
    """Hindi fires, English does not; both are looked at by one rule, and one message names the language."""
    calls = [
        CallMetrics.model_validate(
            {
                "call_id": f"{language}{number}",
                "start_time": NOON - QUARTER,
                "end_time": NOON - timedelta(minutes=1),
                "status": "failed" if number < failed else "completed",
                "direction": "outbound",
                "language": language,
            }
        )
        for language, failed in (("hindi", 5), ("english", 0), ("hinglish", 4))
        for number in range(10)
    ]
    write_calls(database, calls)
    email = Recorder()
    report = check(NOON, email, rules=(rule(group_by=["language"]),))
    assert [line.split(" (")[0] for line in report.results[0].lines] == [
        "ok      Failures 0 %",
        "FIRES   Failures 50 %",
        "FIRES   Failures 40 %",
    ]
    assert {alert.labels["language"] for alert in active_alerts(database)} == {"hindi", "hinglish"}
    assert len(email.titles) == 1
    assert "(and 1 more)" in email.titles[0]


def test_a_rule_waits_for_as_long_as_it_says_on_both_sides(database: Database[Document]) -> None:
    """Pending tells nobody, a short dip ends nothing."""
    email = Recorder()
    patient = rule(**{"for": "30m", "keep_firing_for": "30m"})
    states = []
    for step, failed in enumerate((20, 20, 20, 0, 20, 0, 0, 0)):
        record(database, NOON + step * QUARTER, total=50, failed=failed)
        check(NOON + step * QUARTER, email, rules=(patient,))
        board = alert_board(database, NOON + step * QUARTER)
        states.append("firing" if board.active else "pending" if board.pending else "over")
    assert states == ["pending", "pending", "firing", "firing", "firing", "firing", "firing", "over"]
    assert email.words == ["WARNING", "RESOLVED"]


def test_what_was_only_pending_leaves_no_trace(database: Database[Document]) -> None:
    """One bad quarter of an hour, then good ones."""
    patient = rule(**{"for": "30m"})
    for step, failed in enumerate((20, 0)):
        record(database, NOON + step * QUARTER, total=50, failed=failed)
        check(NOON + step * QUARTER, rules=(patient,))
    assert database["alerts"].count_documents({}) == 0


def test_a_pending_alert_without_calls_waits_and_is_then_forgotten(database: Database[Document]) -> None:
    """Ten bad minutes in the evening and ten in the morning are not ten hours."""
    email = Recorder()
    patient = rule(**{"for": "30m"})
    record(database, NOON, total=50, failed=20)
    check(NOON, email, rules=(patient,))
    check(NOON + 2 * QUARTER, email, rules=(patient,))
    assert database["alerts"].count_documents({"state": "pending"}) == 1
    check(NOON + 3 * QUARTER, email, rules=(patient,))
    assert database["alerts"].count_documents({}) == 0
    record(database, NOON + 40 * QUARTER, total=50, failed=20)
    check(NOON + 40 * QUARTER, email, rules=(patient,))
    assert email.titles == []


def test_failing_calls_explain_their_errors(database: Database[Document]) -> None:
    """While the failure rate is critical, the error rate says nothing; it is told if it outlasts it."""
    email = Recorder()

    def quarter(step: int, failed: int) -> None:
        end = NOON + step * QUARTER
        calls = [
            CallMetrics.model_validate(
                {
                    "call_id": f"{step}-{number}",
                    "start_time": end - QUARTER,
                    "end_time": end - timedelta(minutes=1),
                    "status": "failed" if number < failed else "completed",
                    "direction": "outbound",
                    "errors": ["asr_timeout"],
                }
            )
            for number in range(20)
        ]
        write_calls(database, calls)
        check(end, email)

    quarter(0, failed=10)
    assert email.words == ["CRITICAL"]
    assert "Call failure rate" in email.titles[0]
    (muted,) = alert_board(database, NOON).silenced
    assert (muted.alert_type, len(muted.inhibited_by)) == ("error_rate", 1)
    quarter(1, failed=0)
    assert len(email.titles) == 2
    assert "Error rate" in email.titles[1]


def test_a_rule_that_fails_three_times_in_a_row_raises_an_alert_of_its_own(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice may be chance. What fires goes on meanwhile, and the first success ends the alert."""
    email = Recorder()
    record(database, NOON, total=50, failed=20)
    check(NOON, email)

    def failing(checked: AlertRule, *arguments: Any) -> Any:
        if checked.id == "call_failure_rate":
            raise ZeroDivisionError
        return evaluate_all(checked, *arguments)

    monkeypatch.setattr(evaluator, "evaluate_all", failing)
    for step in (1, 2, 2, 3):
        check(NOON + step * QUARTER, email)
        assert len(email.titles) == (2 if step == 3 else 1)
    assert "Call failure rate cannot be evaluated (ZeroDivisionError)" in email.titles[1]
    assert len(active_alerts(database)) == 2
    monkeypatch.setattr(evaluator, "evaluate_all", evaluate_all)
    record(database, NOON + 4 * QUARTER, total=50, failed=20)
    check(NOON + 4 * QUARTER, email)
    assert [alert.alert_type for alert in active_alerts(database)] == ["call_failure_rate"]


def test_the_quiet_profile_is_sure_and_clears_at_four_fifths(database: Database[Document]) -> None:
    """12 % of 50 calls may be chance and tells nobody; what fires ends at 8 %, and 15 minutes later."""
    quiet = built_in_rules("quiet")[:1]
    assert (quiet[0].for_minutes, quiet[0].keep_firing_minutes, quiet[0].min_samples) == (10, 15, 20)
    email = Recorder()
    for step, failed in enumerate((6, 6, 20, 20, 5, 4, 4)):
        record(database, NOON + step * QUARTER, total=50, failed=failed)
        check(NOON + step * QUARTER, email, rules=quiet)
    assert email.words == ["CRITICAL", "RESOLVED"]
    assert database["alerts"].find_one()["resolved_at"] == NOON + 6 * QUARTER  # type: ignore[index]


def test_a_rule_that_is_disabled_ends_its_alert(database: Database[Document]) -> None:
    """Nobody would end it otherwise."""
    record(database, NOON, total=50, failed=20)
    check(NOON)
    check(NOON + QUARTER, rules=BUILT_IN_RULES[1:])
    assert active_alerts(database) == []


def test_a_rule_writes_to_the_channels_that_it_names(database: Database[Document]) -> None:
    """One that is not set up is said, since nobody would be told."""
    email, slack = Recorder("email"), Recorder("slack")
    record(database, NOON, total=50, failed=20)
    report = check(NOON, email, slack, rules=(rule(channels=["slack", "pager"]),))
    assert (len(email.titles), len(slack.titles)) == (0, 1)
    assert report.notes == ["rule 'failures' names the channel 'pager', which is not set up"]


def test_a_rule_that_looks_at_other_labels_ends_its_old_alerts(database: Database[Document]) -> None:
    """What fired for all calls would never be seen again once each language is looked at."""
    record(database, NOON, total=50, failed=20)
    check(NOON, rules=(rule(),))
    check(NOON, rules=(rule(group_by=["language"]),))
    over = database["alerts"].find_one({"state": "resolved"})
    assert over
    assert over["message"] == "Failures: the rule was changed"
    assert [alert.labels for alert in active_alerts(database)] == [{"language": "unknown"}]
