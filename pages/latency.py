"""Latency: who is slow, when, and in which calls?"""

import streamlit as st

from core.aggregation.definitions import LATENCIES
from dashboard import board_page, boards, latency_panels, parts
from dashboard.boards import Board
from dashboard.filters import Selection
from dashboard.panel import grid
from dashboard.slowest_panel import slowest

STAGES = list(latency_panels.STAGES)


def chosen() -> str:
    """The stage to look at closely; its buttons are drawn after the board is made."""
    stage = st.session_state.get("stage") or st.query_params.get("stage")
    return stage if stage in STAGES else STAGES[0]


def draw(board: Board, selection: Selection) -> None:
    """Key figures, the course of every stage, then one stage looked at closely."""
    parts.key_figures(parts.latency_cards(LATENCIES), board.summary, board.before, selection)
    grid(board.panels[: len(LATENCIES)])
    st.segmented_control(
        "Look closely at", STAGES, default=STAGES[0], required=True, key="stage", bind="query-params"
    )
    grid(board.panels[len(LATENCIES) :])
    slowest(board.slowest, latency_panels.STAGES[chosen()])


board_page.show("latency", boards.latency, draw, chosen)
