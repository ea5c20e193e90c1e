"""When jobs are due."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.scheduler.timetable import Every, Nightly, is_due

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("slot", "last", "due"),
    [
        (100, None, True),  # never ran
        (100, 99, True),
        (100, 100, False),  # ran in this slot
        (100, 60, True),  # after an outage: once, for the present
        (100, 101, False),  # a clock that is a little behind
        (100, 112, True),  # a clock that was set back
    ],
)
def test_a_job_is_due_once_a_slot(slot: int, last: int | None, due: bool) -> None:
    assert is_due(slot, last) is due


def test_slots_of_seconds_begin_on_the_dot_whenever_the_process_started() -> None:
    every = Every(300)
    slot = every.slot(NOON)
    assert every.slot(NOON + timedelta(seconds=299)) == slot
    assert every.slot(NOON + timedelta(seconds=300)) == slot + 1
    assert every.slot(NOON - timedelta(microseconds=1)) == slot - 1


def test_a_nightly_slot_begins_after_local_midnight() -> None:
    nightly = Nightly(timedelta(minutes=5), ZoneInfo("Asia/Kolkata"))
    midnight = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
    slot = nightly.slot(midnight)
    assert nightly.slot(midnight + timedelta(minutes=4, seconds=59)) == slot
    assert nightly.slot(midnight + timedelta(minutes=5)) == slot + 1
    assert nightly.slot(midnight + timedelta(hours=24, minutes=4)) == slot + 1


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_where_clocks_change_every_night_has_one_slot(day: datetime) -> None:
    nightly = Nightly(timedelta(hours=2, minutes=30), ZoneInfo("Europe/Berlin"))
    minutes = [day - timedelta(days=1) + timedelta(minutes=number) for number in range(3 * 1440)]
    slots = [nightly.slot(moment) for moment in minutes]
    assert sorted(set(slots)) == list(range(slots[0], slots[-1] + 1))
    ran = [slots[0]]
    for slot in slots:
        if is_due(slot, ran[-1]):
            ran.append(slot)
    assert ran == sorted(set(slots))
