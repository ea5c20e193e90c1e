"""A row of alerts or of their history that this version cannot read stops no check, page or report."""

import asyncio
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.alerting.board import alert_board, fired_between, history
from core.alerting.rules.builtin import BUILT_IN_RULES
from core.alerting.state.alert_store import active_alerts
from core.alerting.state.lifecycle import rule_fingerprint
from core.models.alerts import Severity
from core.services.alert_service import AlertService
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

FOREIGN: list[Document] = [
    {"origin": "rule", "state": "firing"},
    {"origin": "rule", "state": "pending", "severity": "purple"},
    {"origin": "rule"},
    {"origin": "custom", "state": "firing"},
    {"origin": "custom", "state": "firing", "expires_at": "tomorrow"},
    {"origin": "custom", "state": "resolved", "end_untold": True, "resolved_at": NOON},
    {"state": "firing", "acknowledgement_untold": True},
    {"state": "firing"},
]


def test_unreadable_alerts_stop_no_check_and_hide_no_other(database: Database[Document]) -> None:
    database["alerts"].insert_many([{"_id": f"x{n}"} | dict(row) for n, row in enumerate(FOREIGN)])
    record(database, NOON, 40, 20)
    channel = Recorder()
    check(NOON, channel)
    assert channel.titles
    assert {alert.alert_type for alert in active_alerts(database, NOON)} == {"call_failure_rate"}
    assert [one.alert_type for one in alert_board(database, NOON).active] == ["call_failure_rate"]
    assert database["alerts"].count_documents({"_id": {"$regex": "^x"}}) == len(FOREIGN)


def test_an_alert_takes_the_place_of_its_own_unreadable_row(database: Database[Document]) -> None:
    """Else nobody would hear of it until somebody deletes the row."""
    rule = next(one for one in BUILT_IN_RULES if one.id == "call_failure_rate")
    database["alerts"].insert_one({"_id": rule_fingerprint(rule), "origin": "rule", "state": "firing"})
    asyncio.run(AlertService().send_alert("crm", "critical", "CRM is away"))
    database["alerts"].update_one({"alert_type": "crm"}, {"$unset": {"severity": ""}})
    record(database, NOON, 40, 20)
    channel = Recorder()
    check(NOON, channel)
    assert channel.titles
    assert {alert.alert_type for alert in active_alerts(database, NOON)} == {"call_failure_rate"}
    asyncio.run(AlertService().send_alert("crm", "critical", "CRM is away"))
    assert {alert.alert_type for alert in active_alerts(database)} >= {"crm"}


@pytest.mark.parametrize("row", [{}, {"name": 5, "severity": "purple"}, {"severity": "critical"}], ids=str)
def test_an_unreadable_line_of_the_history_hides_no_other(
    database: Database[Document], row: Document
) -> None:
    sound = {"at": NOON, "event": "firing", "alert_id": "a", "name": "Failures", "severity": "critical"}
    foreign = {"at": NOON, "event": "firing"}
    database["alert_events"].insert_many([sound | {"key": "1"}, foreign | row | {"key": "2"}, {"key": "3"}])
    database["alert_events"].insert_one({"at": "noon", "event": "firing", "alert_id": "b", "key": "4"})
    hour = timedelta(hours=1)
    assert [(one.name, one.severity) for one in fired_between(database, NOON - hour, NOON + hour)] == [
        ("Failures", Severity.CRITICAL)
    ]
    assert [line.name for line in history(database)] == ["Failures"]


@pytest.mark.parametrize(
    "field", ["last_muted_at", "last_data", "last_calls", "transitions", "flapping_since", "holds"]
)
def test_what_a_record_remembers_and_cannot_be_read_stops_no_check(
    database: Database[Document], field: str
) -> None:
    record(database, NOON, 40, 20)
    check(NOON, Recorder())
    assert database["alerts"].update_many({}, {"$set": {field: {"a": "b"}}}).matched_count
    check(NOON + timedelta(minutes=5), Recorder())
    assert [one.alert_type for one in alert_board(database, NOON).active] == ["call_failure_rate"]


@pytest.mark.parametrize("at", ["yesterday", None, {"a": 1}])
def test_rules_are_checked_though_the_time_of_the_last_check_cannot_be_read(
    database: Database[Document], at: object
) -> None:
    database["checks"].insert_one({"_id": "alerts", "at": at})
    record(database, NOON, 40, 20)
    channel = Recorder()
    check(NOON, channel)
    assert channel.titles
    check(NOON + timedelta(minutes=5), channel)
