"""Single calls: lists of a period, narrowed by facets, and search by id."""

import re
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters, calls_query
from core.aggregation.rollups.cells import MEASURES, SENTIMENT
from core.aggregation.rollups.conditions import query
from core.models.calls.endings import words_for
from core.models.definitions import COST_PARTS, COUNTS
from core.privacy.sensitive import lead_ids_of
from core.settings import get_settings
from core.storage.archive.archived_rows import find_archived
from core.storage.collections import CALLS
from core.storage.restrictions import is_hidden, visible
from core.storage.sealing.contents import OF_CALL
from core.storage.sealing.open import owners_with_phone
from core.types import Document

NUMBERS = (*MEASURES, SENTIMENT)
"""Fields with numbers that can be filtered by range, and ordered by."""
ANY = "any"
UNKNOWN = "unknown"
"""As a fault: it is not known whose it was."""
MOST_FOUND = 200
LONGEST_QUERY_MS = 10_000
TICK = timedelta(milliseconds=1)
"""The resolution of times in the database."""
_STAGE_COUNTS = {
    "answered": "answered_calls",
    "engaged": "engaged_calls",
    "qualified": "qualified_calls",
    "handed_off": "handoff_calls",
}
STAGES = tuple(_STAGE_COUNTS)
"""Stages of the funnel by which a list can be narrowed."""
COST: Document = {"$sum": [{"$ifNull": [f"$cost.{part}", 0]} for part in COST_PARTS]}


MADE_BY = ("agent_version", "carrier", "llm_provider", "asr_provider", "tts_provider")
"""Facets about the software and suppliers that made a call."""


