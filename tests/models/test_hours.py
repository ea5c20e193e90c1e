"""Hours in which calls are expected, and in which people may be called; and what is left out."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.alerting.rules.toml_file import parse_rule
from core.errors import UserError
from core.models.hours import Hours, open_since, parse_all

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


def since(text: str, at: str, back: timedelta = timedelta(days=7)) -> str | None:
    """Since when the hours are open, as weekday and time."""
    moment = datetime.fromisoformat(at).replace(tzinfo=INDIA).astimezone(UTC)
    found = open_since(parse_all(text, INDIA), moment, moment - back)
    return f"{found.astimezone(INDIA):%a %H:%M}" if found else None


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("mon-fri 09:00-21:00, sat 10:00-14:00", "2024-10-25T20:59", "Fri 09:00"),
        ("mon-fri 09:00-21:00, sat 10:00-14:00", "2024-10-26T09:30", None),
        ("mon-fri 09:00-21:00, sat 10:00-14:00", "2024-10-26T13:00", "Sat 10:00"),
        ("mon-fri 09:00-21:00, sat 10:00-14:00", "2024-10-27T12:00", None),
        ("fri 22:00-02:00", "2024-10-26T01:00", "Fri 22:00"),
        ("fri 22:00-02:00", "2024-10-25T01:00", None),
        ("09:00-24:00,00:00-02:00", "2024-10-26T01:00", "Fri 09:00"),
        ("mon-sun 00:00-24:00", "2024-10-26T01:00", "Fri 00:00"),
    ],
)
def test_weekdays_and_hours_that_follow_on_from_each_other(text: str, at: str, expected: str | None) -> None:
    """What ends as the next begins is one span; the last case looks back to the day before alone."""
    assert since(text, at, timedelta(hours=12)) == expected


@pytest.mark.parametrize("hours", ["mon-fry 09:00-21:00", "9-21", "mon-fri", "09:00-21:00;sat 10:00-14:00"])
def test_hours_that_make_no_sense_are_refused(hours: str) -> None:
    fields = {"id": "x", "name": "x", "metric": "minutes_without_calls", "threshold": 20, "window": "1h"}
    with pytest.raises(UserError, match=r"active_hours: .*write for example"):
        parse_rule(fields | {"active_hours": hours})
