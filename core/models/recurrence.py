"""Recurring days and hours, and how people write them: ``mon-fri 22:00-24:00``."""

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from core.models.zone import ZoneName

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
HOURS = r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)"
"""From one time (inclusive) to another (exclusive)."""
_LONGEST_MONTH = 31
_DAY = r"-?\d{1,2}"
_DAYS = "must be 1 to 31, or -1 to -31 from the end of the month"


def _midnight(value: object) -> object:
    return "00:00" if value == "24:00" else value


def _not_zero(value: int) -> int:
    if value == 0:
        raise ValueError(_DAYS)
    return value


DayOfMonth = Annotated[int, Field(ge=-_LONGEST_MONTH, le=_LONGEST_MONTH), AfterValidator(_not_zero)]


class Recurrence(BaseModel):
    """On these days, from ``start`` (inclusive) to ``end`` (exclusive), by the clocks of ``zone``.

    A day must be one of the weekdays (0 is Monday), the days of the month (-1 is the last) and the months; an
    empty set allows any. An ``end`` not after ``start``, including 24:00, is on the next day; the day on
    which it begins counts. When clocks go forward, a time that does not exist is skipped; when they go back,
    a time that occurs twice counts twice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weekdays: frozenset[Annotated[int, Field(ge=0, le=6)]] = frozenset()
    days: frozenset[DayOfMonth] = frozenset()
    months: frozenset[Annotated[int, Field(ge=1, le=12)]] = frozenset()
    start: time
    end: Annotated[time, BeforeValidator(_midnight)]
    zone: ZoneName

    @classmethod
    def parse(cls, text: str, zone: str) -> Self:
        """Parse ``sat,sun 22:00-24:00``: weekdays, days of the month, months and hours, separated by spaces.

        Raises:
            ValueError: it is something else; one line that says what to write.
        """
        fields: dict[str, object] = {"zone": zone}
        for word in text.lower().split():
            if re.fullmatch(HOURS, word):
                fields["start"], fields["end"] = word.split("-")
            elif re.fullmatch(rf"{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*", word):
                fields["days"] = _days(word)
            elif (found := named(word, WEEKDAYS)) is not None:
                fields["weekdays"] = found
            elif (found := named(word, MONTHS)) is not None:
                fields["months"] = {number + 1 for number in found}
            else:
                raise ValueError(f"{word!r} is neither days nor hours; write for example mon-fri 22:00-24:00")
        if "start" not in fields:
            raise ValueError("has no hours; write for example mon-fri 22:00-24:00")
        return cls.model_validate(fields)

    @property
    def words(self) -> str:
        """Return it as ``parse`` reads it, followed by the zone."""
        end = "24:00" if self.end == time() else f"{self.end:%H:%M}"
        parts = [
            ",".join(WEEKDAYS[number] for number in sorted(self.weekdays)),
            ",".join(map(str, sorted(self.days))),
            ",".join(MONTHS[number - 1] for number in sorted(self.months)),
            f"{self.start:%H:%M}-{end}",
        ]
        return f"{' '.join(filter(None, parts))} {self.zone}"

    def covers(self, now: datetime) -> bool:
        """Return whether a time is within it."""
        local = now.astimezone(ZoneInfo(self.zone))
        at, today = local.time(), local.date()
        if self.start < self.end:
            return self._begins_on(today) and self.start <= at < self.end
        yesterday = today - timedelta(days=1)
        return (self._begins_on(today) and at >= self.start) or (self._begins_on(yesterday) and at < self.end)

    def _begins_on(self, day: date) -> bool:
        from_the_end = day.day - monthrange(day.year, day.month)[1] - 1
        return (
            (not self.weekdays or day.weekday() in self.weekdays)
            and (not self.days or not self.days.isdisjoint({day.day, from_the_end}))
            and (not self.months or day.month in self.months)
        )


def named(text: str, names: Sequence[str]) -> frozenset[int] | None:
    """Return the numbers of names such as ``mon-wed,sun``; None if one is unknown.

    A range may wrap around: ``sat-mon``.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in names or (last or first) not in names:
            return None
        begin, end = names.index(first), names.index(last or first)
        found |= {(begin + step) % len(names) for step in range((end - begin) % len(names) + 1)}
    return frozenset(found)


def _days(text: str) -> frozenset[int]:
    """Return the days of the month in ``1-7,25--1``; a range may go on into the next month: ``28-3``.

    Raises:
        ValueError: a day does not exist, or a range cannot be told without the month's length.
    """
    found: set[int] = set()
    for part in text.split(","):
        span = re.fullmatch(rf"({_DAY})-({_DAY})", part)
        first, last = (int(span[1]), int(span[2])) if span else (int(part), int(part))
        if not all(1 <= abs(day) <= _LONGEST_MONTH for day in (first, last)):
            raise ValueError(f"{part!r} is no day; each {_DAYS}")
        if not (between := _days_between(first, last)):
            raise ValueError(
                f"{part!r} is no range of days; write for example 25--1 (up to the last), "
                "-3--1 (the last three) or 28-3 (into the next month)"
            )
        found |= between
    return frozenset(found)


def _days_between(first: int, last: int) -> set[int]:
    """Return the days from one to another; none if which ones depends on the month's length."""
    if first <= last and (first > 0 or last < 0):
        return set(range(first, last + 1))
    if last > 0:  # over the end of the month
        end = 0 if first < 0 else _LONGEST_MONTH + 1
        return {*range(first, end), *range(1, last + 1)}
    return set(range(first, _LONGEST_MONTH + 1)) if first > 0 and last == -1 else set()
