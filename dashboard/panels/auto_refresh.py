"""Parts of a page that refresh by themselves."""

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from core.clock import utc_now
from dashboard import filters, visitor
from dashboard.panels import boards
from dashboard.queries import cache, system_queries

FIGURES_EVERY = 5
CHARTS_EVERY = 60
_MOMENT = "moment"


def renew(part: Callable[[], None], every: int) -> None:
    """Draw a part and redraw it every ``every`` seconds, unless the page is paused."""

    def drawn() -> None:
        visitor.rerun_if_signed_out()
        filters.whole_page_follows()
        part()

    st.fragment(drawn, run_every=None if st.session_state.get("pause") else every)()


def moment() -> datetime:
    """Return the time of the page's figures: now, or when it was paused."""
    if not (st.session_state.get("pause") and _MOMENT in st.session_state):
        st.session_state[_MOMENT] = utc_now()
    at: datetime = st.session_state[_MOMENT]
    return at


def as_of() -> datetime:
    """Return the time of the figures as last drawn."""
    at: datetime = st.session_state.get(_MOMENT) or utc_now()
    return at


def watch() -> None:
    """Rerun the whole page once the database, or a first call, is there."""
    renew(_end_of_wait, FIGURES_EVERY)


def _end_of_wait() -> None:
    waiting = st.session_state.get("waiting")
    if not waiting:
        return
    try:
        pulse = cache.ask("pulse", system_queries.pulse)
    except cache.StoreAwayError:
        return
    if pulse.stale_since is None and (waiting == "database" or pulse.value.newest_call):
        del st.session_state["waiting"]
        boards.forget()
        st.rerun()
