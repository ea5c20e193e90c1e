"""Cached reads of calls: figures and cubes of a period, pages of the list, one call, filter values."""

from collections.abc import Callable, Sequence
from contextlib import suppress
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
from core.aggregation.search.call_rows import rows_of
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
from core.storage.restrictions import hidden_leads
from core.types import Document
from dashboard.filters import Window
from dashboard.queries import cache
from dashboard.queries.cache import ANSWERS_KEPT, KEPT_SECONDS

CUBES_KEPT = 24
MOST_READS = 3
"""Attempts to read cubes with the same calls: on a busy store, new calls arrive between reads."""
BEFORE_BUCKET: Bucket = "1D"
"""Bucket of compared periods, of which nothing finer is drawn."""
FACETS_OF = timedelta(days=90)
ROWS = 50
"""Rows per page of the list."""
MOST_COUNTED = 100_000
"""Calls of a list are counted up to this number."""
MOST_IN_CSV = 100_000


@dataclass(frozen=True)
class Figures:
    """The figures of a period and of the compared one, and their trend."""

    now: CallSummary
    before: CallSummary
    course: pd.DataFrame


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=CUBES_KEPT, show_spinner=False)
def cube(start: datetime, end: datetime, filters: CallFilters, bucket: Bucket) -> Cube:
    """Return the calls of a period without campaigns; the figures and charts of a view share it."""
    return load_cube(get_sync_database(), start, end, filters, bucket=bucket, campaigns=False)


def load(
    window: Window,
    filters: CallFilters,
    bucket: Bucket,
    fields: Sequence[str] = (),
    *,
    campaigns: bool = False,
    counts: bool = True,
) -> Cube:
    """Return the calls of a period with the wanted percentiles; not cached, but its board is.

    Args:
        window: the period; its bucket is ignored.
        filters: which calls.
        bucket: the finest one to draw.
        fields: those with percentiles; fewer are faster.
        campaigns: whether to group by campaign.
        counts: whether anything but these percentiles is wanted.
    """
    return load_cube(
        get_sync_database(),
        window.start,
        window.end,
        filters,
        bucket=bucket,
        fields=fields,
        campaigns=campaigns,
        counts=counts,
    )


def course(window: Window, filters: CallFilters) -> Cube:
    """Return the calls of a period in its charts' buckets, or in finer ones that read as fast."""
    return cube(*_key(window, filters))


def _key(window: Window, filters: CallFilters) -> tuple[datetime, datetime, CallFilters, Bucket]:
    return window.start, window.end, filters, "1h" if window.bucket in HOURLY else window.bucket


def together(
    window: Window,
    filters: CallFilters,
    *reads: Callable[[], Cube],
    alike: Callable[[Cube], int] = lambda cube: cube.total,
) -> list[Cube]:
    """Return the course of a period and other cubes, all with the same calls; ``alike`` counts them.

    The course may have been cached for another page some seconds ago. If calls arrived since, it is read
    again, so that no figure has two values on one page.
    """
    for attempt in range(MOST_READS):
        cubes = [course(window, filters), *(read() for read in reads)]
        if len({alike(one) for one in cubes}) == 1 or attempt == MOST_READS - 1:
            break
        cube.clear(*_key(window, filters))  # clears this entry only
    return cubes


def slowest(cube: Cube, name: str, filters: CallFilters) -> Sequence[SlowCall]:
    """Return the calls of a cube with the highest value of a field; not cached, but its board is."""
    return slowest_calls(get_sync_database(), cube, name, filters)


def figures(calls: Cube, window: Window, filters: CallFilters) -> Figures:
    """Return the key figures of a period and the compared one; not cached, but their board is."""
    bucket = window.bucket
    rows = series.steady_rates(series.rates(calls, bucket))
    for name in LATENCIES:
        rows[name] = series.steady(series.percentile_series(calls, name, bucket))["p95"]
    return Figures(summary(calls), before(window, filters), rows)


def before(window: Window, filters: CallFilters) -> CallSummary:
    """Return the figures of the compared period; empty if data only partly covers it."""
    first, last = window.before, window.before_end
    if partly_covered(window):
        first, last = first - timedelta(days=2), first - timedelta(days=1)  # before the first call
    return summary(cube(first, last, filters, BEFORE_BUCKET))


def partly_covered(window: Window) -> str:
    """Return how much of the compared period has data, in words; "" if all of it or none."""
    return activity.partly_covered(first_call(), (window.before, window.before_end))


def turns(window: Window, filters: CallFilters) -> TurnLatencies | None:
    """Return percentiles of single turns; None if it took too long. Not cached, but its board is."""
    try:
        return turn_latencies(get_sync_database(), window.start, window.end, filters)
    except ExecutionTimeout:
        return None


def newest_conversations(window: Window, filters: CallFilters) -> Conversations | None:
    """Return the newest calls with details roll-ups lack; None if it took too long. Not cached."""
    try:
        return conversations(get_sync_database(), window.start, window.end, filters)
    except ExecutionTimeout:
        return None


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def first_call() -> datetime | None:
    """Return when the first call with figures began."""
    return activity.first_call_start(get_sync_database())


