"""Rules that compare with what is usual at an hour of the week, and rules about silence."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pymongo.database import Database

from core.aggregation.rollups.call_frames import load_calls
from core.alerting.evaluation.baseline import usual
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.past_weeks import load_past
from core.alerting.evaluation.seasonal import Windows
from core.alerting.preview import preview
from core.models.metrics import CallMetrics
from core.models.rule_metrics import RULE_METRICS
from core.models.rules import AlertRule
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.alerting.state.test_alert_store import Recorder, check

BERLIN = ZoneInfo("Europe/Berlin")
HALF = timedelta(minutes=30)
AT = datetime(2024, 11, 4, 11, 7, tzinfo=BERLIN)
"""A Monday, eight days after clocks were set back; the windows end at 11:00."""
VOLUME = AlertRule.model_validate(
    {
        "id": "volume",
        "name": "Fewer calls than usual",
        "metric": "total_calls",
        "operator": "below",
        "baseline": "hour_of_week",
        "levels": {"warning": 3.5, "critical": 6},
        "window": "30m",
    }
)
LATENCY = AlertRule.model_validate(
    {
        "id": "latency",
        "name": "Slower than usual",
        "metric": "asr_latency_p95_ms",
        "baseline": "hour_of_week",
        "levels": {"warning": 3.5},
        "window": "30m",
    }
)
QUIET = AlertRule.model_validate(
    {
        "id": "quiet",
        "name": "No calls",
        "metric": "minutes_without_calls",
        "levels": {"critical": 20},
        "window": "1h",
        "active_hours": "09:00-21:00",
    }
)


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMEZONE", "Europe/Berlin")
    get_settings.cache_clear()


def window_of(
    local_end: datetime, count: int, asr: float = 400, campaign: str = "a"
) -> Iterator[CallMetrics]:
    """So many calls that ended in the half hour before a local time."""
    rng = random.Random(f"{local_end}{campaign}")  # noqa: S311 (no secret)
    for number in range(count):
        end = local_end.astimezone(UTC) - HALF * (number + 0.5) / max(count, 1)
        yield CallMetrics.model_validate(
            {
                "call_id": f"{local_end.isoformat()}{campaign}{number}",
                "start_time": end - timedelta(seconds=40),
                "end_time": end,
                "status": "completed",
                "direction": "outbound",
                "campaign": campaign,
                "asr_latency_ms": asr * rng.uniform(0.9, 1.1),
            }
        )


def usual_weeks(
    database: Database[Document], weeks: int = 8, bad_weeks: int = 0, campaign: str = "a"
) -> None:
    """About fifty calls a half hour around eleven o'clock of past Mondays; outages in some weeks."""
    rng = random.Random(3)  # noqa: S311 (no secret)
    calls: list[CallMetrics] = []
    for week in range(1, weeks + 1):
        for number in range(-4, 3):
            end = (AT - timedelta(weeks=week)).replace(minute=0) + number * HALF
            count = 2 if week <= bad_weeks else 50 + rng.randint(-7, 7)
            calls += window_of(end, count, campaign=campaign)
    write_calls(database, calls)


def today(database: Database[Document], *counts: int, asr: float = 400, campaign: str = "a") -> None:
    """The calls of the last half hours, the newest last."""
    for number, count in enumerate(reversed(counts)):
        end = AT.replace(minute=0) - number * HALF
        write_calls(database, list(window_of(end, count, asr, campaign)))


def found(rule: AlertRule, *, at: datetime = AT) -> str:
    return check(at.astimezone(UTC), rules=(rule,), dry_run=True).results[0].line


def test_a_drop_of_the_volume_says_what_was_expected(database: Database[Document]) -> None:
    """Past outages do not make it usual, and the clocks that changed in between do not shift it."""
    email = Recorder()
    usual_weeks(database, bad_weeks=2)
    today(database, 50, 12, 12)
    check(AT.astimezone(UTC), email, rules=(VOLUME,))
    (title,) = email.titles
    assert title == "WARNING: Fewer calls than usual: Calls 12, expected 17–75"  # noqa: RUF001 (an en dash)


@pytest.mark.parametrize("counts", [(50, 50, 50), (12, 50, 50), (50, 50, 12), (50, 40, 60)])
def test_one_odd_window_is_not_unusual(database: Database[Document], counts: tuple[int, ...]) -> None:
    """Two of the last three have to be."""
    usual_weeks(database)
    today(database, *counts)
    assert found(VOLUME).startswith("ok ")


def test_latency_is_compared_with_the_same_hour(database: Database[Document]) -> None:
    """Twice as slow as on other Mondays, though far from any fixed limit."""
    usual_weeks(database)
    today(database, 50, 50, 50, asr=800)
    line = found(LATENCY)
    assert line.startswith("FIRES   ASR latency (p95) 8")
    assert "expected " in line


def test_with_less_than_four_weeks_nothing_is_unusual(database: Database[Document]) -> None:
    """It says so."""
    usual_weeks(database, weeks=3)
    today(database, 1, 1, 1)
    assert found(VOLUME) == "silent  Fewer calls than usual: too little history to say what is usual"


