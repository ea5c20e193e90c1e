"""Facts of simulated calls besides their figures: silences, handoff, telephony, compliance."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

Fields = dict[str, object]
NUMBER_SERIES = "140"
CHANGING_SHARE = {"hinglish": 0.30, "hindi": 0.12, "english": 0.08}
"""Share of calls in which the lead changes language, by main language."""
SILENT_BEFORE_HANG_UP = 0.5
"""Share of hang-ups that happen while the agent is silent."""
ANSWERED_BY_A_PERSON = 0.86
NO_NOTICE, OPTED_OUT = 0.003, 0.004
"""Shares of calls without a recording notice, and of leads who opt out."""


def changes_language(call_id: str, language: str) -> bool:
    """Return whether the lead changes language in a call; always the same for a call id."""
    return random.Random(call_id).random() < CHANGING_SHARE[language]  # noqa: S311 (no secret)


def silences_of(
    start: datetime, seconds: float, exchanges: int, rng: random.Random, *, hung_up: bool
) -> Sequence[Fields]:
    """Return the silences of a call: one it ended in, or occasionally one in the middle."""
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
    """Return the carrier and number series of a call."""
    series: Fields = {"number_series": NUMBER_SERIES} if attempt else {}
    return {"provider": "exotel", **series}


def compliance_of(start: datetime, lead: int, rng: random.Random) -> Fields:
    """Return the compliance facts of a call."""
    return {
        "consent_id": f"consent-{lead:05d}",
        "disclosure_given": True,
        "recording_notice": rng.random() >= NO_NOTICE,
        "dnd_checked_at": start - timedelta(hours=rng.randint(2, 40)),
        "opt_out": rng.random() < OPTED_OUT,
    }


def handoff_of(start: datetime, seconds: float, rng: random.Random) -> Fields:
    """Return how long a lead waited for a person, and when one answered."""
    by_a_person = rng.random() < ANSWERED_BY_A_PERSON
    wait = round(min(rng.lognormvariate(2.4, 0.6) if by_a_person else rng.uniform(30, 60), seconds), 1)
    answered = {"handoff_answered_at": start + timedelta(seconds=seconds)} if by_a_person else {}
    return {"handoff_wait_seconds": wait, **answered}
