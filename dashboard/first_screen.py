"""Show what a page begins with before the browser turns to what lies further down.

The browser draws every chart it has been sent before it shows any of them. What is sent a moment later, in
the same run and to the same place, does not hold up what the reader sees first.
"""

import time
from collections.abc import Iterable

import streamlit as st

START_SECONDS, SECONDS_PER_CHART = 0.15, 0.1
"""How long the browser takes to begin with what it was sent, and to draw a chart."""
_PAGE, _CHARTS = "first-screen-page", "first-screen-charts"


def begin(page: str) -> None:
    """Note which page is drawn; the charts of any other are gone from the browser."""
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE], st.session_state[_CHARTS] = page, {}


def ends_above(charts: Iterable[tuple[str, object]], charts_above: int = 0) -> None:
    """Wait before sending charts that lie further down, unless the browser has all of them already.

    Args:
        charts: key and figure of each.
        charts_above: how many were sent just now.
    """
    there: dict[str, object] = st.session_state.setdefault(_CHARTS, {})
    new = {key: figure for key, figure in charts if there.get(key) is not figure}
    there.update(new)
    if new:
        time.sleep(START_SECONDS + charts_above * SECONDS_PER_CHART)
