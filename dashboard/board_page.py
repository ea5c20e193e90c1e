"""What the pages of charts have in common: the board of a view, or why there is none."""

from collections.abc import Callable
from datetime import datetime, tzinfo

import streamlit as st

from core.clock import utc_now
from core.settings import get_settings
from dashboard import filters, formats, queries, renewal, states, theme
from dashboard.boards import Board
from dashboard.filters import Selection, Window

Make = Callable[..., Board]
Draw = Callable[[Board, Selection], None]
PAGE_HEIGHT = 1600


def show(name: str, make: Make, draw: Draw, *chosen: Callable[[], object]) -> None:
    """Draw a board with all states around it, and keep it up to date.

    Args:
        name: of the page.
        make: the board of a window, selection, the page's own choices and mode.
        draw: puts it on the page.
        chosen: what the reader chose on this page, asked whenever it is drawn.
    """

    def part() -> None:
        choices = tuple(choice() for choice in chosen)
        selection, zone, now = filters.selected(), get_settings().tz, utc_now()
        window = selection.window(now, zone, renewal.CHARTS_EVERY)
        with states.guarded(speak=True), states.loading(name, PAGE_HEIGHT):
            answer = queries.ask((selection, *choices), make, window, selection, *choices, theme.mode())
            states.stale(answer.stale_since)
            board = answer.value
            if board.panels:
                _caption(board, window, zone, now)
                draw(board, selection)
                return
            newest = queries.ask("pulse", queries.pulse).value.newest_call
            if newest:
                states.no_calls(selection, newest)
            else:
                states.no_calls_at_all()

    renewal.watch()
    renewal.renew(part, renewal.CHARTS_EVERY)


def _caption(board: Board, window: Window, zone: tzinfo, now: datetime) -> None:
    total = formats.number(board.summary.total_calls, "calls")
    st.caption(f"{total} calls · {states.span(window, zone)} {formats.zone_name(now, zone)}")
