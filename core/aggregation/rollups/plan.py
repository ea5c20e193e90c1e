"""Plan which stored roll-ups and which calls a period is read from; a pure function."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from core.clock import day_bounds
from core.storage.recording.dirty_windows import WINDOW
from core.types import Period

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Plan:
    """Parts that together cover a period exactly once: whole local days, quarter hours, and single calls."""

    days: list[date] = field(default_factory=list)
    windows: list[Period] = field(default_factory=list)
    calls: list[Period] = field(default_factory=list)


def plan(
    period: Period, zone: tzinfo, stale: Collection[datetime], unmerged: Collection[datetime] | None
) -> Plan:
    """Return how to read a half-open period.

    The largest stored documents that are up to date, calls for the rest.

    Parts must not overlap and must not leave a gap, because every figure is a sum over them. What is stale is
    read from calls, so a figure is right as soon as a call is recorded, not only after the next refresh.

    Args:
        period: start (inclusive) and end (exclusive).
        zone: the time zone whose days are meant.
        stale: quarter hours whose stored documents are behind the calls.
        unmerged: quarter hours that the stored days do not include yet; None if stored days cannot be used.
    """
    start, end = period
    first, last = up(start), down(end)
    if first >= last:
        return Plan(calls=[period])
    result = Plan(calls=[(start, first)] if start < first else [])
    days = [] if unmerged is None else _whole_days(first, last, zone, {*stale, *unmerged})
    at = first
    for day, (begin, over) in days:
        _add_windows(result, at, begin, stale)
        result.days.append(day)
        at = over
    _add_windows(result, at, last, stale)
    if last < end:
        result.calls.append((last, end))
    return result


def up(moment: datetime) -> datetime:
    """Return the first start of a UTC quarter hour at or after the moment."""
    return _EPOCH - (_EPOCH - moment) // WINDOW * WINDOW


def down(moment: datetime) -> datetime:
    """Return the last start of a UTC quarter hour at or before the moment."""
    return _EPOCH + (moment - _EPOCH) // WINDOW * WINDOW


def _whole_days(
    first: datetime, last: datetime, zone: tzinfo, behind: Collection[datetime]
) -> list[tuple[date, Period]]:
    """Return the local days inside [first, last) whose stored documents are complete, with their bounds."""
    stale = {window.astimezone(zone).date() for window in behind}
    day, days = first.astimezone(zone).date(), []
    while (bounds := day_bounds(day, zone))[0] < last:
        begin, over = bounds
        # Some historical zone offsets put the start of a day inside a quarter hour; such days are read from
        # calls.
        whole = first <= begin and over <= last and begin == down(begin) and over == down(over)
        if whole and day not in stale:
            days.append((day, bounds))
        day += timedelta(days=1)
    return days


def _add_windows(result: Plan, start: datetime, end: datetime, stale: Collection[datetime]) -> None:
    """Add [start, end) to the plan as quarter hours, with the stale ones as calls; merge adjacent periods."""
    at = start
    for window in sorted(window for window in stale if start <= window < end):
        if at < window:
            result.windows.append((at, window))
        at = window + WINDOW
        if result.calls and result.calls[-1][1] == window:
            result.calls[-1] = (result.calls[-1][0], at)
        else:
            result.calls.append((window, at))
    if at < end:
        result.windows.append((at, end))
