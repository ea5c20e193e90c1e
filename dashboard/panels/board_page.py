"""What all chart pages share: show the board of a view, or why there is none."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from core.settings import get_settings
from core.types import counted
from dashboard import filters, placeholders, theme
from dashboard.filters import Selection, Window
from dashboard.panels import auto_refresh
from dashboard.panels.boards import Board, ComparedBoard, FiguresBoard
from dashboard.queries import cache, call_queries, system_queries

AnyBoard = TypeVar("AnyBoard", bound=Board)
PAGE_HEIGHT = 1600


def show(
    name: str,
    make: Callable[..., AnyBoard],
    draw: Callable[[AnyBoard, Selection], None],
    *chosen: Callable[[], object],
) -> None:
    """Draw a board or its loading, empty or error state, and keep it up to date.

    Args:
        name: of the page.
        make: returns the board for a window, selection, the page's own choices and mode.
        draw: puts it on the page.
        chosen: return the reader's choices on this page; called on each draw.
    """

    def part() -> None:
        choices = tuple(choice() for choice in chosen)
        selection, window = filters.selected(), window_now()
        with placeholders.guarded(speak=True), placeholders.loading(name, PAGE_HEIGHT):
            answer = cache.ask((selection, *choices), make, window, selection, *choices, theme.mode())
            placeholders.stale(answer.stale_since)
            board = answer.value
            if board.panels:
                st.caption(caption(board, window))
                draw(board, selection)
                return
            no_calls(selection)

    auto_refresh.watch()
    auto_refresh.renew(part, auto_refresh.CHARTS_EVERY)


def window_now() -> Window:
    """Return the period that the reader has chosen, as of the page's time."""
    return filters.selected().window(auto_refresh.moment(), get_settings().tz, auto_refresh.CHARTS_EVERY)


def no_calls(selection: Selection) -> None:
    """Say why there is nothing to show, and what to do: no calls in the period, or none ever."""
    newest = cache.ask("pulse", system_queries.pulse).value.newest_call
    if newest:
        placeholders.no_calls(selection, newest)
    else:
        placeholders.no_calls_at_all()


def caption(board: Board, window: Window) -> str:
    """Return which calls a page's figures cover, and as of when."""
    said = [
        counted(board.summary.total_calls, "call"),
        placeholders.as_of(window, board.at, get_settings().tz),
    ]
    if isinstance(board, ComparedBoard | FiguresBoard) and (partly := call_queries.partly_covered(window)):
        said.append(f"not compared: {partly}")
    if board.shaded:
        said.append(f"shaded: outside calling hours, {get_settings().calling_hours}")
    return " \N{MIDDLE DOT} ".join(said)
