"""When a job is due: time is cut into slots, and a job runs once in each. Pure functions of the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Protocol


class Timetable(Protocol):
    """Numbers the slots of time."""

    def slot(self, now: datetime) -> int:
        """The slot that a moment falls in; later slots have greater numbers."""


@dataclass(frozen=True)
class Every:
    """Slots of so many seconds, counted from 1970: a slow job does not drift."""

    seconds: float

    def slot(self, now: datetime) -> int:
        """The slot that a moment falls in."""
        return int(now.timestamp() // self.seconds)


@dataclass(frozen=True)
class Nightly:
    """One slot for each day of a zone, beginning so long after local midnight."""

    after_midnight: timedelta
    zone: tzinfo

    def slot(self, now: datetime) -> int:
        """The slot that a moment falls in."""
        return (now.astimezone(self.zone).replace(tzinfo=None) - self.after_midnight).toordinal()


def is_due(slot: int, last: int | None) -> bool:
    """Whether a job that last ran in slot ``last`` is due in this one.

    After an outage it is due once, for the present slot. A clock that was set back by more than a slot
    does not make it wait until the old time comes round again.
    """
    return last is None or slot > last or slot < last - 1


def missed_slots(slot: int, last: int | None) -> int:
    """How many slots passed between the last one and this without a run."""
    return max(slot - last - 1, 0) if last is not None else 0
