"""The verdict of a rule, case by case."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.call_frames import _SCHEMA, _named, load_calls
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.findings import Verdict
from core.alerting.evaluation.thresholds import RuleWindow, evaluate, window
from core.alerting.rules.builtin import BUILT_IN_RULES
from core.alerting.wording import quantity, sentence
from core.clock import day_bounds
from core.models.alerts import Severity
from core.models.metrics import CallMetrics
from core.models.rule_metrics import RULE_METRICS
from core.models.rules import AlertRule, Level
from core.storage.calls import write_calls
from core.types import Document

AT = datetime(2024, 10, 24, 12, 45, tzinfo=UTC)
FAILURES, ERRORS, LATENCY = BUILT_IN_RULES


def frame_of(documents: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A frame of the documents that MongoDB returned, in the columns and types of ``load_calls``."""
    rows = [[document.get(name) for name in _SCHEMA] for document in documents]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(_SCHEMA)
    arrays = [pa.array(column, type=dtype) for column, dtype in zip(columns, _SCHEMA.values(), strict=True)]
    return _named(pa.table(arrays, names=list(_SCHEMA)).to_pandas())


def calls(
    total: int,
    failed: int = 0,
    with_error: int = 0,
    asr: Sequence[float] | None = None,
    tts: float | None = None,
) -> CallColumns:
    """A frame of calls, the first of them failed, with an error, with these ASR latencies."""
    asr = asr or []
    frame = frame_of(
        {
            "_id": str(number),
            "start_time": AT,
            "end_time": AT,
            "status": "failed" if number < failed else "completed",
            "direction": "outbound",
            "language": "hindi",
            "has_error": number < with_error,
            "asr_latency_ms": asr[number] if number < len(asr) else None,
            "tts_latency_ms": tts,
        }
        for number in range(total)
    )
    return CallColumns.of(frame)


def verdict(rule: AlertRule, frame: CallColumns) -> Verdict:
    return evaluate(rule, frame, AT - timedelta(minutes=15), AT).verdict


@pytest.mark.parametrize(
    ("rule", "frame", "expected"),
    [
        (FAILURES, calls(0), Verdict.TOO_FEW),
        (FAILURES, calls(4, failed=4), Verdict.TOO_FEW),
        (FAILURES, calls(5, failed=1), Verdict.BREACH),
        (FAILURES, calls(10, failed=1), Verdict.OK),
        (FAILURES, calls(250, failed=25), Verdict.OK),
        (FAILURES, calls(250, failed=26), Verdict.BREACH),
        (FAILURES, calls(50), Verdict.OK),
        (ERRORS, calls(20, with_error=1), Verdict.OK),
        (ERRORS, calls(100, with_error=5), Verdict.OK),
        (ERRORS, calls(100, with_error=6), Verdict.BREACH),
        (LATENCY, calls(50), Verdict.TOO_FEW),
        (LATENCY, calls(4, tts=9000), Verdict.TOO_FEW),
        (LATENCY, calls(5, tts=2000), Verdict.OK),
        (LATENCY, calls(5, tts=2000.1), Verdict.BREACH),
        (LATENCY, calls(20, asr=[300] * 19 + [9000]), Verdict.OK),
        (LATENCY, calls(20, asr=[300] * 18 + [9000] * 2), Verdict.BREACH),
        (LATENCY, calls(20, asr=[9000] * 4, tts=300), Verdict.OK),
    ],
)
def test_verdicts(rule: AlertRule, frame: CallColumns, expected: Verdict) -> None:
    """Strictly above fires; exactly on the limit does not; too few calls say nothing."""
    assert verdict(rule, frame) == expected


@pytest.mark.parametrize("total", [10, 30, 70, 110, 250, 990])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7])
def test_a_share_equal_to_its_limit_never_fires(total: int, threshold: float) -> None:
    """Whatever floating point makes of 0.1, 0.3 and 0.7."""
    rule = FAILURES.model_copy(update={"levels": {Severity.CRITICAL: Level(threshold=threshold)}})
    share = round(total * threshold)
    assert verdict(rule, calls(total, failed=share)) == Verdict.OK
    assert verdict(rule, calls(total, failed=share + 1)) == Verdict.BREACH


def test_the_worse_of_the_two_latencies_is_named() -> None:
    """Of ASR and TTS the message says which is slow."""
    slow_tts = evaluate(LATENCY, calls(5, asr=[2100] * 5, tts=2340), AT, AT)
    assert sentence(slow_tts) == "TTS latency (p95) 2.3 s (5 calls), limit 2 s"
    slow_asr = evaluate(LATENCY, calls(5, asr=[2500] * 5, tts=2340), AT, AT)
    assert sentence(slow_asr).startswith("ASR latency (p95) 2.5 s")


def test_values_are_shown_apart_from_their_limit() -> None:
    """A share a hair above 10 % is not printed as 10 %."""
    assert quantity(10.0, "%") == "10 %"
    assert quantity(12.48, "%") == "12.5 %"
    assert quantity(10.0001, "%", apart_from=10) == "10.0001 %"
    assert quantity(2000.4, "ms", apart_from=2000) == "2.0004 s"
    assert quantity(999.6, "ms", apart_from=1000) == "999.6 ms"


