"""The hours of the day in which people may be called, and what is left out."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.alerting.evaluation.active_hours import Hours

INDIA = ZoneInfo("Asia/Kolkata")


def _closed(hours: str, start: str, end: str) -> list[tuple[str, str]]:
    first, last = (datetime.fromisoformat(text).replace(tzinfo=INDIA) for text in (start, end))
    spans = Hours.parse(hours, INDIA).closed_between(first.astimezone(UTC), last.astimezone(UTC))
    return [(f"{begin:%d %H:%M}", f"{stop:%d %H:%M}") for begin, stop in spans]


def test_nights_between_two_moments_are_cut_at_them() -> None:
    """A period that begins or ends by night has a part of that night."""
    found = _closed("09:00-21:00", "2026-11-20T03:00", "2026-11-21T22:30")
    assert found == [("20 03:00", "20 09:00"), ("20 21:00", "21 09:00"), ("21 21:00", "21 22:30")]


def test_hours_over_midnight_leave_out_a_part_of_the_day() -> None:
    """They end on the day after they began."""
    found = _closed("20:00-06:00", "2026-11-20T00:00", "2026-11-21T00:00")
    assert found == [("20 06:00", "20 20:00")]


@pytest.mark.parametrize("hours", ["00:00-24:00", "07:00-07:00"])
def test_a_whole_day_leaves_out_nothing(hours: str) -> None:
    """Who calls round the clock sees no night."""
    assert _closed(hours, "2026-11-20T00:00", "2026-11-23T00:00") == []


def test_what_is_left_out_is_what_is_not_covered() -> None:
    """Minute by minute, both say the same."""
    hours = Hours.parse("09:30-21:15", INDIA)
    start, end = datetime(2026, 11, 20, tzinfo=INDIA), datetime(2026, 11, 22, tzinfo=INDIA)
    spans = list(hours.closed_between(start, end))
    minutes = [start + timedelta(minutes=number) for number in range(48 * 60)]
    assert minutes[-1] < end
    assert [any(a <= at < b for a, b in spans) for at in minutes] == [not hours.cover(at) for at in minutes]
