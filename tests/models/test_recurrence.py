"""Days and hours that come again."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.models.recurrence import Recurrence

KOLKATA = ZoneInfo("Asia/Kolkata")


def covered(text: str, start: str, days: int) -> list[str]:
    """The local hours that a recurrence covers, of so many days, each as day and hour."""
    recurrence = Recurrence.parse(text, "Asia/Kolkata")
    first = datetime.fromisoformat(start).replace(tzinfo=KOLKATA)
    hours = [first + timedelta(hours=hour) for hour in range(24 * days)]
    return [f"{hour:%d %H}" for hour in hours if recurrence.covers(hour.astimezone(UTC))]


@pytest.mark.parametrize(
    ("text", "start", "days", "expected"),
    [
        ("mon-fri 22:00-24:00", "2024-10-25", 4, ["25 22", "25 23", "28 22", "28 23"]),  # Friday to Monday
        ("sat-mon 05:00-06:00", "2024-10-25", 4, ["26 05", "27 05", "28 05"]),
        ("wed,sun 05:00-06:00", "2024-10-23", 5, ["23 05", "27 05"]),
        ("1-2 00:00-01:00", "2024-09-29", 6, ["01 00", "02 00"]),
        ("-1 23:00-01:00", "2024-02-28", 3, ["29 23", "01 00"]),  # the last of a leap year's February
        ("-3--2 10:00-11:00", "2024-02-26", 5, ["27 10", "28 10"]),
        ("31 10:00-11:00", "2024-02-26", 8, []),
        ("jan,jul-sep 1 10:00-11:00", "2024-08-30", 4, ["01 10"]),
        ("jan 1 10:00-11:00", "2024-08-30", 4, []),
        ("mon 1-7 10:00-11:00", "2024-09-01", 14, ["02 10"]),  # the first Monday of the month
        ("sun 00:00-24:00", "2024-10-26", 3, [f"27 {hour:02}" for hour in range(24)]),
    ],
)
def test_days_of_the_week_and_month_and_hours_up_to_midnight(
    text: str, start: str, days: int, expected: list[str]
) -> None:
    assert covered(text, start, days) == expected


@pytest.mark.parametrize(
    "text",
    ["22:00-24:00", "mon,wed 22:00-06:00", "-1,1,15 jan 00:00-24:00"],
)
def test_what_is_read_is_written_alike(text: str) -> None:
    """Also after it was stored."""
    made = Recurrence.parse(text, "Asia/Kolkata")
    assert made.words == f"{text} Asia/Kolkata"
    assert Recurrence.model_validate(made.model_dump(mode="json")) == made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mon-fri", "has no hours; write for example"),
        ("monday 10:00-11:00", "'monday' is neither days nor hours"),
        ("0 10:00-11:00", "must be 1 to 31"),
        ("32 10:00-11:00", "less than or equal to 31"),
        ("24:00-01:00", "neither days nor hours"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recurrence.parse(text, "Asia/Kolkata")
