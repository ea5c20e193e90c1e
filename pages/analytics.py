"""Analytics: how do calls, outcomes and durations develop, by dimension, and what changed?"""

import streamlit as st

from core.aggregation.rollups.buckets import Bucket
from dashboard.filters import Selection
from dashboard.panels import board_page, boards
from dashboard.panels.boards import ComparedBoard
from dashboard.panels.panel import grid, show
from dashboard.panels.view import DIMENSION_WORDS

BY_WORD = {words.capitalize(): by for by, words in DIMENSION_WORDS.items()}
BUCKETS: dict[str, Bucket | None] = {
    "auto": None,
    "15 min": "15min",
    "hour": "1h",
    "day": "1D",
    "week": "1W",
    "month": "1MS",
}


def draw(board: ComparedBoard, _: Selection) -> None:
    """Draw volume and what changed at full width, for the first screenful, then the others, two per row."""
    volume, changes, *panels, hours = board.panels
    show(volume)
    show(changes)
    grid(panels, later=True)
    grid([hours], columns=1, later=True)


with st.container(key="choices", horizontal=True, gap="small"):
    by = st.segmented_control(
        "Group by", list(BY_WORD), default="Outcome", required=True, key="by", bind="query-params"
    )
    bucket = st.segmented_control(
        "Interval", list(BUCKETS), default="auto", required=True, key="bucket", bind="query-params"
    )
board_page.show(
    "analytics",
    boards.analytics_board,
    draw,
    lambda: BY_WORD[by or "Outcome"],
    lambda: BUCKETS[bucket or "auto"],
)
