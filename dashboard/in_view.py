"""Draw charts further down a page once the reader comes near them, so that a page costs what is looked at.

Until then a button as high as the chart keeps its place. charts.js presses it as the place comes near; where
scripts do not run, the reader does.
"""

from collections.abc import Callable

import streamlit as st

from dashboard import filters, visitor

_PAGE, _SEEN = "in-view-page", "in-view-charts"


def begin(page: str) -> None:
    """Note which page is drawn; on another one, nothing has been looked at yet."""
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE], st.session_state[_SEEN] = page, set()


def once_near(key: str, pixels: int, draw: Callable[[], object]) -> None:
    """Call ``draw`` if this place of the page was near already, else once it is.

    Args:
        key: of the chart, unique on its page.
        pixels: its height, kept free until it is drawn.
        draw: draws it; called again whenever the page is.
    """

    def part() -> None:
        visitor.rerun_if_signed_out()
        filters.whole_page_follows()
        seen: set[str] = st.session_state.setdefault(_SEEN, set())
        if key in seen:
            draw()
        else:
            # Only this part of the page runs for it.
            st.button("Show chart", key=f"later-{key}", on_click=seen.add, args=(key,), width="stretch")

    with st.container(height=pixels, border=False):
        st.fragment(part)()
