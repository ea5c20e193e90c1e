"""Which report is due: a time slot for each, and the day or week it covers. Pure functions of time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from core.models.recurrence import WEEKDAYS
from core.reporting.span import Span

LATEST = timedelta(hours=12)
"""A report later than this, after an outage or because it was just configured, is no longer sent."""


@dataclass(frozen=True)
class Sending:
    """When reports are sent, in local time: every day, or on one ``weekday`` (0 is Monday)."""

    after_midnight: timedelta
    zone: tzinfo
    weekday: int | None = None

    @classmethod
    def parse(cls, text: str, zone: tzinfo) -> "Sending":
        """Parse ``09:00`` or ``mon 09:00``."""
        day, _, clock = text.rpartition(" ")
        hour, minute = map(int, clock.split(":"))
        return cls(timedelta(hours=hour, minutes=minute), zone, WEEKDAYS.index(day) if day else None)

    def slot(self, now: datetime) -> int:
        """Return the number of the last day on which reports were, or should have been, sent."""
        return self.last(now).toordinal()

    def last(self, now: datetime) -> date:
        """Return that day."""
        day = (now.astimezone(self.zone).replace(tzinfo=None) - self.after_midnight).date()
        return day if self.weekday is None else day - timedelta(days=(day.weekday() - self.weekday) % 7)

    def span(self, now: datetime) -> Span | None:
        """Return what the present slot's report covers: the day or week before; None if it is too late."""
        day = self.last(now)
        due = datetime.combine(day, datetime.min.time(), self.zone) + self.after_midnight
        if now - due > LATEST:
            return None
        days = 1 if self.weekday is None else 7
        return Span(day - timedelta(days=days), days)
