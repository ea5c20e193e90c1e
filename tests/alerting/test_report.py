"""What a check says that it found."""

from datetime import timedelta

from pymongo.database import Database

from core.models.rules import AlertRule
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

HOUR = timedelta(hours=1)
RULES = tuple(
    AlertRule.model_validate(fields)
    for fields in (
        {
            "id": "share",
            "name": "Calls fail",
            "metric": "call_failure_rate",
            "levels": {"critical": 0.1},
            "inhibits": ["many"],
        },
        {"id": "many", "name": "Many fail", "metric": "failed_calls", "levels": {"warning": 3}},
    )
)


def test_an_alert_that_ended_days_ago_is_not_said_to_be_held_back(database: Database[Document]) -> None:
    """While it fires a worse one speaks for it, and the report says so."""
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    found = check(NOON, email, rules=RULES)
    assert [line for line in found.lines() if line.startswith("inhibited: ")]
    for hours in (1, 60):
        record(database, NOON + hours * HOUR, total=50, failed=0)
        check(NOON + hours * HOUR, email, rules=RULES)
    later = check(NOON + 61 * HOUR, email, rules=RULES, dry_run=True)
    assert [line for line in later.lines() if "inhibited" in line] == []
