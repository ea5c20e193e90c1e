"""Latency: who is slow, when, and in which calls?"""

import streamlit as st

from core.models.definitions import LATENCIES
from dashboard.filters import Selection
from dashboard.panels import board_page, boards, kpi_tiles, latency
from dashboard.panels.boards import ComparedBoard
from dashboard.panels.panel import grid, show

STAGES = list(latency.STAGES)


def chosen() -> str:
    """The stage to look at closely; its buttons are drawn after the board is made."""
    stage = st.session_state.get("stage") or st.query_params.get("stage")
    return stage if stage in STAGES else STAGES[0]


def draw(board: ComparedBoard, selection: Selection) -> None:
    """Key figures, the course of every stage, single turns, then one stage looked at closely."""
    kpi_tiles.key_figures(kpi_tiles.latency_cards(LATENCIES), board.summary, board.before, selection)
    courses, per_turn = len(LATENCIES), board.panels[len(LATENCIES)]
    grid(board.panels[:courses])
    show(per_turn)
    st.segmented_control(
        "Look closely at", STAGES, default=STAGES[0], required=True, key="stage", bind="query-params"
    )
    grid(board.panels[courses + 1 :])
    latency.slowest(board.slowest, latency.STAGES[chosen()])


board_page.show("latency", boards.latency_board, draw, chosen)