@dataclass(frozen=True)
class CallFacets:
    """What the calls of a list have in common beyond the filters; None matches all.

    ``fault`` is that of the ``error`` if one is given, else that of the end. ``weekday`` (0 is Monday) and
    ``hour`` are local; ``field`` lies in [low, high); ``without`` names a field of which they have no value.
    """

    lead_id: str | None = None
    stage: str | None = None
    error: str | None = None
    end_reason: str | None = None
    fault: str | None = None
    attempt: int | None = None
    weekday: int | None = None
    hour: int | None = None
    field: str | None = None
    low: float | None = None
    high: float | None = None
    agent_version: str | None = None
    carrier: str | None = None
    llm_provider: str | None = None
    asr_provider: str | None = None
    tts_provider: str | None = None
    without: str | None = None

    def query(self) -> Document:
        """Return the facets as a MongoDB query."""
        parts: list[Document] = []
        if self.stage in _STAGE_COUNTS:
            parts.append(query(COUNTS[_STAGE_COUNTS[self.stage]].where))
        if self.error is not None:
            parts.append(_error_query(self.error, self.fault))
        elif self.fault is not None:
            parts.append(_fault_query(self.fault))
        if self.end_reason is not None:
            parts.append({"end_reason": {"$in": words_for(self.end_reason)}})
        if self.lead_id is not None:
            ids = lead_ids_of(self.lead_id)
            parts.append({"lead_id": {"$in": ids} if len(ids) > 1 else self.lead_id})
        if self.attempt is not None:
            parts.append({"attempt": self.attempt})
        if self.weekday is not None or self.hour is not None:
            parts.append({"$expr": {"$and": self._local()}})
        if self.field in NUMBERS and (self.low is not None or self.high is not None):
            ends = {"$gte": self.low, "$lt": self.high}
            parts.append({self.field: {name: end for name, end in ends.items() if end is not None}})
        if self.without is not None:
            parts.append({self.without: {"$in": [None, ""]}})
        parts += [_made_by(name, value) for name in MADE_BY if (value := getattr(self, name)) is not None]
        return {"$and": parts} if parts else {}

    def _local(self) -> list[Document]:
        at = {"date": "$start_time", "timezone": get_settings().timezone}
        tests: list[Document] = []
        if self.hour is not None:
            tests.append({"$eq": [{"$hour": at}, self.hour]})
        if self.weekday is not None:
            tests.append({"$eq": [{"$isoDayOfWeek": at}, self.weekday + 1]})
        return tests

    @property
    def chosen(self) -> dict[str, Any]:
        """Return the facets that do not match all."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not None}


def _error_query(kind: str, fault: str | None) -> Document:
    """Return a query for calls with an error of a type and fault.

    Calls of schema version 1 have only types.
    """
    of = ({} if kind == ANY else {"type": kind}) | ({} if fault is None else _fault_query(fault))
    new = {"errors": {"$elemMatch": of}} if of else {"errors.0": {"$exists": True}}
    if fault not in {None, UNKNOWN}:
        return new
    return {"$or": [new, {"error_types.0": {"$exists": True}} if kind == ANY else {"error_types": kind}]}


def _made_by(facet: str, value: str) -> Document:
    kind, _, what = facet.partition("_")
    if what == "provider":
        return {"usage": {"$elemMatch": {"kind": kind, "provider": value}}}
    return {"telephony.provider" if facet == "carrier" else facet: value}


def _fault_query(fault: str) -> Document:
    return {"fault": None if fault == UNKNOWN else fault}


def list_query(start: datetime, end: datetime, filters: CallFilters, facets: CallFacets) -> Document:
    """Return a query for the calls that started in [start, end), with these filters and facets."""
    query = calls_query(start, end, "start_time", filters)
    return {"$and": [query, narrowed]} if (narrowed := facets.query()) else query


def count_calls(
    database: Database[Document],
    start: datetime,
    end: datetime,
    *,
    filters: CallFilters | None = None,
    facets: CallFacets | None = None,
    most: int = 0,
) -> int:
    """Return how many calls started in [start, end); counting stops at ``most``, unless that is 0.

    Raises:
        PyMongoError: the database does not answer, or needs more than 10 s.
    """
    query = visible(database, list_query(start, end, filters or CallFilters(), facets or CallFacets()))
    stop: dict[str, Any] = {"limit": most} if most else {}
    return database[CALLS].count_documents(query, maxTimeMS=LONGEST_QUERY_MS, **stop)


def find_documents(
    database: Database[Document],
    start: datetime,
    end: datetime,
    *,
    filters: CallFilters | None = None,
    facets: CallFacets | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[Document]:
    """Return the calls that started in [start, end) as stored, newest first, equal starts by id.

    The index is ordered by start. Only calls that start at the same moment as the page's first or last one
    are sorted, so that no page repeats or skips one of another page.

    Raises:
        PyMongoError: the database does not answer, or needs more than 10 s for a step.
    """
    calls = database[CALLS]
    query = visible(database, list_query(start, end, filters or CallFilters(), facets or CallFacets()))
    by_start = calls.find(query, {"start_time": 1}).sort("start_time", -1).skip(offset).limit(limit)
    starts = [row["start_time"] for row in by_start.max_time_ms(LONGEST_QUERY_MS)]
    if not starts:
        return []
    first, last = starts[0], starts[-1]
    newer = count_calls(database, first + TICK, end, filters=filters, facets=facets) if offset else 0
    skipped, page = max(0, offset - newer), list[Document]()
    if last < first:
        upper: Document = {"$and": [query, {"start_time": {"$gt": last, "$lte": first}}]}
        cursor = calls.find(upper).sort([("start_time", -1), ("_id", 1)]).skip(skipped).limit(limit)
        page, skipped = list(cursor.allow_disk_use(True).max_time_ms(LONGEST_QUERY_MS)), 0
    if len(page) < limit:
        same: Document = {"$and": [query, {"start_time": last}]}
        rest = calls.find(same).sort("_id", 1).skip(skipped).limit(limit - len(page))
        page += rest.allow_disk_use(True).max_time_ms(LONGEST_QUERY_MS)
    return page


_UNKNOWN = "is_unknown"
_COMPUTED: dict[str, tuple[Document, Document]] = {
    "cost": ({"total_cost": COST}, {"total_cost": -1}),
    # Null sorts before every number.
    SENTIMENT: (
        {_UNKNOWN: {"$not": [{"$isNumber": f"${SENTIMENT}"}]}},
        {_UNKNOWN: 1, SENTIMENT: 1},
    ),
}
"""What is added to each call for an order that no field has, and how it sorts."""


def list_calls(
    database: Database[Document],
    query: Document,
    *,
    order: str = "start_time",
    limit: int = 100,
    offset: int = 0,
) -> list[Document]:
    """Return the stored documents of a query, highest ``order`` first; for sentiment, lowest first.

    Calls without the value come last, so that a list has as many rows however it is ordered.

    Raises:
        PyMongoError: the database does not answer, or needs more than 10 s.
    """
    calls, query = database[CALLS], visible(database, query)
    if order in _COMPUTED:
        added, by = _COMPUTED[order]
        steps: list[Document] = [
            {"$match": query},
            {"$addFields": added},
            {"$sort": by | {"_id": 1}},
            {"$skip": offset},
            {"$limit": limit},
            {"$unset": _UNKNOWN},
        ]
        return list(calls.aggregate(steps, allowDiskUse=True, maxTimeMS=LONGEST_QUERY_MS))
    if order not in {"start_time", *NUMBERS}:
        raise ValueError(f"calls cannot be ordered by {order!r}")
    if order == "start_time":
        # The index has this order by itself; adding the id would sort all of a day's million calls.
        cursor = calls.find(query).sort("start_time", -1).skip(offset).limit(limit)
        return list(cursor.max_time_ms(LONGEST_QUERY_MS))
    cursor = calls.find(query).sort([(order, -1), ("_id", 1)]).skip(offset).limit(limit)
    return list(cursor.allow_disk_use(True).max_time_ms(LONGEST_QUERY_MS))


def search_calls(database: Database[Document], text: str) -> list[Document]:
    """Return the calls whose call_id or lead_id is the text or begins with it, at any time; newest first.

    For a phone this includes the calls that have it, if BLIND_INDEX_KEY is set. If there is none, the archive
    is searched for exactly this id.
    """
    wanted = text.strip()
    if not wanted:
        return []
    begins = {"$regex": f"^{re.escape(wanted)}"}
    known = {"start_time": {"$type": "date"}}  # open calls do not have one yet
    ways: list[Document] = [{"_id": begins}, {"lead_id": {"$type": "string"} | begins}]
    if ways_by_phone := with_phone(database, wanted):
        ways.append(ways_by_phone)
    query = visible(database, {"$or": ways, **known})
    newest = database[CALLS].find(query).sort("start_time", -1).limit(MOST_FOUND)
    found = list(newest.max_time_ms(LONGEST_QUERY_MS))
    if found:
        return found
    archived = find_archived(database, CALLS, "_id", [wanted])
    archived = archived or find_archived(database, CALLS, "lead_id", lead_ids_of(wanted))[:MOST_FOUND]
    return [call for call in archived if not is_hidden(database, call)]


def with_phone(database: Database[Document], text: str) -> Document | None:
    """Return a query for the calls that have a phone; None if the text is not a phone.

    Raises:
        PyMongoError: the database does not answer.
    """
    owners = owners_with_phone(database, text)
    if not owners:
        return None
    ids = [owner.removeprefix(OF_CALL) for owner in owners if owner.startswith(OF_CALL)]
    return {"$or": [{"lead_id": {"$in": owners}}, {"_id": {"$in": ids}}]}
