"""Latency: which stage is slow, when, and in which calls?"""

from functools import partial

import streamlit as st

from core.models.definitions import LATENCIES
from dashboard import in_view
from dashboard.filters import Selection
from dashboard.panels import board_page, boards, kpi_tiles, latency
from dashboard.panels.boards import ComparedBoard
from dashboard.panels.panel import grid, show

STAGES = list(latency.STAGES)


def chosen() -> str:
    """Return the stage to show in detail; its buttons are only drawn after the board is made."""
    stage = st.session_state.get("stage") or st.query_params.get("stage")
    return stage if stage in STAGES else STAGES[0]


def draw(board: ComparedBoard, selection: Selection) -> None:
    """Draw key figures, every stage over time, single turns, then one stage in detail."""
    kpi_tiles.key_figures(kpi_tiles.latency_cards(LATENCIES), board.summary, board.before, selection)
    courses, per_turn = len(LATENCIES), board.panels[len(LATENCIES)]
    grid(board.panels[:2])
    grid(board.panels[2:courses], later=True)
    in_view.part(per_turn.key, partial(show, per_turn))
    st.segmented_control(
        "Stage in detail", STAGES, default=STAGES[0], required=True, key="stage", bind="query-params"
    )
    grid(board.panels[courses + 1 :], later=True)
    latency.slowest(board.slowest, latency.STAGES[chosen()])


board_page.show("latency", boards.latency_board, draw, chosen)
