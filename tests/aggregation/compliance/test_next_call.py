"""When a lead may be called next, by the rules of calling."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.aggregation.compliance.next_call import OPTED_OUT, next_call
from core.aggregation.compliance.terms import Terms

INDIA = ZoneInfo("Asia/Kolkata")
TERMS = Terms(
    zone=INDIA,
    zone_name="Asia/Kolkata",
    hours="09:00-21:00",
    hours_recovery="08:00-19:00",
    attempts=3,
    gap=timedelta(minutes=60),
    dnd_age=timedelta(days=30),
    must_tell=frozenset(),
)


def at(text: str) -> datetime:
    """A local time of 24 November 2026, or of the day that is named."""
    day, _, clock = text.rpartition(" ")
    return datetime.fromisoformat(f"2026-11-{day or 24}T{clock}").replace(tzinfo=INDIA)


@pytest.mark.parametrize(
    ("calls", "now", "purpose", "allowed", "reasons"),
    [
        ((), "12:00", "sales", "12:00", ()),
        (("09:30",), "12:00", "sales", "12:00", ()),
        (("11:30",), "12:00", "sales", "12:30", ("60 min between calls",)),
        ((), "05:00", "sales", "09:00", ("calling hours 09:00-21:00",)),
        ((), "21:00", "sales", "25 09:00", ("calling hours 09:00-21:00",)),
        ((), "21:00", None, "25 09:00", ("calling hours 09:00-21:00",)),
        ((), "05:00", "collections", "08:00", ("calling hours 08:00-19:00",)),
        ((), "05:00", "support", "05:00", ()),
        (("20:30",), "20:45", "sales", "25 09:00", ("60 min between calls", "calling hours 09:00-21:00")),
        (
            ("09:00", "10:30", "12:00"),
            "15:00",
            "sales",
            "25 09:00",
            ("3 calls a day", "calling hours 09:00-21:00"),
        ),
        (("09:00", "10:30", "12:00"), "15:00", "support", "25 00:00", ("3 calls a day",)),
        (("23 09:00", "23 10:30", "23 12:00"), "09:00", "sales", "09:00", ()),
    ],
)
def test_the_earliest_time_is_that_which_every_rule_allows(
    calls: tuple[str, ...], now: str, purpose: str | None, allowed: str, reasons: tuple[str, ...]
) -> None:
    found = next_call([at(one) for one in calls], TERMS, at(now), purpose=purpose, opted_out=False)
    assert (found.at, found.reasons) == (at(allowed), reasons)


def test_nobody_calls_a_lead_who_asked_for_no_more_calls() -> None:
    found = next_call([], TERMS, at("12:00"), purpose="sales", opted_out=True)
    assert (found.at, found.reasons) == (None, (OPTED_OUT,))


@pytest.mark.parametrize("off", [{"attempts": 0}, {"gap": timedelta()}])
def test_a_rule_that_is_off_holds_nobody_up(off: dict[str, Any]) -> None:
    from dataclasses import replace

    calls = [at("11:00"), at("11:20"), at("11:40")] if "attempts" in off else [at("11:59")]
    found = next_call(calls, replace(TERMS, **off), at("12:45"), purpose="sales", opted_out=False)
    assert found.reasons == ()
