"""Hours of the day by the clocks of a zone, such as 09:00-21:00."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo


@dataclass(frozen=True)
class Hours:
    """Every day from ``start`` up to, but not at, ``end``; an end not after the start is the next day's."""

    start: time
    end: time
    zone: tzinfo

    @classmethod
    def parse(cls, text: str, zone: tzinfo) -> "Hours":
        """From ``09:00-21:00``; 24:00 is midnight."""
        first, last = (time.fromisoformat(part.replace("24:00", "00:00")) for part in text.split("-"))
        return cls(first, last, zone)

    def cover(self, moment: datetime) -> bool:
        """Whether a moment lies in them."""
        at = moment.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def closed_between(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The parts of [start, end) that they leave out, in order, in the zone's time."""
        first, last = (moment.astimezone(self.zone) for moment in (start, end))
        day, over_night = first.date() - timedelta(days=1), self.end <= self.start
        while day <= last.date():
            shut = datetime.combine(day + timedelta(days=over_night), self.end, self.zone)
            day += timedelta(days=1)
            begin, stop = max(shut, first), min(datetime.combine(day, self.start, self.zone), last)
            if begin < stop:
                yield begin, stop

    def open_since(self, moment: datetime) -> datetime | None:
        """When the hours that a moment lies in began; None outside of them."""
        if not self.cover(moment):
            return None
        local = moment.astimezone(self.zone)
        began = datetime.combine(local.date(), self.start, self.zone)
        if began > local:
            began = datetime.combine(local.date() - timedelta(days=1), self.start, self.zone)
        return began.astimezone(moment.tzinfo)
