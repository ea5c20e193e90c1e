"""What a page shows when there is nothing to draw: loading, empty, no database, stale."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta, tzinfo

import streamlit as st

from core.clock import utc_now
from core.errors import TooMuchError
from core.settings import get_settings
from dashboard import formats
from dashboard.filters import Selection, Window, clear_filters, show_days
from dashboard.queries.cache import StoreAwayError
from dashboard.visitor import SignedOutError

JUMP_DAYS = 30
_SNIPPET = """from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService

service = MetricsService()
await service.record_call_metrics(CallMetrics(...))"""


def loading(part: str, height: int) -> AbstractContextManager[object]:
    """Return a skeleton of the part's height for its first draw; later, the old part stays visible.

    An empty element takes its place later, so that what follows keeps its position and is not rebuilt.
    """
    drawn: set[str] = st.session_state.setdefault("drawn", set())
    if part in drawn:
        st.empty()
        return nullcontext()
    drawn.add(part)
    return st.skeleton(height)


@contextlib.contextmanager
def guarded(*, speak: bool) -> Iterator[None]:
    """Keep a page alive while the database is down; the one part with ``speak`` says so."""
    try:
        yield
    except StoreAwayError as error:
        st.session_state["waiting"] = "database"
        if speak:
            st.error(
                f"**The database is not reachable.** {formats.plain(str(error))}", icon=":material/cloud_off:"
            )
            st.caption("This page retries every few seconds and recovers on its own.")
    except TooMuchError as error:
        if speak:
            said = formats.plain(str(error))
            st.info(f"{said[:1].upper()}{said[1:]}.", icon=":material/filter_alt:")
    except SignedOutError:
        if speak:
            st.error("You are signed out: reload the page to sign in again.", icon=":material/logout:")


def stale(since: datetime | None) -> None:
    """Say that figures are stale because the database is down, without moving what follows."""
    place = st.empty()
    if since:
        st.session_state["waiting"] = "database"
        at = formats.clock(since, get_settings().tz, utc_now())
        place.warning(
            f"The database is not reachable. Showing figures from {at}; they refresh once it is back.",
            icon=":material/history:",
        )


def span(window: Window, zone: tzinfo) -> str:
    """Return a period in local time: ``17 Nov 2026 00:00 to 24 Nov 2026 05:03``."""
    start, end = (moment.astimezone(zone) for moment in (window.start, window.end))
    return f"{start:%-d %b %Y %H:%M} to {end:%-d %b %Y %H:%M}"


def as_of(window: Window, at: datetime, zone: tzinfo) -> str:
    """Return a period, its zone, and when its figures were read."""
    zone_words = formats.zone_name(window.end, zone)
    return f"{span(window, zone)} {zone_words} \N{MIDDLE DOT} as of {at.astimezone(zone):%H:%M:%S}"


def no_calls_at_all() -> None:
    """Show three ways to fill an empty store."""
    st.session_state["waiting"] = "calls"
    with st.container(border=True, key="empty-store"):
        st.markdown("## No calls yet")
        st.markdown("This page fills in once the first call is recorded. Three ways to get there:")
        agent, file, demo = st.columns((1.6, 1.2, 0.8))
        with agent:
            st.markdown(":material/record_voice_over: **Record from your agent**")
            st.code(_SNIPPET, language=None, wrap_lines=True)
        with file:
            st.markdown(":material/upload_file: **Import past calls**")
            st.code("python -m core import FILE", language=None, wrap_lines=True)
            st.caption("CSV, JSON, Excel or Parquet. It proposes how to read your columns, and asks.")
        with demo:
            st.markdown(":material/play_circle: **Try a simulated agent**")
            st.code("make demo", language=None)
            st.caption("Two weeks of simulated calls in a separate database.")
        st.caption("Recorded, but not here? `python -m core doctor` names the stores on this machine.")


def no_calls(selection: Selection, newest: datetime) -> None:
    """Say that a period is empty, with a button that leads to the newest calls."""
    zone = get_settings().tz
    last = newest.astimezone(zone).date()
    with st.container(border=True, key="empty-period"):
        st.markdown(f"## No calls {selection.words}")
        with st.container(horizontal=True, vertical_alignment="center"):
            if selection.filters.query():
                st.markdown("No call in this period matches the filters.")
                st.button("Clear the filters", on_click=clear_filters, icon=":material/filter_alt_off:")
            else:
                ahead = ", in the future: is the clock of its machine right?" if newest > utc_now() else "."
                st.markdown(f"The newest call is from {formats.day(last)}{ahead}")
            st.button(
                f"Show the {JUMP_DAYS} days up to {formats.day(last)}",
                on_click=show_days,
                args=(last - timedelta(days=JUMP_DAYS - 1), last),
                type="primary",
                icon=":material/event:",
                key="jump-to-data",
            )
