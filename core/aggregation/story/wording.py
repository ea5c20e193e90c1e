"""Stories in plain English."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from core.aggregation.cube import Cube
from core.aggregation.story.attribution import Explained
from core.models.calls.wording import midway, number, rupees, words

NORMAL = "Everything is normal"
_WEEK, _DAY = timedelta(weeks=1), timedelta(days=1)


class Verb(NamedTuple):
    """What calls have been doing, what they did, and what each bad one did."""

    ongoing: str
    over: str
    each: str


VERBS = {
    "failure_rate": Verb("have been failing", "failed", "failed"),
    "error_rate": Verb("have been hitting errors", "hit errors", "hit errors"),
    "lost_rate": Verb("have been getting lost", "got lost", "got lost"),
    "answer_rate": Verb("have been going unanswered", "went unanswered", "went unanswered"),
    "qualification_rate": Verb(
        "have been qualifying fewer leads", "qualified fewer leads", "did not qualify"
    ),
    "handoff_rate": Verb(
        "have been handed off less often", "were handed off less often", "were not handed off"
    ),
    "e2e_latency_ms": Verb("have been slow to respond", "were slow to respond", "were slow"),
    "llm_latency_ms": Verb(
        "have been held up by the language model", "were held up by the language model", "were slow"
    ),
    "asr_latency_ms": Verb(
        "have been held up by speech recognition", "were held up by speech recognition", "were slow"
    ),
    "tts_latency_ms": Verb(
        "have been held up by speech synthesis", "were held up by speech synthesis", "were slow"
    ),
}
_FIELDS = {
    "agent_version": "Agent version {}",
    "carrier": "Carrier {}",
    "campaign": "Campaign {}",
    "llm_provider": "Language model of {}",
    "asr_provider": "Speech recognition of {}",
    "tts_provider": "Speech synthesis of {}",
}


def value_words(field: str, value: str) -> str:
    """Return a value of a field as the subject of a sentence: ``Hinglish``, ``Agent version 2.3``."""
    if not value:
        return f"No {field.replace('_', ' ')}"
    return _FIELDS[field].format(value) if field in _FIELDS else words(value)


def subject(filters: Mapping[str, str]) -> str:
    """Return whose calls a story is about: ``Hinglish calls``, ``Calls of campaign Diwali``, ``Calls``."""
    for field, value in filters.items():
        if field == "campaign":
            return f"Calls of campaign {value}" if value else "Calls without a campaign"
        return f"{words(value)} calls" if value else f"Calls without a {field}"
    return "Calls"


def against(now: Cube, before: Cube) -> str:
    """Return what a period is compared with: ``last Tuesday``, ``the week before``, or less specific."""
    apart = now.start - before.start
    if apart == _WEEK:
        if before.end - before.start > _DAY:
            return "the week before"
        weekday = f"{(before.end - timedelta(microseconds=1)).astimezone(now.zone):%A}"
        return f"last {weekday}" if now.read_at - now.end < _DAY else f"the {weekday} before"
    return "the previous period" if before.end >= now.start else "the same weekdays before"


def when(since: datetime | None, until: datetime | None, end: datetime, *, days: bool) -> str:
    """Return when it was, with a space in front: `` since 11:05``, `` from 11:05 to 12:40``.

    "" for all along.
    """
    first, last = _moment(since, end, days=days), _moment(until, end, days=days)
    if first and last:
        return f" on {first}" if days and first == last else f" from {first} to {last}"
    return f" since {first}" if first else f" until {last}" if last else ""


def _moment(at: datetime | None, end: datetime, *, days: bool) -> str:
    if at is None:
        return ""
    if days:
        return f"{at:%a %-d %b}"
    return f"{at:%H:%M}" if at.date() == (end - timedelta(microseconds=1)).date() else f"{at:%a %-d %b %H:%M}"


def cause(kind: str) -> str:
    """Return a kind of error in the middle of a sentence: ``LLM timeouts``, ``carrier dropped``."""
    text = words(kind)
    plural = text.endswith(("timeout", "error", "failure", "drop", "reset", "refusal", "disconnect"))
    text += "s" if plural else ""
    return midway(text)


def amount(bad: int, calls: int, usual: float, limit_ms: float | None) -> str:
    """Return how many calls it is, and how many are usual: ``41 of 60 calls (usually 4.1 %)``."""
    above = "" if limit_ms is None else f" above {number(limit_ms, 'ms')}"
    share = number(usual, "share")
    return f"{bad:,} of {calls:,} calls{above} (usually {'none' if share == '0.0 %' else share})"


def lost_words(lost: float, against_: str) -> str:
    """Return what it cost: ``₹1,240 lost against last Tuesday``."""
    return f"{rupees(lost)} lost against {against_}"


def reason(of: Explained, measure: str) -> str:
    """Return a reason: ``Hinglish explains 92 % of it: 41 of 60 calls failed, against 4 of 310 others``."""
    one = of.standout
    return (
        f"{value_words(one.label, one.value)} explains {100 * of.share:.0f} % of it: {one.bad:,} of "
        f"{one.calls:,} calls {VERBS[measure].each}, against {one.others_bad:,} of {one.others:,} others"
    )
