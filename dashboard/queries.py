"""Questions to core.aggregation, and what to show while the database is away.

Caches hold results and cubes, never frames of calls, and are shared by all readers of the same view.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, ParamSpec, TypeVar

import pandas as pd
import streamlit as st
from pymongo.errors import ExecutionTimeout, PyMongoError

from core.aggregation import activity, choices, series, tables
from core.aggregation.call_detail import WholeCall, whole_call
from core.aggregation.cube import Cube, load_cube
from core.aggregation.definitions import LATENCIES
from core.aggregation.figures import summarise
from core.aggregation.find import CallFacets, count_calls, list_calls, list_query, search_calls
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.call_frames import CallFilters
from core.alerting import board
from core.alerting.board import AlertBoard, HistoryLine, SilenceLine
from core.alerting.notify.outbox import outbox_rows
from core.alerting.preview import Preview, preview
from core.alerting.rules.rule_store import rules_in_force
from core.alerting.rules.toml_file import RuleSet
from core.alerting.state.alert_store import active_alerts
from core.clock import utc_now
from core.errors import UserError
from core.health import CollectionSize, LateCalls, SystemHealth, collections, late_calls, system_health
from core.models.alerts import Alert
from core.models.metrics import CallSummary
from core.models.outbox import OutboxRow, OutboxState
from core.models.rules import AlertRule
from core.scheduler.heartbeat import Heartbeat, scheduler_heartbeat
from core.storage import get_sync_database
from core.storage.archive.files import ArchiveUnreadableError, archived_rows
from core.storage.recording.active_calls import ActiveCall, count_active, list_active
from core.storage.server.connection import Document, unavailable_text
from dashboard.filters import Window

ANSWERS_KEPT = 64
CUBES_KEPT = 24
BEFORE_BUCKET: Bucket = "1D"
"""Of a compared period nothing is drawn that needs a finer one."""
FACETS_OF = timedelta(days=90)
ROWS = 50
"""Of one page of a list."""
MOST_COUNTED = 100_000
"""Calls of a list are counted up to here."""
MOST_IN_CSV = 100_000
PAUSE_AFTER_FAILURE_SECONDS = 4.0


class StoreAwayError(Exception):
    """The database does not answer and nothing seen earlier can stand in; the text says what to do."""


@dataclass(frozen=True)
class Figures:
    """The figures of a period and of the one before it, and their course over the period."""

    now: CallSummary
    before: CallSummary
    course: pd.DataFrame


@dataclass(frozen=True)
class Pulse:
    """Signs of life: of the calls, of the scheduler, and the alerts that fire."""

    newest_call: datetime | None
    active_calls: int
    ended_recently: int | None
    heartbeat: Heartbeat | None
    alerts: list[Alert]


@st.cache_resource(ttl=120, max_entries=CUBES_KEPT, show_spinner=False)
def cube(start: datetime, end: datetime, filters: CallFilters, bucket: Bucket) -> Cube:
    """The calls of a period without campaigns: figures and charts of one view are made from the same."""
    return load_cube(get_sync_database(), start, end, filters, bucket=bucket, campaigns=False)


@st.cache_data(ttl=120, max_entries=ANSWERS_KEPT, show_spinner=False)
def figures(window: Window, filters: CallFilters) -> Figures:
    """The key figures of a period beside the one before."""
    bucket = window.bucket
    calls = cube(window.start, window.end, filters, bucket)
    rows = series.steady_rates(series.rates(calls, bucket))
    for field in LATENCIES:
        rows[field] = series.steady(series.percentile_series(calls, field, bucket))["p95"]
    return Figures(*summaries(window, filters), rows)


def summaries(window: Window, filters: CallFilters) -> tuple[CallSummary, CallSummary]:
    """The figures of a period and of the compared one."""
    return summary(window, filters), _summary(window.before, window.before_end, filters, BEFORE_BUCKET)


def summary(window: Window, filters: CallFilters) -> CallSummary:
    """The figures of a period."""
    return _summary(window.start, window.end, filters, window.bucket)


@st.cache_data(ttl=120, max_entries=4 * ANSWERS_KEPT, show_spinner=False)
def _summary(start: datetime, end: datetime, filters: CallFilters, bucket: Bucket) -> CallSummary:
    return summarise(cube(start, end, filters, bucket))


@st.cache_data(ttl=3, show_spinner=False)
def pulse() -> Pulse:
    """Newest call, scheduler and alerts, at most 3 s old."""
    database = get_sync_database()
    return Pulse(
        choices.newest_call_start(database),
        count_active(database),
        activity.calls_ended_recently(database),
        scheduler_heartbeat(database),
        active_alerts(database),
    )


@st.cache_data(ttl=3, show_spinner=False)
def active_calls() -> list[ActiveCall]:
    """The calls that are going on, at most 3 s old."""
    return list_active(get_sync_database())


@dataclass(frozen=True)
class Trust:
    """How the system is, and how late calls come."""

    health: SystemHealth
    late: LateCalls


@st.cache_data(ttl=4, show_spinner=False)
def trust() -> Trust:
    """What waits, what was lost, how far behind the figures are, at most 4 s old."""
    return Trust(system_health(get_sync_database()), _late())


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def _late() -> LateCalls:
    return late_calls(get_sync_database())


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def storage() -> list[CollectionSize]:
    """The collections with their sizes."""
    return collections(get_sync_database())


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
    return CallPage(rows, count, archived=archived_rows(database, "calls", window.start, window.end))


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


@st.cache_data(ttl=3, show_spinner=False)
def alert_board() -> AlertBoard:
    """The alerts by where they stand, at most 3 s old."""
    return board.alert_board(get_sync_database(), utc_now())


@st.cache_data(ttl=5, max_entries=ANSWERS_KEPT, show_spinner=False)
def sendings(alert_id: str) -> list[HistoryLine]:
    """Who was told of an alert."""
    return board.sendings(get_sync_database(), alert_id)


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def alert_history(start: datetime, end: datetime) -> list[HistoryLine]:
    """What happened to the alerts in a period."""
    return board.history(get_sync_database(), start, end)


@st.cache_data(ttl=5, show_spinner=False)
def silences() -> list[SilenceLine]:
    """All silences."""
    return board.silence_lines(get_sync_database(), utc_now())


@st.cache_data(ttl=5, show_spinner=False)
def given_up(limit: int) -> list[OutboxRow]:
    """The newest messages that could not be delivered."""
    return outbox_rows(get_sync_database(), [OutboxState.DEAD], limit)


@st.cache_data(ttl=5, show_spinner=False)
def rules() -> RuleSet:
    """The rules in force."""
    return rules_in_force(get_sync_database())


@st.cache_data(ttl=300, max_entries=ANSWERS_KEPT, show_spinner=False, hash_funcs={AlertRule: repr})
def preview_rule(rule: AlertRule, days: int) -> Preview:
    """What a rule would have done."""
    return preview(get_sync_database(), rule, days)


def forget_figures() -> None:
    """Ask for the calls of every period afresh."""
    for question in (cube, _summary, figures):
        question.clear()


def forget_alerts() -> None:
    """Ask for the alerts and rules afresh: somebody changed them."""
    for question in (pulse, alert_board, sendings, alert_history, silences, given_up, rules):
        question.clear()


Question = ParamSpec("Question")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """A result, and since when it is out of date because the database is away."""

    value: Result
    stale_since: datetime | None = None


_down: dict[str, Any] = {"until": 0.0, "why": ""}


def ask(
    selection: object, query: Callable[Question, Result], *args: Question.args, **kwargs: Question.kwargs
) -> Answer[Result]:
    """The answer to a cached query; while the database is away, the last one for the same selection.

    Raises:
        StoreAwayError: the database is away and this reader has not yet seen this selection.
    """
    seen: dict[Any, Any] = st.session_state.setdefault("seen", {})
    if time.monotonic() >= _down["until"]:
        try:
            result = query(*args, **kwargs)
        except (PyMongoError, UserError) as error:
            why = unavailable_text(error) if isinstance(error, PyMongoError) else str(error)
            # Others need not wait for the same time-out: a page asks several times.
            _down.update(until=time.monotonic() + PAUSE_AFTER_FAILURE_SECONDS, why=why)
        else:
            seen[query] = (selection, result, utc_now())
            return Answer(result)
    for_selection, result, at = seen.get(query, (None, None, None))
    if at and for_selection == selection:
        return Answer(result, stale_since=at)
    raise StoreAwayError(_down["why"])


def forget_failure() -> None:
    """Ask the database again at once, however short ago it failed."""
    _down["until"] = 0.0
