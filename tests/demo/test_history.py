"""The demo's fortnight: what is wrong in it can be found in its figures."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from urllib.request import urlopen

import pytest
from pymongo.database import Database
from rich.console import Console

from core.aggregation.intervals import wilson
from core.alerting.board import alert_board, history
from core.demo import surroundings
from core.demo.calls import BUSY_CALLS_AN_HOUR, Lead, SimulatedAgent, live_calls_an_hour
from core.demo.history import fill_history
from core.demo.journey import journey
from core.demo.sayings import ENGLISH, HINDI, HINGLISH
from core.demo.story import HISTORY, LIVE_TROUBLE_BEGAN, NEW_VERSION, OLD_VERSION, Trouble, story_of
from core.demo.turns import turns_of
from core.health import late_calls
from core.models.definitions import LATENCY_LIMIT_MS
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.types import Document

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
STORY = story_of(NOW)


def calls_between(start: datetime, end: datetime) -> list[CallMetrics]:
    return list(SimulatedAgent(random.Random(1), STORY).history(start, end))  # noqa: S311 (no secret)


def model_trouble() -> Trouble:
    return next(trouble for trouble in STORY.past if trouble.component == "llm")


def share_failed(calls: Sequence[CallMetrics]) -> float:
    return sum(call.status == "failed" for call in calls) / len(calls)


def test_the_incident_breaks_calls_of_one_language_and_costs_money() -> None:
    trouble = model_trouble()
    during = calls_between(trouble.start, trouble.end)
    hinglish = [call for call in during if call.language == "hinglish"]
    others = [call for call in during if call.language != "hinglish"]
    assert share_failed(hinglish) > 0.2
    assert share_failed(others) < 0.05
    errors = Counter((error.type, error.fault) for call in hinglish for error in call.errors)
    assert set(dict(errors.most_common(2))) == {("llm_timeout", "provider"), ("llm_5xx", "provider")}
    talked = [call for call in hinglish if call.status == "completed"]
    before = calls_between(trouble.start - timedelta(hours=2), trouble.start)
    usual = [call for call in before if call.status == "completed" and call.language == "hinglish"]
    assert median(call.llm_latency_ms or 0 for call in talked) > 3 * median(
        call.llm_latency_ms or 0 for call in usual
    )
    assert median(map(model_cost, talked)) > 1.5 * median(map(model_cost, usual))


def model_cost(call: CallMetrics) -> float:
    assert call.cost
    return call.cost.llm or 0


@pytest.mark.full
def test_nobody_is_dialled_at_night_and_hardly_anybody_phones_on_a_sunday() -> None:
    week = calls_between(NOW - timedelta(days=8), NOW - timedelta(days=1))
    zone = timedelta(hours=5, minutes=30)
    dialled = [call.start_time + zone for call in week if call.direction == "outbound"]
    assert {at.hour for at in dialled} == set(range(9, 21))
    by_day = Counter(at.weekday() for at in dialled)
    assert by_day[6] < 0.5 * min(by_day[day] for day in range(5))


def test_a_lead_that_does_not_answer_is_phoned_again_in_the_same_language() -> None:
    calls = calls_between(NOW - timedelta(days=5), NOW - timedelta(days=3))
    by_lead: dict[str, list[CallMetrics]] = {}
    for call in calls:
        by_lead.setdefault(call.lead_id or "", []).append(call)
    again = [made for made in by_lead.values() if any(call.attempt == 2 for call in made)]
    assert len(again) > 100
    assert all(len({(call.language, call.campaign) for call in made}) == 1 for made in again)


def test_one_language_drifts() -> None:
    """Hindi's recognition gets slower from the first day to the last, English stays."""
    first = calls_between(NOW - HISTORY, NOW - HISTORY + timedelta(days=1))
    last = calls_between(NOW - timedelta(days=1), NOW - timedelta(hours=1))

    def asr(calls: Sequence[CallMetrics], language: str) -> float:
        return median([c.asr_latency_ms for c in calls if c.language == language and c.asr_latency_ms])

    assert asr(last, "hindi") > 1.3 * asr(first, "hindi")
    assert asr(last, "english") == pytest.approx(asr(first, "english"), rel=0.1)


def test_a_lead_is_dialled_within_the_calling_hours_alone_and_never_twice_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The demo's own page of violations has nothing to say of hours, gaps and attempts."""
    monkeypatch.setenv("CALLING_HOURS", "10:00-18:30")
    get_settings.cache_clear()
    made = calls_between(NOW - timedelta(days=4), NOW - timedelta(days=2))
    dialled = [call for call in made if call.direction == "outbound"]
    minutes = {(call.start_time + timedelta(hours=5, minutes=30)).strftime("%H:%M") for call in dialled}
    assert min(minutes) >= "10:00"
    assert max(minutes) < "18:30"
    by_lead: dict[str, list[datetime]] = {}
    for call in dialled:
        by_lead.setdefault(call.lead_id or "", []).append(call.start_time)
    gaps = [b - a for times in by_lead.values() for a, b in pairwise(sorted(times))]
    assert min(gaps) >= timedelta(hours=2)


def test_the_new_version_qualifies_more_of_the_same_leads() -> None:
    """By enough that a comparison can tell after three thousand answered calls, which is three days."""
    agent, at = SimulatedAgent(random.Random(1), STORY), NOW - timedelta(hours=3)  # noqa: S311 (no secret)
    made = [agent.call(at, Lead.of(number), None) for number in range(3_000)]

    def qualified(version: str) -> tuple[int, int]:
        calls = [call for call in made if call.agent_version == version and call.status == "completed"]
        return sum(call.qualification_completed for call in calls), len(calls)

    (old, n), (new, m) = qualified(OLD_VERSION), qualified(NEW_VERSION)
    assert abs(n - m) < 0.1 * n
    assert wilson(new, m)[0] > wilson(old, n)[1]