def test_a_campaign_that_stops_is_missed_though_the_others_go_on(database: Database[Document]) -> None:
    """No call of its own tells of it."""
    usual_weeks(database)
    usual_weeks(database, campaign="diwali")
    today(database, 50, 50, 50)
    rule = VOLUME.model_copy(update={"group_by": ("campaign",)})
    report = check(AT.astimezone(UTC), rules=(rule,))
    assert [line.split(",")[0] for line in report.results[0].lines] == [
        "ok      Calls 50 [campaign a]",
        "FIRES   Calls 0 [campaign diwali]",
    ]


def test_silence_counts_in_active_hours_alone(database: Database[Document]) -> None:
    """It fires after twenty minutes, not before nine nor after nine in the evening, when it ends."""
    evening = AT.replace(hour=20, minute=30)
    write_calls(database, list(window_of(evening, 3)))
    words = {
        f"{at:%H:%M}": found(QUIET, at=at).split()[0]
        for at in (evening + minutes * timedelta(minutes=5) for minutes in range(1, 8))
    }
    assert words == {
        **dict.fromkeys(("20:35", "20:40", "20:45"), "ok"),
        **dict.fromkeys(("20:50", "20:55"), "FIRES"),
        **dict.fromkeys(("21:00", "21:05"), "ok"),
    }
    morning = {hour: found(QUIET, at=AT.replace(hour=9, minute=hour)).split()[0] for hour in (0, 20, 21)}
    assert morning == {0: "ok", 20: "ok", 21: "FIRES"}


def test_calls_outside_the_calling_hours_are_counted(database: Database[Document]) -> None:
    """Only outbound ones; 21:00 is outside, 20:59 is not."""
    write_calls(database, list(window_of(AT.replace(hour=21, minute=15), 30)))
    rule = AlertRule.model_validate(
        {
            "id": "hours",
            "name": "Calling hours",
            "metric": "calling_hours_violations",
            "levels": {"critical": 0},
            "window": "30m",
        }
    )
    line = found(rule, at=AT.replace(hour=21, minute=15))
    assert line == "FIRES   Calls outside calling hours 14, limit 0"


def test_the_scale_has_a_floor() -> None:
    """Eight weeks of the very same number do not make one call more an outlier."""
    same = usual([100.0] * 8, 8, "calls")
    assert same
    assert same.z(110) < 3.5 < same.z(140)
    assert usual([100.0] * 3, 3, "calls") is None


def test_a_preview_of_an_unusual_rule_finds_the_outage(database: Database[Document]) -> None:
    """Once, at the check that the checks would have fired at."""
    usual_weeks(database)
    today(database, 50, 12, 12)
    shown = preview(database, VOLUME, 1, end=AT.astimezone(UTC), every=timedelta(minutes=15))
    last = shown.firings[-1]
    assert (last.severity, last.end) == ("critical", None)
    assert ", expected " in last.message


def test_past_and_present_are_measured_alike(database: Database[Document]) -> None:
    """Every metric, from roll-ups and from calls, over windows that no call straddles, by label."""
    rng = random.Random(1)  # noqa: S311 (no secret)
    begin = AT.replace(minute=0).astimezone(UTC)
    write_calls(database, [_any_call(rng, begin, number) for number in range(300)])
    period = (begin, begin + HALF)
    calls = CallColumns.of(load_calls(database, *period, by="end_time"))
    compared = {name for name, metric in RULE_METRICS.items() if metric.of_roll_ups}
    for name in compared:
        given = {"id": "x", "name": "x", "metric": name, "window": "30m", "baseline": "hour_of_week"}
        rule = AlertRule.model_validate(given | {"levels": {"info": 3}, "group_by": ["campaign"]})
        past = load_past(database, rule, [(begin - HALF, begin + 2 * HALF)]).values(period)
        now = Windows(rule, calls).values(period)
        assert len(now) == 2
        for key, measured in now.items():
            assert measured, name
            assert past[key] == pytest.approx(measured.value, rel=0.0101), name


def _any_call(rng: random.Random, begin: datetime, number: int) -> CallMetrics:
    start = begin + timedelta(seconds=rng.uniform(0, 1500))
    spans = ("asr_latency_ms", "tts_latency_ms", "llm_latency_ms", "e2e_latency_ms", "qualification_seconds")
    return CallMetrics.model_validate(
        {
            "call_id": str(number),
            "start_time": start,
            "duration_seconds": rng.uniform(1, 290),
            "status": rng.choice(["completed", "completed", "failed", "no_answer"]),
            "direction": rng.choice(["inbound", "outbound"]),
            "campaign": rng.choice(["diwali", None]),
            "errors": ["asr_timeout"] if rng.random() < 0.2 else [],
            "qualification_completed": rng.random() < 0.4,
            "handoff_triggered": rng.random() < 0.3,
            "total_turns": 6,
            "user_turns": rng.choice([0, 3]),
            "interruptions": rng.choice([None, 0, 2]),
            "sentiment_score": rng.uniform(0.1, 0.9),
            "cost": rng.choice([{}, {"asr": 0.5, "llm": 1.25}]),
            **{name: rng.uniform(100, 3000) if rng.random() < 0.8 else None for name in spans},
        }
    )
