"""When the rules of calling next allow a call to a lead: a pure function of its calls and the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.aggregation.compliance.terms import Terms
from core.clock import day_bounds
from core.models.hours import Hours

_STEPS = 8
"""More steps than the rules can postpone a call, counting each time that one makes another apply again."""
_AHEAD = timedelta(days=2)
OPTED_OUT = "the lead asked not to be called again"


@dataclass(frozen=True)
class NextCall:
    """The earliest time at which a lead may be called, and the rules that determine it.

    ``at`` is None if no call is allowed any more; without ``reasons`` nothing prevents one now.
    """

    at: datetime | None
    reasons: tuple[str, ...] = ()


def next_call(
    calls: Sequence[datetime], terms: Terms, now: datetime, *, purpose: str | None, opted_out: bool
) -> NextCall:
    """Return when a lead may next be called, ``now`` at the earliest.

    Args:
        calls: when outbound calls to the lead began, in any order.
        terms: the rules in force.
        now: the time.
        purpose: the purpose of the next call, in a source's word; None if unknown.
        opted_out: whether the lead asked not to be called again.
    """
    if opted_out:
        return NextCall(None, (OPTED_OUT,))
    at, reasons = now, list[str]()
    for _ in range(_STEPS):
        later, why = max(
            (_after_gap(calls, terms, at), _after_day(calls, terms, at), _in_hours(terms, purpose, at)),
            key=lambda found: found[0],
        )
        if later <= at:
            break
        at, reasons = later, [*(one for one in reasons if one != why), why]
    return NextCall(at, tuple(reasons))


def _after_gap(calls: Sequence[datetime], terms: Terms, at: datetime) -> tuple[datetime, str]:
    """Return the time after the minimum gap since the previous call."""
    last = max(calls, default=None)
    minutes = int(terms.gap.total_seconds() // 60)
    return (at if last is None else max(at, last + terms.gap)), f"{minutes} min between calls"


def _after_day(calls: Sequence[datetime], terms: Terms, at: datetime) -> tuple[datetime, str]:
    """Return the time after a day whose attempts are used up."""
    start, end = day_bounds(at.astimezone(terms.zone).date(), terms.zone)
    used = sum(start <= call < end for call in calls)
    full = bool(terms.attempts) and used >= terms.attempts
    return (end if full else at), f"{terms.attempts} calls a day"


def _in_hours(terms: Terms, purpose: str | None, at: datetime) -> tuple[datetime, str]:
    """Return the time at which calling hours begin."""
    hours = terms.hours_of(purpose)
    if hours is None:
        return at, ""
    known = Hours.parse(hours, terms.zone)
    if known.cover(at):
        return at, ""
    closed = next(iter(known.closed_between(at, at + _AHEAD)), None)
    return (at if closed is None else closed[1].astimezone(at.tzinfo)), f"calling hours {hours}"