def _identity(calls: Cube) -> tuple[object, ...]:
    return calls.read_at, calls.start, calls.end, calls.finest, calls.total


@st.cache_data(
    ttl=KEPT_SECONDS, max_entries=4 * ANSWERS_KEPT, show_spinner=False, hash_funcs={Cube: _identity}
)
def summary(calls: Cube) -> CallSummary:
    """Return the figures of a whole cube."""
    return summarise(calls)


@st.cache_data(ttl=120, refresh_mode="background", show_spinner=False)
def languages() -> list[str]:
    """Return the languages of stored calls."""
    return choices.languages(get_sync_database())


@st.cache_data(ttl=120, refresh_mode="background", show_spinner=False)
def campaigns() -> list[str]:
    """Return the campaigns of stored calls."""
    return choices.campaigns(get_sync_database())


@dataclass(frozen=True)
class FacetValues:
    """The error types and end reasons of stored calls."""

    error_types: list[str]
    end_reasons: list[str]


@st.cache_data(ttl=120, refresh_mode="background", show_spinner=False)
def facet_values() -> FacetValues:
    """Return filter values for the list of calls, from the roll-ups of the last 90 days."""
    end = utc_now()
    cube = load_cube(get_sync_database(), end - FACETS_OF, end, fields=(), campaigns=False)
    kinds, ends = tables.errors(cube), tables.ends(cube)
    return FacetValues(sorted({*kinds.iloc[:, 0]}), sorted({*ends.iloc[:, 0]} - {""}))


@dataclass(frozen=True)
class CallPage:
    """A page of the list of calls, and their number; ``too_long``: the query was cancelled."""

    rows: list[Document]
    count: int
    too_long: bool = False
    archived: int = 0
    """Archived calls on the days of the period, which are not in the list."""
    page: int = 1
    """Which one it is: the last one where a later one was asked for."""
    at: datetime = field(default_factory=utc_now)
    """When the page was read."""


@st.cache_data(ttl=30, max_entries=ANSWERS_KEPT, show_spinner=False)
def calls(window: Window, filters: CallFilters, facets: CallFacets, order: str, page: int) -> CallPage:
    """Return one page of the calls of a period."""
    database = get_sync_database()
    query = list_query(window.start, window.end, filters, facets)
    try:
        count = count_calls(
            database, window.start, window.end, filters=filters, facets=facets, most=MOST_COUNTED
        )
        page = min(page, max(1, -(-count // ROWS)))
        rows = rows_of(list_calls(database, query, order=order, limit=ROWS, offset=(page - 1) * ROWS))
    except ExecutionTimeout:
        return CallPage([], 0, too_long=True)
    archived = archived_rows(database, CALLS, window.start, window.end)
    return CallPage(rows, count, archived=archived, page=page)


def all_calls(window: Window, filters: CallFilters, facets: CallFacets, order: str) -> list[Document]:
    """Return the calls of a list for its CSV; not cached."""
    query = list_query(window.start, window.end, filters, facets)
    return rows_of(list_calls(get_sync_database(), query, order=order, limit=MOST_IN_CSV))


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def search(text: str) -> list[Document]:
    """Return the calls whose id or lead id starts with a text."""
    return rows_of(search_calls(get_sync_database(), text))


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def one_call(call_id: str) -> WholeCall | None:
    """Return one call with everything that belongs to it.

    Raises:
        ValueError: the archive cannot be read; the text says why.
    """
    try:
        return whole_call(get_sync_database(), call_id)
    except ArchiveUnreadableError as error:
        raise ValueError(str(error)) from None


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def one_lead(lead_id: str) -> WholeLead | None:
    """Return one lead with every attempt to reach it."""
    return whole_lead(get_sync_database(), lead_id, utc_now())


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def transcript(call_id: str) -> Transcript:
    """Return the masked transcript of a call.

    Raises:
        ValueError: as for :func:`one_call`.
    """
    whole = one_call(call_id)
    return (
        masked_transcript(get_sync_database(), whole.turns, whole.call.metadata) if whole else Transcript({})
    )


@st.cache_resource(ttl=600, max_entries=1, show_spinner=False)
def lead_naming() -> Naming:
    """Return the function that names leads for readers who may not see personal data."""
    return lead_names(get_sync_database())


def forget_figures() -> None:
    """Clear the cached calls of all periods."""
    cube.clear()


def hidden() -> tuple[str, ...]:
    """Return the ids of hidden leads; not cached here."""
    return hidden_leads(get_sync_database())


_known: dict[str, tuple[str, ...] | None] = {"hidden": None}


def forget_hidden() -> None:
    """Clear all caches once a lead was hidden or is shown again: no reader gets the earlier answers.

    Not while the database is down: then there are no new answers.
    """
    with suppress(cache.StoreAwayError):
        now = cache.ask("hidden", hidden).value
        before = _known["hidden"]
        if before is not None and before is not now and before != now:
            st.cache_data.clear()
            st.cache_resource.clear()
        _known["hidden"] = now
