"""What a made-up call tells beside its figures: silences, handoff, telephony, what an auditor asks."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

Fields = dict[str, object]
NUMBER_SERIES = "140"
CHANGING_SHARE = {"hinglish": 0.30, "hindi": 0.12, "english": 0.08}
"""The share of calls in which the lead changes language, by the language that it is in for the most part."""
SILENT_BEFORE_HANG_UP = 0.5
"""Every other lead who hangs up does so while the agent says nothing."""
ANSWERED_BY_A_PERSON = 0.86
NO_NOTICE, OPTED_OUT = 0.003, 0.004
"""The shares of calls without a recording notice, and of leads who ask not to be called again."""


def changes_language(call_id: str, language: str) -> bool:
    """Whether the lead of a call changes language in it; the same each time it is asked."""
    return random.Random(call_id).random() < CHANGING_SHARE[language]  # noqa: S311 (no secret)


def silences_of(
    start: datetime, seconds: float, exchanges: int, rng: random.Random, *, hung_up: bool
) -> Sequence[Fields]:
    """The silences of a call: one that it ended in, or one now and then in its midst."""
    if hung_up and rng.random() < SILENT_BEFORE_HANG_UP:
        length, turn, by = rng.uniform(3.2, 7.5), exchanges, "agent"
    elif rng.random() < 0.12:  # noqa: PLR2004 (made up)
        length, turn, by = rng.uniform(1.0, 5.5), rng.randint(1, exchanges), rng.choice(("agent", "customer"))
    else:
        return []
    length, ends = round(min(length, seconds), 1), hung_up and turn == exchanges
    begins = seconds - length if ends else (seconds - length) * turn / (exchanges + 1)
    at = start + timedelta(seconds=round(begins, 1))
    return [{"by": by, "seconds": length, "at": at, "turn": turn, "ended_call": ends}]


def telephony_of(attempt: int | None) -> Fields:
    """Who carried a call, and from which numbers it was made."""
    series: Fields = {"number_series": NUMBER_SERIES} if attempt else {}
    return {"provider": "exotel", **series}


def compliance_of(start: datetime, lead: int, rng: random.Random) -> Fields:
    """What an auditor asks of a call."""
    return {
        "consent_id": f"consent-{lead:05d}",
        "disclosure_given": True,
        "recording_notice": rng.random() >= NO_NOTICE,
        "dnd_checked_at": start - timedelta(hours=rng.randint(2, 40)),
        "opt_out": rng.random() < OPTED_OUT,
    }


def handoff_of(start: datetime, seconds: float, rng: random.Random) -> Fields:
    """How long a lead waited for a person, and when one answered."""
    by_a_person = rng.random() < ANSWERED_BY_A_PERSON
    wait = round(min(rng.lognormvariate(2.4, 0.6) if by_a_person else rng.uniform(30, 60), seconds), 1)
    answered = {"handoff_answered_at": start + timedelta(seconds=seconds)} if by_a_person else {}
    return {"handoff_wait_seconds": wait, **answered}