def test_one_lead_has_a_journey_that_ends_well() -> None:
    made = list(journey(SimulatedAgent(random.Random(1), STORY), STORY))  # noqa: S311 (no secret)
    assert len({call.lead_id for call in made}) == 1
    assert [call.attempt for call in made] == [1, 2, 3, 4, 5]
    starts = [call.start_time for call in made]
    assert starts == sorted(starts)
    assert starts[-1] - starts[0] > timedelta(days=2)
    assert made[2].metadata["callback_at"] == made[3].start_time.isoformat()
    assert (made[3].status, made[3].errors[0].type) == ("failed", "llm_timeout")
    assert made[-1].qualification_completed
    assert made[-1].handoff_answered_at is not None


def test_what_is_said_is_in_three_languages_and_the_parts_of_each_wait_add_up() -> None:
    """Nothing in the demo's turns is marked as not adding up."""
    calls = calls_between(NOW - timedelta(hours=4), NOW - timedelta(hours=2))
    rng = random.Random(1)  # noqa: S311 (no secret)
    turns = [turn for call in calls for turn in turns_of(call, rng)]
    assert len(turns) > 500
    assert all(turn.parts_add_up for turn in turns)
    for language, lines in (("english", ENGLISH), ("hindi", HINDI), ("hinglish", HINGLISH)):
        said = [turn.transcript or "" for turn in turns if turn.language == language and turn.turn == 1]
        assert said, language
        assert all(text.startswith(f"Lead: {lines[0][0]}\nAgent: ") for text in said)
    changes = {turn.call_id for turn in turns if turn.switched_language}
    assert 0.005 < len(changes) / len({turn.call_id for turn in turns}) < 0.2


def test_turns_have_the_latencies_of_their_call() -> None:
    calls = calls_between(NOW - timedelta(days=1), NOW - timedelta(hours=23))
    call = next(call for call in calls if call.user_turns and call.user_turns > 4)
    turns = turns_of(call, random.Random(1))  # noqa: S311 (no secret)
    assert [turn.turn for turn in turns] == list(range(1, (call.user_turns or 0) + 1))
    for field, of_turn in (("asr_latency_ms", "asr_ms"), ("e2e_latency_ms", "e2e_ms")):
        mean = sum(getattr(turn, of_turn) for turn in turns) / len(turns)
        assert mean == pytest.approx(getattr(call, field), rel=0.01)


@pytest.mark.full
def test_a_fortnight_has_an_alert_that_fires_and_others_that_are_over(database: Database[Document]) -> None:
    with surroundings.mail() as page:
        assert page is not None
        surroundings.keep_key()
        assert fill_history(database, Console(quiet=True), seed=1) > 15_000
        with urlopen(page) as answer:  # noqa: S310 (our own address)
            listed = answer.read().decode()
    board = alert_board(database, datetime.now(UTC))
    firing = {alert.alert_type: alert for alert in board.active}
    assert "speech_latency" in firing
    assert firing.keys() <= {"speech_latency", "error_rate"}, "by night a few calls may do for the latter"
    seen = firing.keys() | {alert.alert_type for alert in board.resolved}
    assert seen >= {"call_failure_rate", "error_rate"}
    told = history(database, alert_id=firing["speech_latency"].id)
    assert {line.channel for line in told if line.event in {"sent", "not sent"}} == {"email"}
    assert "speech" in listed.lower(), "what is said to be sent was taken by a mail server"
    assert any(line.event == "acknowledged" for line in history(database, limit=5_000))
    assert database["turns"].count_documents({"transcript": {"$regex": "^enc:"}}) > 5_000
    assert late_calls(database).late == 0, "the past came in time"
    assert fill_history(database, Console(quiet=True), seed=1) < 100


@pytest.mark.parametrize("hour", range(2, 24, 3))
def test_a_demo_shows_a_firing_alert_at_whatever_hour_it_is_opened(hour: int) -> None:
    """By night five leads an hour phone in; a pause between two ends where the live trouble begins."""
    for seed in range(4):
        now = datetime(2026, 11, 22 + 2 * seed, hour, 13 * seed, tzinfo=UTC)
        agent = SimulatedAgent(random.Random(seed), story_of(now))  # noqa: S311 (no secret)
        calls = list(agent.history(now - timedelta(hours=1), now))
        assert any(
            now - LIVE_TROUBLE_BEGAN <= call.start_time < now - 0.75 * LIVE_TROUBLE_BEGAN for call in calls
        )
        seen = [call for call in calls if call.end_time and call.end_time >= now - timedelta(minutes=15)]
        speech = [call.asr_latency_ms for call in seen if call.asr_latency_ms is not None]
        assert len(speech) >= 5, "fewer say nothing"
        assert sum(latency > LATENCY_LIMIT_MS for latency in speech) > 0.05 * len(speech)


def test_by_night_the_live_demo_has_leads_who_phone_in_and_dials_nobody() -> None:
    """A demo that is opened at night shows no calls outside the hours that leads may be called in."""
    night = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
    agent = SimulatedAgent(random.Random(1), story_of(night))  # noqa: S311 (no secret)
    assert {agent.next_call(night + timedelta(minutes=n)).direction for n in range(60)} == {"inbound"}
    noon = night + timedelta(hours=10)
    assert live_calls_an_hour(night) < live_calls_an_hour(noon) <= 1.01 * BUSY_CALLS_AN_HOUR
