"""A message says where it is: what the bad calls have in common, their errors, and three of them."""

from datetime import timedelta

import pytest
from pymongo.database import Database

from core.alerting.state.alert_store import active_alerts
from core.clock import utc_now
from core.erasure import restrict_lead
from core.models.metrics import CallError, CallMetrics, CallStatus, Direction
from core.models.rules import AlertRule
from core.storage.calls import write_calls
from core.types import Document
from tests.alerting.channels.test_channels import html_of, text_of
from tests.alerting.channels.wire import Mails
from tests.alerting.channels.wire import check as check_configured
from tests.alerting.state.test_alert_store import NOON, Recorder, check

FAILED = CallStatus.FAILED
FIELDS = {"id": "fails", "name": "Calls fail", "metric": "call_failure_rate", "levels": {"critical": 0.1}}


def call(number: int, language: str, **fields: object) -> CallMetrics:
    given = {
        "call_id": f"c{number:03}",
        "start_time": NOON - timedelta(minutes=5),
        "end_time": NOON - timedelta(minutes=4) + timedelta(seconds=number),
        "status": CallStatus.COMPLETED,
        "direction": Direction.OUTBOUND,
        "language": language,
    }
    return CallMetrics.model_validate(given | fields)


def found(database: Database[Document], **changes: object) -> dict[str, str]:
    """The facts of the alert that a rule raises."""
    check(NOON, Recorder(), rules=(AlertRule.model_validate(FIELDS | changes),))
    (alert,) = [alert for alert in active_alerts(database) if alert.alert_type == "fails"]
    return {key: value for key, value in alert.metadata.items() if key not in {"Period", "Runbook"}}


@pytest.fixture
def mixed(database: Database[Document]) -> None:
    """Hindi fails 9 of 12 times, with errors of its model; English 2 of 30, half of each by campaign."""
    timeout, hung_up = CallError(type="llm_timeout"), CallError(type="telephony")
    calls = [
        call(
            number,
            "hindi" if number < 12 else "english",
            campaign="diwali" if number % 2 else "holi",
            asr_latency_ms=4_000 if number < 12 else 300,
            **(
                {"status": FAILED, "errors": [timeout, timeout] if number < 9 else [hung_up]}
                if number < 9 or number in {20, 21}
                else {}
            ),
        )
        for number in range(42)
    ]
    write_calls(database, calls)


def test_the_language_that_fails_stands_out_and_the_campaign_does_not(
    database: Database[Document], mixed: None
) -> None:
    """With the kinds of error by the calls that have them, and the newest bad calls."""
    facts = found(database)
    assert facts["Stands out"] == "language hindi 9 of 12 calls, others 2 of 30"
    assert facts["Errors"] == "llm_timeout 9, telephony 2"
    assert [facts[f"Example {number}"].rpartition("=")[2] for number in (1, 2, 3)] == ["c021", "c020", "c008"]
    assert facts["Example 1"] == "http://localhost:3000/calls?call_id=c021"


def test_a_call_of_a_hidden_lead_counts_and_is_no_example(database: Database[Document], mixed: None) -> None:
    database["calls"].update_one({"_id": "c021"}, {"$set": {"lead_id": "lead_1"}})
    restrict_lead(database, "lead_1", utc_now() + timedelta(days=1), "a duty", "asha")
    facts = found(database)
    assert facts["Stands out"] == "language hindi 9 of 12 calls, others 2 of 30"
    assert [facts[f"Example {number}"].rpartition("=")[2] for number in (1, 2, 3)] == ["c020", "c008", "c007"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"group_by": ["language"], "min_samples": 20, "levels": {"critical": 0.05}}, None),
        ({"language": "hindi"}, None),
        (
            {"metric": "failed_calls", "levels": {"critical": 5}},
            "language hindi 9 of 12 calls, others 2 of 30",
        ),
        (
            {"metric": "asr_latency_p95_ms", "levels": {"critical": 2_000}},
            "language hindi 12 of 12 calls, others 0 of 30",
        ),
        (
            {"metric": "speech_latency_p95_ms", "levels": {"critical": 2_000}},
            "language hindi 12 of 12 calls, others 0 of 30",
        ),
        ({"metric": "total_calls", "levels": {"critical": 5}}, None),
        ({"metric": "minutes_without_calls", "levels": {"critical": 2}, "window": "1h"}, None),
    ],
)
def test_it_is_said_of_what_single_calls_make_bad_by_labels_that_are_open(
    database: Database[Document], mixed: None, changes: dict[str, object], expected: str | None
) -> None:
    assert found(database, **changes).get("Stands out") == expected


def test_what_chance_alone_gives_does_not_stand_out(database: Database[Document]) -> None:
    """Two of five against one of five is nothing."""
    bad = {0, 1, 5}
    write_calls(
        database,
        [
            call(
                number,
                "hindi" if number < 5 else "english",
                status=FAILED if number in bad else CallStatus.COMPLETED,
            )
            for number in range(10)
        ],
    )
    facts = found(database)
    assert "Stands out" not in facts
    assert "Example 3" in facts
    assert "Example 4" not in facts


def test_a_mail_shows_the_examples_as_links_by_their_ids(
    database: Database[Document], mixed: None, mails: Mails
) -> None:
    check_configured(NOON)
    assert "Stands out  language hindi 9 of 12 calls, others 2 of 30" in text_of(mails.received[0])
    assert '<a href="http://localhost:3000/calls?call_id=c021">c021</a>' in html_of(mails.received[0])
