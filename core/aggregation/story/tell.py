"""From two cubes to a story: what got worse, since when, for which calls, and why. Pure functions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from core.aggregation.cube import Cube
from core.aggregation.rollups.buckets import SECONDS
from core.aggregation.rollups.conditions import Bools
from core.aggregation.story import wording
from core.aggregation.story.attribution import Counts, explaining
from core.aggregation.story.finding import (
    FIELDS,
    LEAST_EXCESS,
    Finding,
    bounds,
    find,
    goes_on,
    having,
    within,
)
from core.aggregation.story.measures import LEAST_CALLS, Shares
from core.aggregation.story.shape import Reason, Story

FALLEN = 0.5
"""Fewer than this share of the earlier calls is reported."""
_FALLEN_FROM = 3 * LEAST_CALLS


@dataclass(frozen=True)
class Details:
    """What only calls can say: when the first bad one began, and counts by fields that cells do not have.

    For each field, ``fields`` has bad calls and all calls by value, for the spell and for the earlier period.
    """

    first: datetime | None = None
    fields: Mapping[str, tuple[Counts, Counts]] = field(default_factory=dict)


Look = Callable[[Finding, datetime, datetime], Details]
"""Reads the calls of a finding between two times."""


def _look_at_nothing(_finding: Finding, _start: datetime, _end: datetime) -> Details:
    return Details()


def tell(now: Cube, before: Cube, look: Look = _look_at_nothing) -> Story:
    """Return what is worse in a period than in the one it is compared with, or that everything is normal.

    Args:
        now: the period, with campaigns.
        before: what it is compared with: the same filters and ``finest`` bucket.
        look: reads the calls themselves; called only if something is wrong.
    """
    if has_fallen(now, before):
        fallen = _fallen(now, before)
    elif now.total < LEAST_CALLS:
        return _unknown(f"Too few calls to tell ({now.total:,})")
    elif before.total < LEAST_CALLS:
        return _unknown(f"Too few calls to compare with ({before.total:,})")
    else:
        fallen = Story(normal=True, headline=wording.NORMAL)
    finding = find(now, before) if now.total >= LEAST_CALLS else None
    return (
        fallen if finding is None else _told(now, before, finding, look(finding, *bounds(now, finding.spell)))
    )


def _unknown(headline: str) -> Story:
    return Story(normal=True, headline=headline, known=False)


def has_fallen(now: Cube, before: Cube) -> bool:
    """Return whether a period has so few calls, for its length so far, that this is what to report."""
    length, whole = min(now.end, now.read_at) - now.start, before.end - before.start
    lasted = min(max(length / whole, 0.0), 1.0)
    return before.total >= _FALLEN_FROM and now.total < FALLEN * before.total * lasted


def _fallen(now: Cube, before: Cube) -> Story:
    down, against = 1 - now.total / before.total, wording.against(now, before)
    return Story(
        normal=False,
        headline=f"Calls are down {100 * down:.0f} %: {now.total:,} instead of {before.total:,} {against}",
        measure="total_calls",
        calls=now.total,
    )


def _told(now: Cube, before: Cube, finding: Finding, details: Details) -> Story:
    spell, measure = finding.spell, finding.measure
    there, there_before = having(now, finding.filters) & within(now, spell), having(before, finding.filters)
    bad, calls = (int(of[there].sum()) for of in (measure.now.bad, measure.now.calls))
    lost = _lost(now, before, there, there_before)
    since, until = _since(now, finding, details), _until(now, finding)
    said = [
        *_cause(now, before, finding, there, there_before),
        wording.amount(bad, calls, finding.usual, measure.limit_ms),
        *([] if lost is None else [wording.lost_words(lost, wording.against(now, before))]),
    ]
    verb = wording.VERBS[measure.key]
    did = verb.ongoing if goes_on(now, spell) else verb.over
    when = wording.when(since, until, now.end.astimezone(now.zone), days=now.finest not in SECONDS)
    return Story(
        normal=False,
        headline=f"{wording.subject(finding.filters)} {did}{when}: {', '.join(said)}",
        since=since,
        until=until,
        lost=lost,
        reasons=tuple(sorted(_reasons(now, before, finding, details), key=lambda reason: -reason.share)),
        measure=measure.key,
        limit_ms=measure.limit_ms,
        filters=finding.filters,
        calls=bad,
    )


def _since(now: Cube, finding: Finding, details: Details) -> datetime | None:
    """Return when it began: the minute of the first bad call, if known."""
    if not finding.spell.first:
        return None
    start, _ = bounds(now, finding.spell)
    exact = now.finest in SECONDS and details.first is not None and details.first >= start
    return (details.first if exact and details.first else start).astimezone(now.zone)


def _until(now: Cube, finding: Finding) -> datetime | None:
    """Return when it ended; for days, the last one. None if it lasts to the end of the period."""
    if finding.spell.last == len(now.index(now.finest)):
        return None
    _, end = bounds(now, finding.spell)
    return (end if now.finest in SECONDS else end - timedelta(microseconds=1)).astimezone(now.zone)


def _lost(now: Cube, before: Cube, there: Bools, there_before: Bools) -> float | None:
    """Return what the missing qualified leads cost, in rupees, at the earlier period's cost per lead."""
    leads, dialled = before.counted("qualified_calls"), before.counted("total_calls")
    spent = float(before.cells.costs.sum())
    if not (leads.sum() and spent and dialled[there_before].sum()):
        return None
    rate = leads[there_before].sum() / dialled[there_before].sum()
    missed = float(
        rate * now.counted("total_calls")[there].sum() - now.counted("qualified_calls")[there].sum()
    )
    return missed * spent / float(leads.sum()) if missed >= 1 else None


