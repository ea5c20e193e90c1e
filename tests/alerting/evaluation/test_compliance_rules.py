"""Alert rules that count violations of the rules of calling."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from core.alerting.evaluation.compliance_rules import evaluate_violations, load_violations
from core.alerting.preview import preview
from core.models.metrics import CallMetrics
from core.models.rule_metrics import RULE_METRICS
from core.models.rules import AlertRule
from core.storage.calls import write_calls
from core.types import Document
from tests.alerting.state.test_alert_store import check

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)  # 19:30 in India


def rule(metric: str, **fields: Any) -> AlertRule:
    return AlertRule.model_validate(
        {"id": "r", "name": "Rule", "metric": metric, "levels": {"critical": 0}, "window": "30m", **fields}
    )


@pytest.fixture
def calls(database: Database[Document]) -> Database[Document]:
    """Of the last half hour: a recovery call too late, one that was not disclosed, good ones."""
    usual = {"status": "completed", "direction": "outbound", "duration_seconds": 60}
    each: tuple[dict[str, Any], ...] = (
        {"purpose": "recovery", "campaign": "x"},
        {"purpose": "sales", "campaign": "y", "compliance": {"disclosure_given": False}},
        {"purpose": "sales", "campaign": "y"},
        {"purpose": "sales", "campaign": "z"},
    )
    write_calls(
        database,
        [
            CallMetrics.model_validate(
                {"call_id": f"c{n}", "start_time": AT - timedelta(minutes=20 - n), **usual, **fields}
            )
            for n, fields in enumerate(each)
        ],
    )
    return database


def lines(one: AlertRule) -> list[str]:
    return [result.line for result in check(AT, rules=(one,), dry_run=True).results]


@pytest.mark.parametrize("fields", [{}, {"group_by": ["campaign"]}, {"campaign": "x"}])
@pytest.mark.parametrize("metric", ["compliance_violations", "calling_hours_violations"])
def test_a_quiet_night_is_no_error_and_no_violation(
    calls: Database[Document], metric: str, fields: dict[str, Any]
) -> None:
    """Nobody is woken because a rule cannot be evaluated; what fires goes on until there are calls."""
    one = rule(metric, **fields)
    assert check(AT, rules=(one,)).firing
    report = check(AT + timedelta(hours=9), rules=(one,))
    assert report.errors == []
    assert not report.firing
    calls["calls"].delete_many({})
    assert check(AT + timedelta(hours=18), rules=(one,)).errors == []
    assert preview(calls, one, 1, end=AT + timedelta(hours=40)).firings == []


@pytest.mark.parametrize(
    ("metric", "count"),
    [
        ("compliance_violations", 2),
        ("calling_hours_violations", 1),
        ("disclosure_violations", 1),
        ("opted_out_violations", 0),
    ],
)
def test_each_rule_of_calling_can_raise_an_alert(calls: Database[Document], metric: str, count: int) -> None:
    """The hours are those of the purpose: 19:30 is too late for recovery alone."""
    (line,) = lines(rule(metric))
    assert line.startswith("FIRES" if count else "ok")
    assert f" {count}, limit 0" in line


def test_filters_and_labels_tell_campaigns_apart(calls: Database[Document]) -> None:
    by_campaign = rule("compliance_violations", group_by=["campaign"])
    start = AT - timedelta(minutes=30)
    found = evaluate_violations(
        by_campaign, load_violations(calls, start, AT, "end_time"), start, AT, [{"campaign": "gone"}]
    )
    assert {one.labels["campaign"]: one.measured and one.measured.value for one in found} == {
        "x": 1, "y": 1, "z": 0, "gone": None,
    }  # fmt: skip
    assert lines(rule("compliance_violations", campaign="z"))[0].startswith("ok")


def test_a_preview_says_when_it_would_have_fired(calls: Database[Document]) -> None:
    """From when the call ended until it left the window."""
    shown = preview(calls, rule("calling_hours_violations"), 1, end=AT + timedelta(hours=2))
    (firing,) = shown.firings
    assert firing.start == AT - timedelta(minutes=15)
    assert firing.end is not None
    assert firing.end <= AT + timedelta(minutes=20)


def test_no_past_week_says_what_is_usual() -> None:
    for metric in (name for name, one in RULE_METRICS.items() if one.of_compliance):
        with pytest.raises(ValueError, match="has none; leave it out"):
            rule(metric, baseline="hour_of_week")
