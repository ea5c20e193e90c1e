"""How much of a change in a rate each value of a field explains. Pure functions of counts.

E. M. Kitagawa, "Components of a difference between two rates", JASA 50 (1955). With w the value's share of
the calls, r its rate and R the rate of all calls, now (1) and before (0), a value contributes

    w1 (r1 - r0)  +  (w1 - w0) (r0 - R0)

The first term is its own change, the second that it makes up more or fewer of the calls. The contributions of
all values add up to R1 - R0. A value that did not exist before is compared with all calls of before: r0 = R0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.aggregation.story.standing_out import Standout, standing_out

LEAST_SHARE = 0.2
"""A value that explains less of the change than this is not given as a reason."""
Counts = Mapping[str, tuple[int, int]]
"""Bad calls and all calls, by value of a field."""


@dataclass(frozen=True)
class Explained:
    """A value with more bad calls than expected by chance, and the share of the change it explains."""

    standout: Standout
    share: float


def shares(now: Counts, before: Counts) -> dict[str, float]:
    """Return the share of the change in the rate that each value explains; all of them add up to 1.

    Empty if there is no change, or nothing to divide by. A single value may explain less than nothing, or
    more than everything.
    """
    bad, calls = _totals(now)
    bad_before, calls_before = _totals(before)
    if not calls or not calls_before:
        return {}
    rate_before = bad_before / calls_before
    change = bad / calls - rate_before
    if not change:
        return {}
    found = {}
    for value in {*now, *before}:
        of_now, of_before = now.get(value, (0, 0)), before.get(value, (0, 0))
        weight, weight_before = of_now[1] / calls, of_before[1] / calls_before
        own_before = of_before[0] / of_before[1] if of_before[1] else rate_before
        own = of_now[0] / of_now[1] if of_now[1] else own_before
        moved = weight * (own - own_before) + (weight - weight_before) * (own_before - rate_before)
        found[value] = moved / change
    return found


def _totals(counts: Counts) -> tuple[int, int]:
    return sum(bad for bad, _ in counts.values()), sum(calls for _, calls in counts.values())


def explaining(field: str, now: Counts, before: Counts) -> Iterator[Explained]:
    """Yield the values of a field that are reasons: beyond chance, and at least a fifth of the change."""
    share_of = shares(now, before)
    values = [*now]
    found = standing_out(
        field, values, [now[value][0] for value in values], [now[value][1] for value in values]
    )
    for one in found:
        if (share := share_of.get(one.value, 0.0)) >= LEAST_SHARE:
            yield Explained(one, min(share, 1.0))
