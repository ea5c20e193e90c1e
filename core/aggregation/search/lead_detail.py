"""One lead as a whole: every attempt to reach it, how each went, and what the rules of calling allow next."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pymongo.database import Database

from core.aggregation.compliance.next_call import NextCall, next_call
from core.aggregation.compliance.read import first_opt_out, judge_lead
from core.aggregation.compliance.terms import Terms
from core.models.metrics import CallMetrics
from core.privacy.sensitive import lead_ids_of, usual_spellings
from core.settings import get_settings
from core.storage.calls import readable
from core.storage.collections import CALLS, TURNS
from core.storage.restrictions import restriction_of
from core.types import Document

MOST_ATTEMPTS = 200
"""How many calls of a lead are read, newest first."""


@dataclass(frozen=True)
class Waits:
    """How long a lead waited in the turns of one call, in milliseconds; ``turns`` is how many have a wait."""

    mean: float
    longest: float
    turns: int


@dataclass(frozen=True)
class Attempt:
    """A call with a lead, its waits, and the rules of calling it violates."""

    call: CallMetrics
    waits: Waits | None
    violations: tuple[str, ...] = ()

    @property
    def longest_silence(self) -> float | None:
        """Return the length of the longest silence in seconds; None if none was reported."""
        return max((one.seconds for one in self.call.silences or ()), default=None)


@dataclass(frozen=True)
class WholeLead:
    """A lead's calls, newest first; ``count`` is how many there are, of which at most 200 are included."""

    lead_id: str
    attempts: tuple[Attempt, ...]
    count: int
    next: NextCall
    opted_out_at: datetime | None = None
    ids: tuple[str, ...] = field(default=())
    """The ids the lead is stored under."""

    @property
    def answered(self) -> int:
        """Return how many attempts reached somebody."""
        return sum(one.call.status != "no_answer" for one in self.attempts)


def whole_lead(database: Database[Document], lead_id: str, now: datetime) -> WholeLead | None:
    """Return a lead by its id, or by the phone that is its id; None if it has no calls, or is hidden.

    Of a phone, calls under all its usual spellings are included, and under others an opt-out. Archived calls
    are not included.

    Raises:
        PyMongoError: the database does not answer.
    """
    ids = _stored_as(database, lead_id)
    query = {"lead_id": _any_of(ids), "state": {"$ne": "open"}}
    if restriction_of(database, ids) is not None:
        return None
    rows = database[CALLS].find(query).sort("start_time", -1).limit(MOST_ATTEMPTS).to_list()
    calls = readable(rows)
    if not calls:
        return None
    count = len(rows)  # also those that cannot be read, which are not among the attempts
    if count == MOST_ATTEMPTS:
        count = database[CALLS].count_documents(query)
    waits, flags = _waits(database, calls), _violations(database, ids, calls[-1].start_time)
    attempts = tuple(Attempt(call, waits.get(call.call_id), flags.get(call.call_id, ())) for call in calls)
    asked = first_opt_out(database, ids)
    outbound = [call.start_time for call in calls if call.direction == "outbound"]
    purpose = next((call.purpose for call in calls if call.purpose), None)
    allowed = next_call(outbound, Terms.of(get_settings()), now, purpose=purpose, opted_out=asked is not None)
    return WholeLead(lead_id, attempts, count, allowed, asked, tuple(ids))


def _stored_as(database: Database[Document], lead_id: str) -> list[str]:
    """Return the ids of a lead, and the usual spellings of its phone that any call has."""
    usual = usual_spellings(lead_id)
    known = lead_ids_of(lead_id)
    if len(usual) == len(known):
        return known
    found = database[CALLS].distinct("lead_id", {"lead_id": _any_of(usual)})
    return list(dict.fromkeys([*known, *sorted(found)]))


def _any_of(ids: Sequence[str]) -> Document:
    # The index of leads has texts alone: without the type it is not used.
    return {"$in": list(ids), "$type": "string"}


def _waits(database: Database[Document], calls: Sequence[CallMetrics]) -> dict[str, Waits]:
    """Return the waits in the turns of each call."""
    wanted = {"call_id": {"$in": [call.call_id for call in calls]}, "e2e_ms": {"$type": "number"}}
    figures = {"mean": {"$avg": "$e2e_ms"}, "longest": {"$max": "$e2e_ms"}, "turns": {"$sum": 1}}
    rows = database[TURNS].aggregate([{"$match": wanted}, {"$group": {"_id": "$call_id", **figures}}])
    return {str(row.pop("_id")): Waits(**row) for row in rows}


def _violations(
    database: Database[Document], ids: Sequence[str], since: datetime
) -> dict[str, tuple[str, ...]]:
    """Return the rules that each call violates, by their keys in the table of rules."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    rows = judge_lead(database, ids, since).violations
    for call_id, kind in zip(rows["call_id"], rows["kind"], strict=True):
        found[str(call_id)].append(str(kind))
    return {call_id: tuple(kinds) for call_id, kinds in found.items()}