def _cause(now: Cube, before: Cube, finding: Finding, there: Bools, there_before: Bools) -> Iterator[str]:
    """Yield the kind of error that increased most, if calls failed or had errors."""
    if finding.measure.key not in {"failure_rate", "error_rate"}:
        return
    calls_before = int(before.counted("total_calls")[there_before].sum())
    scale = int(now.counted("total_calls")[there].sum()) / max(calls_before, 1)
    usual = _kinds(before, there_before)
    more = {kind: n - scale * usual.get(kind, 0) for kind, n in _kinds(now, there).items() if kind}
    kind = max(more, key=lambda one: more[one], default="")
    if kind and more[kind] >= LEAST_EXCESS:
        yield wording.cause(kind)


def _kinds(cube: Cube, there: Bools) -> dict[str, int]:
    """Return how many errors of each kind there are in these cells."""
    tally = cube.cells.tallies["errors"]
    rows = there[tally.cell]
    counts = np.bincount(tally.key[rows], tally.n[rows], len(tally.words)).astype(int).tolist()
    found: dict[str, int] = {}
    for (kind, _), count in zip(tally.words, counts, strict=True):
        found[kind or ""] = found.get(kind or "", 0) + count
    return found


def _reasons(now: Cube, before: Cube, finding: Finding, details: Details) -> Iterator[Reason]:
    everywhere, measure = np.ones(len(before.cells), np.bool_), finding.measure
    fields = {
        name: (
            _counts(now, name, measure.now, within(now, finding.spell)),
            _counts(before, name, measure.before, everywhere),
        )
        for name in FIELDS
    }
    for name, (counts, earlier) in {**fields, **details.fields}.items():
        for one in explaining(name, counts, earlier):
            words = wording.reason(one, measure.key)
            yield Reason(name, one.standout.value, one.share, one.standout.bad, words)


def _counts(cube: Cube, name: str, shares: Shares, there: Bools) -> Counts:
    values, number = cube.values(name)
    bad, calls = (
        np.bincount(number, of * there, len(values)).astype(int).tolist() for of in (shares.bad, shares.calls)
    )
    return {value: (bad[at], calls[at]) for at, value in enumerate(values) if calls[at]}
