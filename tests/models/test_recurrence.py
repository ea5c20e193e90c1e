"""Days and hours that come again."""

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.models.recurrence import MONTHS, WEEKDAYS, Recurrence
from tests.oracles.alertmanager import Timing, running

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
        ("28--1 10:00-11:00", "2024-02-26", 5, ["28 10", "29 10"]),  # to the last of a leap year's February
        ("30-2 10:00-11:00", "2024-04-28", 7, ["30 10", "01 10", "02 10"]),  # from one month into the next
        ("31-1 10:00-11:00", "2024-02-28", 4, ["01 10"]),
        ("-1-1 10:00-11:00", "2024-02-27", 5, ["29 10", "01 10"]),
        ("-2-1 10:00-11:00", "2024-04-28", 5, ["29 10", "30 10", "01 10"]),
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
        ("0 10:00-11:00", "'0' is no day; each must be 1 to 31"),
        ("32 10:00-11:00", "'32' is no day; each must be 1 to 31"),
        ("1-32 10:00-11:00", "'1-32' is no day; each must be 1 to 31"),
        ("-1--3 10:00-11:00", "'-1--3' is no range of days; write for example 25--1"),
        ("1,25--3 10:00-11:00", "'25--3' is no range of days; write for example 25--1"),
        ("24:00-01:00", "neither days nor hours"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    """In one line, and no range of days becomes any day."""
    with pytest.raises(ValueError, match=said) as raised:
        Recurrence.parse(text, "Asia/Kolkata")
    assert "\n" not in str(raised.value)


ZONES = ("Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Europe/London")
SPANS = ("00:00-24:00", "00:00-12:00", "12:00-24:00", "06:00-18:00", "18:00-24:00")


def _random(rng: random.Random) -> Recurrence:
    """Days and hours that cover the present about as often as not."""
    now = datetime.now(UTC)
    words = [rng.choice(SPANS)]
    if rng.random() < 0.5:
        words.append(",".join(rng.sample(WEEKDAYS, 5)))
    if rng.random() < 0.5:
        near = [(now + timedelta(days=days)).day for days in (-1, 0, 1)]
        days = rng.choice([f"{near[0]},{near[1]}", str(near[2]), "1-31", "-31--1", "-1", f"{near[1]}-31"])
        words.append(days)
    if rng.random() < 0.3:
        words.append(",".join({MONTHS[now.month - 1], rng.choice(MONTHS)}))
    return Recurrence.parse(" ".join(words), rng.choice(ZONES))


def _as_alertmanager_has_it(one: Recurrence) -> dict[str, object]:
    fields: dict[str, object] = {
        "times": [{"start_time": f"{one.start:%H:%M}", "end_time": one.words.split()[-2].split("-")[1]}],
        "location": one.zone,
    }
    if one.weekdays:
        full = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        fields["weekdays"] = [full[number] for number in one.weekdays]
    if one.days:
        fields["days_of_month"] = [str(day) for day in one.days]
    if one.months:
        fields["months"] = [str(month) for month in one.months]
    return fields


def test_days_hours_and_zones_are_those_of_alertmanager(tmp_path: Path, oracle_seed: int) -> None:
    """Random ones, as of now: a real Alertmanager says nothing of the very groups that ours cover."""
    rng = random.Random(oracle_seed)  # noqa: S311 (no secret)
    made = {f"g{number}": _random(rng) for number in range(150)}
    timing = Timing(group_wait=0.2, group_interval=60, repeat_interval=3600)
    with running(
        tmp_path, timing, mutes={name: _as_alertmanager_has_it(one) for name, one in made.items()}
    ) as am:
        before = {name: one.covers(datetime.now(UTC)) for name, one in made.items()}
        am.push([{"alertname": "a", "group": name} for name in made])
        deadline = time.monotonic() + 10
        while (
            len(am.notified) < sum(not covered for covered in before.values()) and time.monotonic() < deadline
        ):
            time.sleep(0.1)
        time.sleep(1)
        steady = {name for name, one in made.items() if one.covers(datetime.now(UTC)) == before[name]}
    told = {notified.group for notified in am.notified}
    assert 20 < sum(before[name] for name in steady) < 130
    assert {name for name in steady if before[name]} == steady - told
