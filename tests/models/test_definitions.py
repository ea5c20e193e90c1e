"""Every metric is defined once: calls, database and roll-ups count the same; a new one is one entry."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from core.aggregation.cube import Cube
from core.aggregation.rollups.call_frames import load_calls, read_calls
from core.aggregation.rollups.conditions import amounts, query
from core.aggregation.rollups.rollup import ArrowColumns, cells_of
from core.alerting.evaluation.call_columns import CallColumns
from core.models.calls.fields import CALL_FIELDS
from core.models.definitions import COST_PARTS, COUNTS, METRICS, RATES, Condition, Count
from core.models.metrics import CallCost, CallMetrics, CallSummary, CostSummary
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.collections import CALLS
from core.types import Document

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2024, 10, 24, tzinfo=UTC)
PERIOD = START, START + timedelta(days=1)
NESTED = {"sentiment": "sentiment_score", "languages": "total_calls", "errors_by_type": "error_calls"}
PLAIN: dict[str, Callable[[CallMetrics], float]] = {
    "total_calls": lambda _: 1,
    "inbound_calls": lambda call: call.direction == "inbound",
    "outbound_calls": lambda call: call.direction == "outbound",
    "completed_calls": lambda call: call.status == "completed",
    "failed_calls": lambda call: call.status == "failed",
    "no_answer_calls": lambda call: call.status == "no_answer",
    "answered_calls": lambda call: call.status in {"completed", "failed"},
    "engaged_calls": lambda call: bool(call.user_turns) and (call.total_turns or 0) > (call.user_turns or 0),
    "interruptions": lambda call: min(call.interruptions or 0, 10_000),
    "error_calls": lambda call: bool(call.errors),
    "qualified_calls": lambda call: call.status == "completed" and call.qualification_completed,
    "handoff_calls": lambda call: call.status == "completed" and call.handoff_triggered,
    "calls_with_turns": lambda call: None not in {call.total_turns, call.user_turns},
    "negative_calls": lambda call: call.sentiment_score is not None and call.sentiment_score < -0.25,
    "positive_calls": lambda call: call.sentiment_score is not None and call.sentiment_score > 0.25,
    "calls_with_interruptions": lambda call: call.interruptions is not None,
    "calls_with_cost": lambda call: call.cost is not None,
    "lost_calls": lambda call: call.end_reason == "lost",
    "unknown_endings": lambda call: call.end_reason == "unknown",
    "turns": lambda call: min(call.total_turns or 0, 10_000),
}
"""The counts once more, in plain Python."""


def perhaps(values: list[float]) -> st.SearchStrategy[float | None]:
    return st.sampled_from([None, *values])


calls: st.SearchStrategy[dict[str, object]] = st.builds(
    dict,
    start_time=st.integers(0, 86_399).map(lambda seconds: START + timedelta(seconds=seconds)),
    status=st.sampled_from(["completed", "failed", "no_answer"]),
    direction=st.sampled_from(["inbound", "outbound"]),
    language=st.sampled_from(["hindi", "english"]),
    campaign=st.sampled_from([None, "diwali"]),
    total_turns=perhaps([0, 1, 2, 9, 10_001]),
    user_turns=perhaps([0, 1, 2]),
    interruptions=perhaps([0, 3, 9_999, 10_001]),
    sentiment_score=perhaps([-1, -0.26, -0.25, 0, 0.25, 0.26, 1]),
    qualification_completed=st.booleans(),
    handoff_triggered=st.booleans(),
    errors=st.lists(st.sampled_from(["asr_timeout", "tts_5xx"]), max_size=2),
    cost=st.sampled_from([None, {}, {"asr": 0.0}, {"llm": 1.5, "tts": 0.2}, {"platform": 0.4}]),
    end_reason=st.sampled_from([None, "busy", "lost", "no such word"]),
)


@pytest.mark.full
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(calls, min_size=1, max_size=30))
def test_calls_database_and_rollups_count_the_same(
    database: Database[Document], fields: list[dict[str, object]]
) -> None:
    """Each count of the table, from columns, by query and from cells, is what plain Python counts."""
    made = [CallMetrics.model_validate({"call_id": f"c{n}", **one}) for n, one in enumerate(fields)]
    database[CALLS].delete_many({})
    write_calls(database, made)
    arrow = read_calls(database, [PERIOD])
    columns = ArrowColumns(arrow)
    cube = Cube(*PERIOD, get_settings().tz, "1D", cells_of(arrow))
    rules = CallColumns.of(load_calls(database, *PERIOD)).columns
    assert COUNTS.keys() == PLAIN.keys()
    for key, count in COUNTS.items():
        expected = sum(PLAIN[key](call) for call in made)
        assert amounts(count, columns).sum() == expected, key
        assert cube.counted(key).sum() == expected, key
        if count.total_of is None:
            assert database[CALLS].count_documents(query(count.where)) == expected, key
        if count.total_of is None and count.shown:
            assert rules[key].sum() == expected, key


def test_every_figure_has_a_definition() -> None:
    """What the API and the daily documents hold is named and explained in the one module that owns it."""
    assert [name for name in CallSummary.model_fields if NESTED.get(name, name) not in METRICS] == []
    assert [key for key in RATES if key not in CallSummary.model_fields] == []


def test_every_field_of_a_call_is_in_the_table_of_fields() -> None:
    """Frames, roll-ups and archive know each field that a call can have."""
    stored = {"call_id" if one.name == "_id" else one.name for one in CALL_FIELDS}
    assert stored == CallMetrics.model_fields.keys()
    assert tuple(CallCost.model_fields) == (*COST_PARTS, "currency", "rate", "origins")
    assert CostSummary.model_fields.keys() > COST_PARTS.keys()


def test_a_count_beyond_the_dimensions_needs_a_column() -> None:
    """Else roll-ups would silently leave out one of its conditions."""
    with pytest.raises(ValueError, match="transferred_calls needs a stored column"):
        Count(
            "transferred_calls",
            "Transferred",
            "calls",
            "Calls that were transferred",
            where=(Condition("end_reason", "is", "transferred"),),
            column="transferred",
        )


NEW_METRIC = """
import json
from datetime import UTC, datetime, timedelta
from core.models import definitions
from core.models.definitions import Condition, Count, Rate

