"""Draw charts further down a page once the reader comes near them, so that a page costs what is looked at.

Until then buttons as high as the charts keep their places. charts.js presses one as it comes near, and the
row of charts that it belongs to is drawn, without the rest of the page.
"""

from collections.abc import Callable

import streamlit as st

from dashboard import filters, visitor

_PAGE, _SEEN = "in-view-page", "in-view-parts"


def begin(page: str) -> None:
    """Note which page is drawn; on another one, nothing has been looked at yet."""
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE], st.session_state[_SEEN] = page, set()


def part(key: str, draw: Callable[[str], None]) -> None:
    """Draw a part of the page, now and each time it comes near or something in it is used.

    Args:
        key: of the part, unique on its page.
        draw: draws it; is given ``key`` while the part was never near, so that it keeps its charts'
            :func:`place`, and "" after that.
    """

    def drawn() -> None:
        visitor.rerun_if_signed_out()
        filters.whole_page_follows()
        draw("" if key in _seen() else key)

    st.fragment(drawn)()


def place(part: str, key: str, title: str, pixels: int) -> None:
    """Keep the place of a chart.

    Args:
        part: that is drawn once this place is near.
        key: of the chart, unique on its page.
        title: of the chart, as Markdown.
        pixels: its height.
    """
    with st.container(height=pixels, border=False):
        st.button(
            f"Show chart: {title}", key=f"later-{key}", on_click=_seen().add, args=(part,), width="stretch"
        )


def _seen() -> set[str]:
    seen: set[str] = st.session_state.setdefault(_SEEN, set())
    return seen
