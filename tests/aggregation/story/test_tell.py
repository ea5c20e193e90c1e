"""The sentence on Overview: what it says of an outage, and that it is silent about noise."""

from datetime import datetime, timedelta

import pytest

from core.aggregation.story import Story, tell
from core.aggregation.story.finding import Finding
from core.aggregation.story.tell import Details
from tests.aggregation.story.periods import DAY, INDIA, WEEK_BEFORE, Outage, period


def story_of(outage: Outage, n: int = 6_000, read_after: float = 24.0) -> Story:
    return tell(period(DAY, n, 6, outage, read_after), period(WEEK_BEFORE, 6_000, 5, read_after=read_after))


def test_noise_is_called_normal() -> None:
    """Twelve days in which nothing is wrong are told of as such."""
    headlines = {
        tell(period(DAY, 400, seed), period(WEEK_BEFORE, 400, seed + 100)).headline for seed in range(12)
    }
    assert headlines == {"Everything is normal"}


def test_an_outage_of_one_language_is_told_with_time_cause_and_cost() -> None:
    """Who, since when, why, how many and how much, in one sentence."""
    story = story_of(Outage("11:05", "12:50", "hinglish"))
    assert not story.normal
    assert story.headline.startswith("Hinglish calls failed from 11:00 to 12:45: LLM timeouts, ")
    assert story.headline.endswith(f"₹{story.lost:,.2f} lost against last Tuesday")
    assert story.filters == {"language": "hinglish"}
    assert (story.reasons[0].field, story.reasons[0].value) == ("language", "hinglish")
    assert story.reasons[0].share > 0.9
    assert f"{story.calls} of " in story.headline


def test_what_goes_on_is_told_in_the_present() -> None:
    """At half past twelve the same outage has not ended."""
    story = story_of(Outage("11:05", "12:50", "hinglish"), read_after=12.5)
    assert story.headline.startswith("Hinglish calls have been failing since 11:00: LLM timeouts, ")
    assert story.until is None


def test_an_outage_of_all_calls_names_nobody() -> None:
    """What hits everybody alike is not explained by a language."""
    story = story_of(Outage("16:00", "18:00"))
    assert story.headline.startswith("Calls failed from 16:00 to 18:00: ")
    assert story.reasons == ()


def test_slow_answers_are_told_with_their_limit() -> None:
    """Latencies are held against the slowest twentieth of the week before."""
    story = story_of(Outage("09:00", "12:00", failing=0.05, slower=3.0))
    assert story.headline.startswith("Calls were held up by the language model from 09:00 to 12:00: ")
    assert " ms (usually " in story.headline
    assert story.measure == "llm_latency_ms"


def test_too_few_calls_tell_nothing() -> None:
    """Neither normal nor not."""
    story = tell(period(DAY, 7, 1), period(WEEK_BEFORE, 40, 2))
    assert (story.headline, story.known, story.normal) == ("Too few calls to tell (7)", False, True)
    assert tell(period(DAY, 90, 1), period(WEEK_BEFORE, 3, 2)).headline == "Too few calls to compare with (3)"


def test_calls_that_stay_away_are_told_of() -> None:
    """Three calls where there were hundreds are no small sample but an outage."""
    story = tell(period(DAY, 3, 1), period(WEEK_BEFORE, 800, 2))
    assert story.headline == "Calls are down 100 %: 3 instead of 800 last Tuesday"
    assert not story.normal


def test_half_a_day_is_no_slump() -> None:
    """A period that is under way has had half the calls so far."""
    now = period(DAY, 800, 1, read_after=12.0)
    assert tell(now, period(WEEK_BEFORE, 800, 2)).normal


def test_the_calls_themselves_say_which_version_and_which_minute() -> None:
    """What cells lack is looked up, once, where something is wrong."""
    asked: list[tuple[datetime, datetime]] = []

    def look(finding: Finding, start: datetime, end: datetime) -> Details:
        asked.append((start, end))
        assert finding.measure.key == "failure_rate"
        counts = {"2.3.0": (2, 300), "2.3.1": (60, 90)}
        return Details(start + timedelta(minutes=5), {"agent_version": (counts, {"2.3.0": (20, 2_500)})})

    now = period(DAY, 6_000, 6, Outage("11:05", "12:50", "hinglish"))
    story = tell(now, period(WEEK_BEFORE, 6_000, 5), look)
    assert "failed from 11:05 to 12:45" in story.headline
    assert [f"{at.astimezone(INDIA):%H:%M}" for at in asked[0]] == ["11:00", "12:45"]
    version = next(reason for reason in story.reasons if reason.field == "agent_version")
    assert version.value == "2.3.1"
    assert version.sentence == (
        "Agent version 2.3.1 explains 100 % of it: 60 of 90 calls failed, against 2 of 300 others"
    )
    tell(period(DAY, 500, 1), period(WEEK_BEFORE, 500, 2), look)
    assert len(asked) == 1


@pytest.mark.parametrize(("apart", "words"), [(7, "last Tuesday"), (1, "the previous period")])
def test_the_comparison_is_named(apart: int, words: str) -> None:
    """As people call it."""
    now, before = period(DAY, 20, 1), period(DAY - timedelta(days=apart), 900, 2)
    assert tell(now, before).headline.endswith(words)
