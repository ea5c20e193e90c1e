"""Which alerts a worse one speaks for."""

import pytest
from pymongo.database import Database

from core.models.rules import AlertRule
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

BY_DIRECTION = AlertRule.model_validate(
    {
        "id": "each",
        "name": "Each",
        "metric": "failed_calls",
        "levels": {"warning": 1},
        "group_by": ["direction"],
    }
)


@pytest.mark.parametrize(
    ("equal", "said"),
    [(None, "1 critical, 1 warning firing"), ([], "CRITICAL"), (["language"], "CRITICAL")],
)
def test_a_rule_over_all_calls_mutes_those_by_label_where_it_says_so(
    database: Database[Document], equal: list[str] | None, said: str
) -> None:
    """By itself it mutes only what has the very same labels."""
    fields = {"id": "whole", "name": "Whole", "metric": "call_failure_rate", "levels": {"critical": 0.1}}
    whole = AlertRule.model_validate(fields | {"inhibits": ["each"], "inhibits_equal": equal})
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    check(NOON, email, rules=(whole, BY_DIRECTION))
    assert email.words == [said]
