"""Which report is due: a slot of time for each, and the day or week it is about. Pure functions of time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from core.models.recurrence import WEEKDAYS
from core.reporting.span import Span

LATEST = timedelta(hours=12)
"""A report that is later than this, as after an outage or where it was just set up, is not sent any more."""


@dataclass(frozen=True)
class Sending:
    """When reports go out, in local time: each day, or on one ``weekday`` (0 is Monday)."""

    after_midnight: timedelta
    zone: tzinfo
    weekday: int | None = None

    @classmethod
    def parse(cls, text: str, zone: tzinfo) -> "Sending":
        """Read ``09:00`` or ``mon 09:00``."""
        day, _, clock = text.rpartition(" ")
        hour, minute = map(int, clock.split(":"))
        return cls(timedelta(hours=hour, minutes=minute), zone, WEEKDAYS.index(day) if day else None)

    def slot(self, now: datetime) -> int:
        """Return the number of the last day on which reports went out, or were to."""
        return self.last(now).toordinal()

    def last(self, now: datetime) -> date:
        """Return that day."""
        day = (now.astimezone(self.zone).replace(tzinfo=None) - self.after_midnight).date()
        return day if self.weekday is None else day - timedelta(days=(day.weekday() - self.weekday) % 7)

    def span(self, now: datetime) -> Span | None:
        """Return what the report of the present slot is about: the day or week before; None if too late."""
        day = self.last(now)
        due = datetime.combine(day, datetime.min.time(), self.zone) + self.after_midnight
        if now - due > LATEST:
            return None
        days = 1 if self.weekday is None else 7
        return Span(day - timedelta(days=days), days)
