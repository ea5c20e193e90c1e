"""When a job is due: time is divided into slots, and a job runs once in each. Pure functions of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Protocol


class Timetable(Protocol):
    """Numbers the slots of time."""

    def slot(self, now: datetime) -> int:
        """Return the slot a time is in; later slots have greater numbers."""


@dataclass(frozen=True)
class Every:
    """Slots of a fixed number of seconds, counted from 1970, so that a slow job does not drift."""

    seconds: float

    def slot(self, now: datetime) -> int:
        """Return the slot a time is in."""
        return int(now.timestamp() // self.seconds)


@dataclass(frozen=True)
class Nightly:
    """One slot for each day of a zone, beginning a fixed time after local midnight."""

    after_midnight: timedelta
    zone: tzinfo

    def slot(self, now: datetime) -> int:
        """Return the slot a time is in."""
        return (now.astimezone(self.zone).replace(tzinfo=None) - self.after_midnight).toordinal()


def is_due(slot: int, last: int | None) -> bool:
    """Return whether a job that last ran in slot ``last`` is due in this one.

    After an outage it is due once, for the present slot. If the clock was set back by more than a slot, it
    does not wait until the old time comes again.
    """
    return last is None or slot > last or slot < last - 1
