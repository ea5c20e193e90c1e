"""How long it takes to sort out very many alerts."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from pymongo.database import Database

from core.alerting.board import alert_board
from core.alerting.notify.muting import mute
from core.alerting.state.lifecycle import AlertRecord, Change
from core.models.alerts import Alert, AlertState, Severity
from core.models.rules import AlertRule
from core.types import Document

NOON = datetime(2024, 10, 24, 12, tzinfo=UTC)
SIZES = (500, 4_000)
MOST_TIMES = 24
"""What eight times as many may cost: 8 where time grows with the number, 64 with its square."""


def alerts(rule: str, number: int, **changes: object) -> list[Alert]:
    fields = {"alert_type": rule, "name": rule, "severity": Severity.CRITICAL, "state": AlertState.FIRING}
    times = {"started_at": NOON, "updated_at": NOON}
    return [
        Alert.model_validate(
            {**fields, **times, "id": f"{rule}{n}", "message": "", "labels": {"campaign": str(n)}} | changes
        )
        for n in range(number)
    ]


def seconds(work: Callable[[], object]) -> float:
    """Processor time of the best of three."""

    def once() -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return min(once() for _ in range(3))


def test_the_time_for_a_board_grows_with_the_number_of_muted_alerts(
    database: Database[Document],
) -> None:
    took = []
    for size in SIZES:
        database["alerts"].delete_many({})
        rows = [alert.model_dump() for alert in alerts("slow", size, silenced_by=["release"])]
        database["alerts"].insert_many([{"_id": row.pop("id"), **row} for row in rows])
        assert len(alert_board(database, NOON).silenced) == size
        took.append(seconds(lambda: alert_board(database, NOON)))
    assert took[1] < MOST_TIMES * took[0]


def test_the_time_to_mute_grows_with_the_number_of_alerts() -> None:
    """Each explained by another one of the same campaign."""
    fields = {"name": "Calls fail", "metric": "call_failure_rate", "levels": {"critical": 0.1}}
    rule = AlertRule.model_validate(fields | {"id": "fails", "group_by": ["campaign"], "inhibits": ["slow"]})
    took = []
    for size in SIZES:
        found = [*alerts("fails", size), *alerts("slow", size)]
        changes = [Change(None, AlertRecord(alert)) for alert in found]
        muted = [change.after.alert for change in mute(changes, {}, [rule], [], NOON) if change.after]
        assert [alert.inhibited_by for alert in muted[size:]] == [[f"fails{n}"] for n in range(size)]
        took.append(seconds(lambda changes=changes: mute(changes, {}, [rule], [], NOON)))  # type: ignore[misc]  # bound now
    assert took[1] < MOST_TIMES * took[0]
