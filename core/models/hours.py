"""Hours of the day by the clocks of a zone, such as 09:00-21:00, on all weekdays or some."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from core.models.recurrence import WEEKDAYS, named

EVERY_DAY = frozenset(range(len(WEEKDAYS)))
_MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Hours:
    """From ``start`` (inclusive) to ``end`` (exclusive); an end not after the start is on the next day.

    ``weekdays`` (0 is Monday) are the days on which they begin.
    """

    start: time
    end: time
    zone: tzinfo
    weekdays: frozenset[int] = EVERY_DAY

    @classmethod
    def parse(cls, text: str, zone: tzinfo) -> "Hours":
        """Parse ``09:00-21:00`` or ``mon-fri 09:00-21:00``; 24:00 is midnight."""
        days, _, hours = text.strip().rpartition(" ")
        first, last = (time.fromisoformat(part.replace("24:00", "00:00")) for part in hours.split("-"))
        return cls(first, last, zone, named(days, WEEKDAYS) or EVERY_DAY)

    def cover(self, moment: datetime) -> bool:
        """Return whether a time is within them."""
        local = moment.astimezone(self.zone)
        at, today = local.time(), local.weekday()
        if self.start < self.end:
            return today in self.weekdays and self.start <= at < self.end
        yesterday = (today - 1) % len(WEEKDAYS)
        return (today in self.weekdays and at >= self.start) or (yesterday in self.weekdays and at < self.end)

    def closed_between(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Return the parts of [start, end) outside them, in order, in the zone's time."""
        first, last = (moment.astimezone(self.zone) for moment in (start, end))
        day, over_night = first.date() - timedelta(days=1), self.end <= self.start
        while day <= last.date():
            shut = datetime.combine(day + timedelta(days=over_night), self.end, self.zone)
            day += timedelta(days=1)
            begin, stop = max(shut, first), min(datetime.combine(day, self.start, self.zone), last)
            if begin < stop:
                yield begin, stop

    def began(self, moment: datetime) -> datetime | None:
        """Return when the hours around a given time began; None outside them."""
        if not self.cover(moment):
            return None
        local = moment.astimezone(self.zone)
        began = datetime.combine(local.date(), self.start, self.zone)
        if began > local or local.weekday() not in self.weekdays:
            began = datetime.combine(local.date() - timedelta(days=1), self.start, self.zone)
        return began.astimezone(moment.tzinfo)


def parse_all(text: str, zone: tzinfo) -> tuple[Hours, ...]:
    """Parse ``mon-fri 09:00-21:00, sat 10:00-14:00``."""
    return tuple(Hours.parse(part, zone) for part in text.split(","))


def open_since(hours: Sequence[Hours], moment: datetime, earliest: datetime) -> datetime | None:
    """Return since when the hours have been open without a break, back to ``earliest``; None outside them."""
    since = _began(hours, moment)
    while since is not None and since > earliest and (before := _began(hours, since - _MOMENT)) is not None:
        since = before
    return since


def _began(hours: Sequence[Hours], moment: datetime) -> datetime | None:
    return min((began for span in hours if (began := span.began(moment)) is not None), default=None)