def test_long_latencies_are_shown_in_seconds_and_prices_as_amounts() -> None:
    """As people say them, whatever unit a rule is written in."""
    assert quantity(3746.6, "ms") == "3.7 s"
    assert quantity(2000, "ms") == "2 s"
    assert quantity(812, "ms") == "812 ms"
    assert quantity(4.3, "rupees") == "\N{INDIAN RUPEE SIGN}4.30"


def test_a_window_of_days_is_made_of_local_days() -> None:
    """At local midnight a window of one day is the day before, also where clocks change."""
    rule = AlertRule.model_validate(FAILURES.model_dump() | {"window_minutes": "1d"})
    kolkata, berlin = ZoneInfo("Asia/Kolkata"), ZoneInfo("Europe/Berlin")
    midnight = datetime(2024, 10, 25, tzinfo=kolkata).astimezone(UTC)
    assert window(rule, midnight, kolkata).start == datetime(2024, 10, 23, 18, 30, tzinfo=UTC)
    after_change = datetime(2024, 10, 28, tzinfo=berlin).astimezone(UTC)
    day = window(rule, after_change, berlin)
    assert (day.start, day.by) == (datetime(2024, 10, 27, tzinfo=berlin), "start_time")
    assert day.end - day.start == timedelta(hours=25)
    assert window(FAILURES, AT, kolkata) == RuleWindow(AT - timedelta(minutes=15), AT, "end_time")


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "America/Havana", "Asia/Beirut"])
def test_a_window_that_ends_with_a_day_is_exactly_the_days_of_the_dashboard(zone: str) -> None:
    """Of two years, also where clocks go forward at midnight and a day begins at one."""
    there = ZoneInfo(zone)
    for days in (1, 30):
        rule = FAILURES.model_copy(update={"window_minutes": days * 1440})
        for number in range(731):
            day = date(2025, 2, 1) + timedelta(days=number)
            end, begin = day_bounds(day, there)[0], day_bounds(day - timedelta(days=days), there)[0]
            assert window(rule, end, there) == RuleWindow(begin, end, "start_time")


def test_a_price_is_the_one_of_the_dashboard_and_names_what_it_is_for(database: Database[Document]) -> None:
    """All costs, those of calls that won nothing too; without a lead there is no price."""
    made = [
        CallMetrics.model_validate(
            {
                "call_id": str(number),
                "start_time": AT - timedelta(minutes=10),
                "duration_seconds": 60,
                "status": "completed",
                "direction": "outbound",
                "qualification_completed": number < 3,
                "cost": {"llm": 2.0, "telephony": 1.5} if number < 10 else {},
            }
        )
        for number in range(12)
    ]
    write_calls(database, made)
    period = AT - timedelta(minutes=15), AT
    given = {"id": "x", "name": "x", "metric": "cost_per_qualified_lead_rupees", "threshold": 11.5}
    rule = AlertRule.model_validate(given | {"min_samples": 3})
    found = evaluate(rule, CallColumns.of(load_calls(database, *period)), *period)
    assert found.measured
    shown = summarise(load_cube(database, *period)).cost.per_qualified_lead
    assert found.measured.value == pytest.approx(shown)
    assert (found.verdict, found.samples) == (Verdict.BREACH, 3)
    assert sentence(found).startswith("Cost per qualified lead ₹11.67 (3 qualified leads), limit ₹11.50")
    assert verdict(rule, calls(50)) == Verdict.TOO_FEW


def test_rules_measure_what_the_dashboard_shows(database: Database[Document]) -> None:
    """Every count and rate from the same calls, and every percentile within the roll-ups' one per cent."""
    rng = random.Random(5)  # noqa: S311 (no secret)
    spans = ("asr_latency_ms", "tts_latency_ms", "llm_latency_ms", "e2e_latency_ms", "qualification_seconds")
    calls = [
        CallMetrics.model_validate(
            {
                "call_id": str(number),
                "start_time": AT - timedelta(minutes=rng.uniform(0, 300)),
                "duration_seconds": rng.uniform(1, 300),
                "status": rng.choice(["completed", "completed", "failed", "no_answer"]),
                "direction": rng.choice(["inbound", "outbound"]),
                "total_turns": 6,
                "user_turns": rng.choice([0, 3]),
                "errors": ["asr_timeout"] if rng.random() < 0.1 else [],
                "qualification_completed": rng.random() < 0.4,
                "handoff_triggered": rng.random() < 0.3,
                **{name: rng.uniform(100, 3000) if rng.random() < 0.8 else None for name in spans},
            }
        )
        for number in range(500)
    ]
    write_calls(database, calls)
    period = AT - timedelta(minutes=300), AT + timedelta(minutes=1)
    shown = summarise(load_cube(database, *period)).model_dump()
    seen = CallColumns.of(load_calls(database, *period))
    compared = 0
    for name, metric in RULE_METRICS.items():
        field = metric.fields[0]
        if field not in shown or len(metric.fields) > 1 or field in {"sentiment_score", "interruptions"}:
            continue
        rule = AlertRule.model_validate({"id": "x", "name": "x", "metric": name, "levels": {"warning": 0.5}})
        measured = evaluate(rule, seen, *period).measured
        assert measured, name
        expected = shown[field][metric.statistic] if metric.statistic else shown[field]
        assert measured.value == pytest.approx(expected, rel=0.0101 if metric.statistic else 1e-12), name
        compared += 1
    assert compared > 40
