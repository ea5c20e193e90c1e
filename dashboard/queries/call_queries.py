"""Cached reads of calls: figures and cubes of a period, pages of the list, one call, what filters offer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st
from pymongo.errors import ExecutionTimeout

from core.access.personal import Naming, lead_names
from core.access.transcripts import Transcript, masked_transcript
from core.aggregation import activity, choices, series, tables
from core.aggregation.conversations.read import Conversations, conversations
from core.aggregation.cube import Cube, load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.buckets import HOURLY, Bucket
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.search.call_detail import WholeCall, whole_call
from core.aggregation.search.call_search import CallFacets, count_calls, list_calls, list_query, search_calls
from core.aggregation.search.lead_detail import WholeLead, whole_lead
from core.aggregation.search.slowest import SlowCall, slowest_calls
from core.aggregation.search.turn_latencies import TurnLatencies, turn_latencies
from core.clock import utc_now
from core.models.definitions import LATENCIES
from core.models.metrics import CallSummary
from core.storage import get_sync_database
from core.storage.archive.archived_rows import ArchiveUnreadableError, archived_rows
from core.storage.collections import CALLS
from core.types import Document
from dashboard.filters import Window
from dashboard.queries.cache import ANSWERS_KEPT

CUBES_KEPT = 24
MOST_READS = 3
"""So often cubes are read until they hold the same calls: on a busy store calls come in with each reading."""
BEFORE_BUCKET: Bucket = "1D"
"""Of a compared period nothing is drawn that needs a finer one."""
FACETS_OF = timedelta(days=90)
ROWS = 50
"""Of one page of a list."""
MOST_COUNTED = 100_000
"""Calls of a list are counted up to here."""
MOST_IN_CSV = 100_000
ENOUGH_COVERED = 0.9
"""A compared period with data of a smaller share of it says nothing."""


@dataclass(frozen=True)
class Figures:
    """The figures of a period and of the one before it, and their course over the period."""

    now: CallSummary
    before: CallSummary
    course: pd.DataFrame


@st.cache_resource(ttl=120, max_entries=CUBES_KEPT, show_spinner=False)
def cube(start: datetime, end: datetime, filters: CallFilters, bucket: Bucket) -> Cube:
    """The calls of a period without campaigns: figures and charts of one view are made from the same."""
    return load_cube(get_sync_database(), start, end, filters, bucket=bucket, campaigns=False)


def load(
    window: Window,
    filters: CallFilters,
    bucket: Bucket,
    fields: Sequence[str] = (),
    *,
    campaigns: bool = False,
) -> Cube:
    """Return the calls of a period with the percentiles that are asked for; not cached, its board is.

    Args:
        window: the period; its own bucket does not count.
        filters: which calls.
        bucket: the finest that is drawn.
        fields: whose percentiles; all that is left out saves time.
        campaigns: whether campaigns are told apart.
    """
    return load_cube(
        get_sync_database(),
        window.start,
        window.end,
        filters,
        bucket=bucket,
        fields=fields,
        campaigns=campaigns,
    )


def course(window: Window, filters: CallFilters) -> Cube:
    """The calls of a period in the buckets of its charts, or in finer ones that take no longer to read."""
    return cube(*_key(window, filters))


def _key(window: Window, filters: CallFilters) -> tuple[datetime, datetime, CallFilters, Bucket]:
    return window.start, window.end, filters, "1h" if window.bucket in HOURLY else window.bucket


def together(window: Window, filters: CallFilters, *reads: Callable[[], Cube]) -> list[Cube]:
    """The course of a period and cubes read otherwise, all of the same calls.

    The course may have been read for another page some seconds ago: where calls came in since, it is read
    anew, so that no figure has two values on one page.
    """
    for attempt in range(MOST_READS):
        cubes = [course(window, filters), *(read() for read in reads)]
        if len({one.total for one in cubes}) == 1 or attempt == MOST_READS - 1:
            break
        cube.clear(*_key(window, filters))  # of this one entry
    return cubes


def slowest(cube: Cube, name: str, filters: CallFilters) -> Sequence[SlowCall]:
    """Return the calls of a cube with the highest value of a field; not cached, its board is."""
    return slowest_calls(get_sync_database(), cube, name, filters.query())


def figures(calls: Cube, window: Window, filters: CallFilters) -> Figures:
    """The key figures of a period beside those of the compared one; not cached, their board is."""
    bucket = window.bucket
    rows = series.steady_rates(series.rates(calls, bucket))
    for name in LATENCIES:
        rows[name] = series.steady(series.percentile_series(calls, name, bucket))["p95"]
    return Figures(summary(calls), before(window, filters), rows)


def before(window: Window, filters: CallFilters) -> CallSummary:
    """The figures of the compared period; nothing of one that data only partly covers."""
    first, last = window.before, window.before_end
    if partly_covered(window):
        first, last = first - timedelta(days=2), first - timedelta(days=1)  # before the first call
    return summary(cube(first, last, filters, BEFORE_BUCKET))


def partly_covered(window: Window) -> str:
    """How much of the compared period there is data of, in words; "" where of all of it, or of nothing."""
    first, length = first_call(), window.before_end - window.before
    if first is None or not window.before < first < window.before_end:
        return ""
    covered = window.before_end - first
    if covered >= ENOUGH_COVERED * length:
        return ""
    days = length >= timedelta(days=2)
    unit, word = (timedelta(days=1), "days") if days else (timedelta(hours=1), "hours")
    return f"the compared period has data of {covered / unit:.0f} of {length / unit:.0f} {word}"


def turns(window: Window, filters: CallFilters) -> TurnLatencies | None:
    """Percentiles of single turns; None where the database gave up. Not cached, its board is."""
    try:
        return turn_latencies(get_sync_database(), window.start, window.end, filters)
    except ExecutionTimeout:
        return None


def newest_conversations(window: Window, filters: CallFilters) -> Conversations | None:
    """The newest calls of a period with what only they tell; None where the database gave up. Not cached."""
    try:
        return conversations(get_sync_database(), window.start, window.end, filters)
    except ExecutionTimeout:
        return None


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def first_call() -> datetime | None:
    """When the first call began that there are figures of."""
    return activity.first_call_start(get_sync_database())


def _identity(calls: Cube) -> tuple[object, ...]:
    return calls.read_at, calls.start, calls.end, calls.finest, calls.total


@st.cache_data(ttl=120, max_entries=4 * ANSWERS_KEPT, show_spinner=False, hash_funcs={Cube: _identity})
def summary(calls: Cube) -> CallSummary:
    """The figures of a whole cube."""
    return summarise(calls)


@st.cache_data(ttl=120, refresh_mode="background", show_spinner=False)
def languages() -> list[str]:
    """The languages that calls are stored in."""
    return choices.languages(get_sync_database())


@st.cache_data(ttl=120, refresh_mode="background", show_spinner=False)
def campaigns() -> list[str]:
    """The campaigns that calls belong to."""
    return choices.campaigns(get_sync_database())


@dataclass(frozen=True)
class FacetValues:
    """The kinds of errors and of ends that calls have."""

    error_types: list[str]
    end_reasons: list[str]


@st.cache_data(ttl=120, refresh_mode="background", show_spinner=False)
def facet_values() -> FacetValues:
    """What the list of calls can be narrowed to, from the roll-ups of the last 90 days."""
    end = utc_now()
    cube = load_cube(get_sync_database(), end - FACETS_OF, end, fields=(), campaigns=False)
    kinds, ends = tables.errors(cube), tables.ends(cube)
    return FacetValues(sorted({*kinds.iloc[:, 0]}), sorted({*ends.iloc[:, 0]} - {""}))


@dataclass(frozen=True)
class CallPage:
    """A page of the list of calls and how many there are; ``too_long``: the database gave up."""

    rows: list[Document]
    count: int
    too_long: bool = False
    archived: int = 0
    """Calls of the days that the period touches which are in the archive, and so not in the list."""
    at: datetime = field(default_factory=utc_now)
    """When they were read."""


@st.cache_data(ttl=30, max_entries=ANSWERS_KEPT, show_spinner=False)
def calls(window: Window, filters: CallFilters, facets: CallFacets, order: str, page: int) -> CallPage:
    """One page of the calls of a period."""
    database = get_sync_database()
    query = list_query(window.start, window.end, filters, facets)
    try:
        count = count_calls(
            database, window.start, window.end, filters=filters, facets=facets, most=MOST_COUNTED
        )
        rows = list_calls(database, query, order=order, limit=ROWS, offset=(page - 1) * ROWS)
    except ExecutionTimeout:
        return CallPage([], 0, too_long=True)
    return CallPage(rows, count, archived=archived_rows(database, CALLS, window.start, window.end))


def all_calls(window: Window, filters: CallFilters, facets: CallFacets, order: str) -> list[Document]:
    """The calls of a list for its CSV; not cached."""
    query = list_query(window.start, window.end, filters, facets)
    return list_calls(get_sync_database(), query, order=order, limit=MOST_IN_CSV)


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def search(text: str) -> list[Document]:
    """The calls whose id or whose lead's id begins with a text."""
    return search_calls(get_sync_database(), text)


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def one_call(call_id: str) -> WholeCall | None:
    """One call with all that belongs to it.

    Raises:
        ValueError: it cannot be shown, though the database is there; the text says why.
    """
    try:
        return whole_call(get_sync_database(), call_id)
    except ArchiveUnreadableError as error:
        raise ValueError(str(error)) from None


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def one_lead(lead_id: str) -> WholeLead | None:
    """One lead with every attempt to reach it."""
    return whole_lead(get_sync_database(), lead_id, utc_now())


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def transcript(call_id: str) -> Transcript:
    """What was said in one call, masked.

    Raises:
        ValueError: as for :func:`one_call`.
    """
    whole = one_call(call_id)
    return (
        masked_transcript(get_sync_database(), whole.turns, whole.call.metadata) if whole else Transcript({})
    )


@st.cache_resource(ttl=600, max_entries=1, show_spinner=False)
def lead_naming() -> Naming:
    """What names leads for readers who may not know who they are."""
    return lead_names(get_sync_database())


def forget_figures() -> None:
    """Ask for the calls of every period afresh."""
    cube.clear()
