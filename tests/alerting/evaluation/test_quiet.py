"""A replay that passes over quiet checks finds what one that looks at each of them does."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.quiet import may_exceed
from core.alerting.evaluation.thresholds import chosen, evaluate_all, window
from core.models.rules import AlertRule

NOON = datetime(2026, 3, 3, 6, 30, tzinfo=UTC)
CHECKS = [NOON - timedelta(minutes=5) * number for number in reversed(range(288))]
RULES: tuple[dict[str, Any], ...] = (
    {"metric": "call_failure_rate", "levels": {"warning": 0.2, "critical": 0.5}, "group_by": ["language"]},
    {"metric": "answer_rate", "operator": "below", "levels": {"warning": 0.4}, "min_samples": 3},
    {"metric": "failed_calls", "levels": {"info": 4}, "window": "1h"},
    {"metric": "total_calls", "operator": "below", "levels": {"critical": 3}},
    {"metric": "llm_latency_p95_ms", "levels": {"warning": 900}, "group_by": ["language", "campaign"]},
    {"metric": "llm_latency_p50_ms", "operator": "below", "levels": {"warning": 350}},
    {"metric": "e2e_latency_max_ms", "levels": {"warning": 1_200}, "language": "hindi"},
    {"metric": "speech_latency_p90_ms", "levels": {"warning": 800}, "window": "1d"},
    {"metric": "e2e_latency_mean_ms", "levels": {"warning": 610}, "min_samples": 1},
    {"metric": "sentiment_mean", "operator": "below", "levels": {"warning": -0.1}},
    {"metric": "cost_per_call_rupees", "levels": {"warning": 4.3}, "guard": "none"},
    {"metric": "cost_per_qualified_lead_rupees", "levels": {"warning": 14}, "min_samples": 2},
    {"metric": "error_rate", "levels": {"warning": 0.05}, "guard": "wilson"},
)


def some_calls(seed: int) -> CallColumns:
    """Two days of 900 calls, in clusters, some of whose values are not known."""
    rng = random.Random(seed)  # noqa: S311 (no secret)
    ends = [NOON - timedelta(hours=rng.choice((1, 3, 9, 30)) * rng.random()) for _ in range(900)]
    numbers = np.random.default_rng(seed)

    def known(values: Any, share: float) -> Any:
        return np.where(numbers.random(900) < share, values, np.nan)

    frame = pd.DataFrame(
        {
            "call_id": [str(number) for number in range(900)],
            "end_time": pd.to_datetime(ends),
            "start_time": pd.to_datetime([end - timedelta(seconds=rng.randrange(300)) for end in ends]),
            "status": rng.choices(("completed", "failed", "no_answer"), (6, 1, 3), k=900),
            "direction": rng.choices(("outbound", "inbound"), k=900),
            "language": rng.choices(("hindi", "english"), k=900),
            "campaign": rng.choices(("a", None), k=900),
            "has_error": numbers.random(900) < 0.06,
            "qualification_completed": numbers.random(900) < 0.5,
            "sentiment_score": known(numbers.normal(0, 0.4, 900), 0.6),
            "cost_rupees": known(numbers.gamma(4, 1, 900), 0.9),
            **{
                name: known(numbers.lognormal(6, 0.5, 900).round(), 0.7)
                for name in ("asr_latency_ms", "llm_latency_ms", "tts_latency_ms", "e2e_latency_ms")
            },
        }
    )
    return CallColumns.of(frame)


@pytest.mark.parametrize("said", RULES, ids=lambda said: said["metric"])
def test_no_check_that_exceeds_a_level_is_passed_over(said: dict[str, Any]) -> None:
    rule = AlertRule.model_validate({"id": "a", "name": "A"} | said)
    windows = [window(rule, at, UTC) for at in CHECKS]
    beyond = passed = 0
    for seed in range(3):
        calls = chosen(rule, some_calls(seed)).ordered(windows[0].by)
        looked_at = may_exceed(rule, calls, windows)
        for one, look in zip(windows, looked_at, strict=True):
            found = evaluate_all(rule, calls.between(one.start, one.end, one.by), one.start, one.end)
            exceeds = any(evaluation.severity for evaluation in found)
            assert look or not exceeds, one
            beyond, passed = beyond + exceeds, passed + (not look)
    assert beyond > 0
    assert passed > 0, "nothing is gained"


def test_where_it_cannot_be_told_beforehand_each_check_is_looked_at() -> None:
    rule = AlertRule.model_validate(
        {"id": "a", "name": "A", "metric": "minutes_without_calls", "levels": {"critical": 10}}
    )
    windows = [window(rule, at, UTC) for at in CHECKS]
    assert may_exceed(rule, some_calls(1).ordered("end_time"), windows).all()
