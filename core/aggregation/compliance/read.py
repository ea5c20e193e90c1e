"""Read the calls of a period, and whatever else the rules of calling need, and judge them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
from pymongo.database import Database

from core.aggregation.compliance.judge import COLUMNS, Judged, judge
from core.aggregation.compliance.terms import Terms
from core.aggregation.rollups.call_frames import CallFilters, TimeField, calls_query
from core.aggregation.rollups.foreign_values import read_past
from core.errors import TooMuchError
from core.privacy.sensitive import ending_of, person_of, phone_of
from core.settings import get_settings
from core.storage.archive.opt_outs import archived_opt_outs
from core.storage.collections import CALLS
from core.storage.columns import find_frame
from core.storage.restrictions import hiding
from core.types import Document

MOST_JUDGED = 300_000
"""Most calls read at once; each is judged by all rules. ``days`` reads more, one day at a time."""
MOST_LEADS = 10_000
"""Most leads that are looked up one by one among those who asked for no more calls; of more, all are read."""
_MOMENT = pa.timestamp("ms", tz="UTC")
_TYPES: dict[str, pa.DataType] = {
    "start_time": _MOMENT,
    "end_time": _MOMENT,
    "dnd_checked_at": _MOMENT,
    "disclosure_given": pa.bool_(),
    "recording_notice": pa.bool_(),
    "opt_out": pa.bool_(),
}
_PLACES = {
    "call_id": "_id",
    **{
        name: f"compliance.{name}"
        for name in ("consent_id", "disclosure_given", "recording_notice", "dnd_checked_at", "opt_out")
    },
    "number_series": "telephony.number_series",
}
"""Where a column is stored, if not under its own name."""
_SCHEMA = {name: _TYPES.get(name, pa.string()) for name in COLUMNS}
_BSON = {_MOMENT: "date", pa.bool_(): "bool", pa.string(): "string"}
_READ_PAST = {"call_id", "start_time", "end_time", "direction", "status", "language", "campaign"}


def _projected(name: str) -> object:
    """Return a column; a value of another type, written by another tool, counts as missing."""
    place = f"${_PLACES.get(name, name)}"
    if name in _READ_PAST:
        return place
    return {"$cond": [{"$eq": [{"$type": place}, _BSON[_SCHEMA[name]]]}, place, None]}


_PROJECTION: Document = {"_id": 0} | {name: _projected(name) for name in COLUMNS}


def load_compliance(
    database: Database[Document],
    start: datetime,
    end: datetime,
    filters: CallFilters | None = None,
    *,
    by: TimeField = "start_time",
) -> Judged:
    """Check the calls of [start, end) against the rules of calling; archived ones are not read.

    Only calls that match the filters are judged, but a lead's other calls count for the rules about attempts.
    Violations of hidden leads count, and are not listed.

    Raises:
        TooMuchError: there are more than MOST_JUDGED calls, including those needed to count attempts and
            gaps.
        PyMongoError: the database does not answer.
    """
    terms = Terms.of(get_settings())
    calls = _read(database, calls_query(start, end, by, filters))
    wanted = pd.Series(data=True, index=calls.index)
    if terms.look_back and len(calls):
        first, last = calls["start_time"].min().to_pydatetime(), calls["start_time"].max().to_pydatetime()
        # Without filters the period's own calls are all there already.
        is_whole = by == "start_time" and not (filters and filters.query())
        until = {"$lt": start} if is_whole else {"$lte": last}
        period = {"$gte": terms.looks_back_to(first), **until}
        others = _read(database, {"start_time": period, "direction": "outbound"})
        others = others[~others["call_id"].isin(calls["call_id"])]
        wanted = pd.concat([wanted, pd.Series(data=False, index=others.index)], ignore_index=True)
        _refuse_more(len(wanted))
        calls = pd.concat([calls, others], ignore_index=True)
    order = calls.sort_values(["start_time", "call_id"], kind="stable").index
    calls, wanted = calls.loc[order].reset_index(drop=True), wanted.loc[order].reset_index(drop=True)
    leads = calls.loc[wanted, "lead_id"].dropna().unique().tolist()
    judged = judge(calls, terms, opted_out(database, end, leads), wanted)
    named = judged.violations["lead_id"].dropna().unique()
    return replace(judged, hidden=frozenset(filter(hiding(database), named)))


def judge_lead(database: Database[Document], lead_ids: Sequence[str], since: datetime) -> Judged:
    """Check the calls of one lead from ``since`` on against the rules of calling; archived ones are not read.

    Args:
        database: the store.
        lead_ids: all ids the lead is stored under.
        since: calls that began earlier are not judged, but count for the rules about attempts.

    Raises:
        PyMongoError: the database does not answer.
    """
    terms = Terms.of(get_settings())
    first = terms.looks_back_to(since) if terms.look_back else since
    # The type, too: the index has texts alone, and is used for nothing that could be another value.
    known = {"$in": list(lead_ids), "$type": "string"}
    calls = _read(database, {"lead_id": known, "start_time": {"$gte": first}})
    calls = calls.sort_values(["start_time", "call_id"], kind="stable").reset_index(drop=True)
    asked = first_opt_out(database, lead_ids)
    opted = dict.fromkeys(map(person_of, lead_ids), asked) if asked else {}
    return judge(calls, terms, opted, calls["start_time"] >= since)


def first_opt_out(database: Database[Document], lead_ids: Sequence[str]) -> datetime | None:
    """Return when the first call began in which a lead asked not to be called again; None if there is none.

    Of a phone, under whatever spelling it was called then. Archived calls count.

    Raises:
        PyMongoError: the database does not answer.
    """
    phones = {phone for lead in lead_ids if (phone := phone_of(lead)) is not None}
    spelt: list[str | re.Pattern[str]] = [*lead_ids, *(re.compile(ending_of(phone)) for phone in phones)]
    asked = _first(_asked(database, spelt), datetime.max.replace(tzinfo=UTC))
    return min((asked[one] for one in {*map(person_of, lead_ids)} if one in asked), default=None)


def _asked(
    database: Database[Document], leads: Sequence[str | re.Pattern[str]] | None, most: int = 0
) -> list[Document]:
    """Return lead and start of calls, archived ones too, in which somebody opted out; ``most`` of each."""
    query: Document = {"compliance.opt_out": True}
    if leads is not None:
        query["lead_id"] = {"$in": list(leads)}
    stored = database[CALLS].find(query, {"_id": 0, "lead_id": 1, "start_time": 1}, limit=most)
    archived = archived_opt_outs(database, leads, most)
    return [*stored, *({"lead_id": lead, "start_time": at} for lead, at in archived.items())]


def _read(database: Database[Document], query: Document) -> pd.DataFrame:
    # By the index: that there are too many is known in a fraction of the time it takes to read them.
    beyond = database[CALLS].find(query, {"_id": 0, "start_time": 1}, skip=MOST_JUDGED, limit=1)
    _refuse_more(MOST_JUDGED + len(beyond.to_list()))
    most = MOST_JUDGED + 1
    found = read_past(
        lambda sound: find_frame(database[CALLS], sound, _SCHEMA, projection=_PROJECTION, limit=most),
        database[CALLS],
        query,
    )
    calls: pd.DataFrame = found.calls
    _refuse_more(len(calls))
    return calls[calls["start_time"].notna()].reset_index(drop=True)


def _refuse_more(calls: int) -> None:
    if calls > MOST_JUDGED:
        raise TooMuchError(
            f"more than {MOST_JUDGED:,} calls, too many to hold against the rules at once; "
            "choose a shorter period, or check day by day with: python -m core compliance"
        )


def opted_out(database: Database[Document], until: datetime, leads: Sequence[str]) -> dict[str, datetime]:
    """Return when a person's first call began, before ``until``, in which it asked not to be called again.

    Of these leads, by ``person_of``; of many, and where any is a phone, of all: a phone may have been called
    under any spelling. Archived calls count.

    Raises:
        TooMuchError: there are more than MOST_JUDGED such calls.
        PyMongoError: the database does not answer.
    """
    few = len(leads) <= MOST_LEADS and not any(phone_of(lead) for lead in leads)
    rows = _asked(database, leads if few else None, MOST_JUDGED + 1)
    if len(rows) > MOST_JUDGED:
        raise TooMuchError(
            f"more than {MOST_JUDGED:,} calls in which a lead asked for no more, too many to look up at "
            f"once; choose a shorter period, with {MOST_LEADS:,} leads at most and no phones as lead ids"
        )
    return _first(rows, until)


def _first(rows: Iterable[Document], until: datetime) -> dict[str, datetime]:
    """Return the first time before ``until`` of each person."""
    first: dict[str, datetime] = {}
    for row in rows:
        lead, at = row.get("lead_id"), row.get("start_time")
        if isinstance(lead, str) and isinstance(at, datetime):
            moment = at if at.tzinfo else at.replace(tzinfo=UTC)
            if moment < until:
                person = person_of(lead)
                first[person] = min(moment, first.get(person, moment))
    return first
