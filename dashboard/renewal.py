"""Parts of a page that renew themselves."""

from collections.abc import Callable

import streamlit as st

FIGURES_EVERY = 5
CHARTS_EVERY = 60


def renew(part: Callable[[], None], every: int) -> None:
    """Draw a part and draw it again every so many seconds, unless the reader paused the page."""
    st.fragment(part, run_every=None if st.session_state.get("pause") else every)()
