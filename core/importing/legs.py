"""Calls whose legs are in several rows: the rows with one call_id become one call."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, TypeVar, get_args

from pydantic import BaseModel

from core.models.calls.parts import Origin
from core.models.definitions import CostPart
from core.models.metrics import MAX_CALL_SECONDS, CallCost, CallMetrics, CallStatus

Part = TypeVar("Part", bound=BaseModel)
MOST_OPEN = 50_000
"""How many calls may still get a leg. A later leg replaces its call, as it would without joining."""
_BEST_FIRST = (CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.NO_ANSWER)
_SUMS = ("total_turns", "user_turns", "interruptions", "agent_interruptions", "talk_seconds")
_ENDING = ("end_reason", "end_reason_raw", "fault", "hangup_by")
"""Taken from the better leg only: how the other one ended is not how the call ended."""
_FLAGS = ("qualification_completed", "handoff_triggered")
_PARTS = ("telephony", "links", "compliance")
"""Made of keys, each of which any leg may know."""
_MOST = 1_000_000
_MOST_ERRORS = 1_000


class Legs:
    """Joins the calls of one file, in the order of their first legs."""

    def __init__(self) -> None:
        self._open: dict[str, CallMetrics] = {}
        self.joined = 0
        """Rows that became part of an earlier row's call."""

    def add(self, calls: Iterable[CallMetrics]) -> list[CallMetrics]:
        """Add calls; return those for which no further leg is expected."""
        for call in calls:
            if (known := self._open.get(call.call_id)) is not None:
                self.joined += 1
            self._open[call.call_id] = join(known, call) if known else call
        over = max(0, len(self._open) - MOST_OPEN)
        return [self._open.pop(call_id) for call_id in list(self._open)[:over]]

    def rest(self) -> list[CallMetrics]:
        """Return all that are left at the end of the file."""
        left = list(self._open.values())
        self._open = {}
        return left


def join(one: CallMetrics, other: CallMetrics) -> CallMetrics:
    """Return one call from two legs: from the first start to the last end, with the better outcome.

    Counts, costs and errors are added up; what was done or said in any leg, such as an opt-out, is true of
    the call. For everything else the earlier leg counts, if it has a value.
    """
    first, second = sorted((one, other), key=lambda leg: leg.start_time)
    fields: dict[str, Any] = {
        name: getattr(first, name) if getattr(first, name) is not None else getattr(second, name)
        for name in CallMetrics.model_fields
    }
    if first.language == "unknown":
        fields["language"] = second.language
    best = min((first, second), key=lambda leg: _BEST_FIRST.index(CallStatus(leg.status)))
    fields["status"] = best.status
    if first.status != second.status:
        fields |= {name: getattr(best, name) for name in _ENDING}
    fields |= {name: getattr(first, name) or getattr(second, name) for name in _FLAGS}
    fields |= {name: _parts(getattr(first, name), getattr(second, name)) for name in _PARTS}
    fields |= {name: _sum(getattr(first, name), getattr(second, name)) for name in _SUMS}
    fields["errors"] = [*first.errors, *second.errors][:_MOST_ERRORS]
    fields["metadata"] = second.metadata | first.metadata
    fields["cost"] = _costs(first.cost, second.cost)
    ends = [leg.end_time for leg in (first, second) if leg.end_time is not None]
    latest = first.start_time + timedelta(seconds=MAX_CALL_SECONDS)
    fields["end_time"] = min(max(ends), latest) if ends else None
    if fields["end_time"] is not None:
        begin = fields["answered_at"] or first.start_time
        fields["duration_seconds"] = (fields["end_time"] - begin).total_seconds()
    return first.model_copy(update=fields)


def _parts(one: Part | None, other: Part | None) -> Part | None:
    """Return a part of the call with the keys of both legs; a flag is true if it is in either."""
    if one is None or other is None:
        return one or other
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in type(one).model_fields}
    return one.model_copy(
        update={
            name: True if second is True else second if first is None else first
            for name, (first, second) in pairs.items()
        }
    )


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else min((one or 0) + (other or 0), _MOST)


def _costs(one: CallCost | None, other: CallCost | None) -> CallCost | None:
    """Return the sum of the costs; for a part in two currencies, only the rupees."""
    if one is None or other is None:
        return one or other
    sums = {part: _amounts(one, other, part) for part in get_args(CostPart)}
    origins = {part: origin for part, (_, origin) in sums.items() if origin is not None}
    rupees = {part: amount for part, (amount, _) in sums.items()}
    return CallCost.model_validate({**rupees, "origins": origins})


def _amounts(one: CallCost, other: CallCost, part: CostPart) -> tuple[float | None, Origin | None]:
    """Return the rupees of a part in two costs, and the original amounts if both are in one currency."""
    given = [(getattr(cost, part), (cost.origins or {}).get(part)) for cost in (one, other)]
    given = [pair for pair in given if pair != (None, None)]
    if len(given) < 2:  # noqa: PLR2004 (both)
        return given[0] if given else (None, None)
    (rupees, origin), (more, others) = given
    known = None if rupees is None or more is None else _sum(rupees, more)
    rates = {one.rate for one in (origin, others) if one and one.rate}
    if origin is None or others is None or origin.currency != others.currency or len(rates) > 1:
        return known, None
    rate = rates.pop() if rates else None
    total = origin.model_copy(update={"amount": _sum(origin.amount, others.amount), "rate": rate})
    return total.rupees, total