definitions.COUNTS["transferred_calls"] = Count(
    "transferred_calls", "Transferred", "calls", "Calls that were transferred",
    where=(Condition("end_reason", "is", "transferred"),), column="transferred", stored=14,
)
definitions.RATES["transfer_rate"] = Rate(
    "transfer_rate", "Transfer rate", "share", "Transferred ÷ answered", "answered calls", "up",
    part="transferred_calls", whole="answered_calls",
)
definitions.METRICS |= {key: definitions.RATES[key] for key in ("transfer_rate",)}

from core.aggregation import series, tables
from core.aggregation.cube import load_cube
from core.aggregation.daily import rebuild_days
from core.aggregation.rollups.call_frames import load_calls
from core.aggregation.rollups.conditions import query
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.thresholds import evaluate
from core.api.app import create_app
from core.models.metrics import CallMetrics
from core.models.rules import AlertRule
from core.storage import get_sync_database
from core.storage.calls import write_calls
from core.storage.collections import CALLS, DAILY_METRICS

start = datetime(2024, 10, 24, 6, tzinfo=UTC)
database = get_sync_database()
write_calls(database, [
    CallMetrics(call_id=f"c{n}", start_time=start, end_time=start, direction="outbound", language="hindi",
                status="no_answer" if n < 2 else "completed",
                end_reason="transferred" if n > 6 else "hung_up")
    for n in range(10)
])
(day,) = rebuild_days(database, start.date(), start.date())
period = start - timedelta(hours=1), start + timedelta(hours=1)
cube = load_cube(database, *period, bucket="15min")
rule = AlertRule(id="transfers", name="Transfers", metric="transfer_rate", operator="below", threshold=0.5)
judged = evaluate(rule, CallColumns.of(load_calls(database, *period)), *period)
print(json.dumps({
    "summary": day.transfer_rate,
    "stored": database[DAILY_METRICS].find_one()["transfer_rate"],
    "course": series.rates(cube, "1h")["transfer_rate"].dropna().tolist(),
    "by_language": tables.breakdown(cube, "language").loc["hindi", "transfer_rate"],
    "rule": judged.measured.value,
    "search": database[CALLS].count_documents(query(definitions.COUNTS["transferred_calls"].where)),
    "api": "transfer_rate" in json.dumps(create_app().openapi()),
}))
"""


def test_a_new_metric_is_one_entry(database: Database[Document]) -> None:
    """With an entry for a count and its rate, roll-ups, figures, frames, rules, search and API know it."""
    done = subprocess.run(
        [sys.executable, "-c", NEW_METRIC],
        cwd=ROOT,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "summary": 0.375,
        "stored": 0.375,
        "course": [0.375],
        "by_language": 0.375,
        "rule": 0.375,
        "search": 3,
        "api": True,
    }
