"""What stands on one page counts the same calls."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
import streamlit as st
from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters
from core.clock import utc_now
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from dashboard.filters import Selection, Window
from dashboard.panels import boards
from dashboard.panels.boards import Board
from dashboard.queries import call_queries
from tests.dashboard.conftest import make_call

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (local time, as the reader types it)
SELECTION = Selection("24h", EPOCH, EPOCH, CallFilters())


@pytest.fixture
def window(calls_of_today: Database[Document]) -> Iterator[Window]:
    """The last 24 hours, read for Overview already; then ten calls come in."""
    st.cache_data.clear()
    st.cache_resource.clear()
    chosen = SELECTION.window(utc_now(), get_settings().tz, 60)
    assert boards.overview_board(chosen, SELECTION, "light").summary.total_calls == 120
    start = utc_now() - timedelta(minutes=2)
    write_calls(calls_of_today, [make_call(n, start, campaign="home") for n in range(1_000, 1_010)])
    yield chosen
    st.cache_data.clear()
    st.cache_resource.clear()


def _table(board: Board, key: str) -> pd.DataFrame:
    (panel,) = [panel for panel in board.panels if panel.key == key]
    assert panel.table is not None
    return panel.table


def test_calls_that_come_in_between_two_pages_are_on_all_of_the_second(window: Window) -> None:
    """Cards, charts and breakdowns are read as of one moment, and the page names that one."""
    before = boards.overview_board(window, SELECTION, "light").at
    latency = boards.latency_board(window, SELECTION, "ASR", "light")
    assert latency.summary.asr_latency_ms.n == 130
    assert _table(latency, "latency-language")["Calls"].sum() == 130
    assert _table(latency, "latency-campaign")["Calls"].sum() == 130
    assert _table(latency, "distribution")["Calls"].sum() == 130
    assert before < latency.at < utc_now().astimezone(UTC)
    conversion = boards.conversion_board(window, SELECTION, "light")
    assert conversion.summary.total_calls == 130
    campaigns = boards.analytics_board(window, SELECTION, "campaign", None, "light")
    assert campaigns.summary.total_calls == 130
    assert _table(campaigns, "rates-campaign")["Calls"].sum() == 130


def test_a_page_says_when_its_calls_were_read_not_when_it_was_drawn(window: Window) -> None:
    """Analytics may be drawn from what was read for Overview: the moment is that of the reading."""
    overview = boards.overview_board(window, SELECTION, "light")
    analytics = boards.analytics_board(window, SELECTION, "status", None, "light")
    assert (analytics.at, analytics.summary.total_calls) == (overview.at, 120)
    assert analytics.at == call_queries.course(window, SELECTION.filters).read_at


def test_a_week_is_drawn_in_bars_wide_enough_to_click(calls_of_today: Database[Document]) -> None:
    """168 hours would be bars of two pixels; no hour more is read for it than for bars of an hour."""
    week = Selection("7d", EPOCH, EPOCH, CallFilters()).window(utc_now(), get_settings().tz, 60)
    assert week.bucket == "3h"
    st.cache_resource.clear()
    board = boards.analytics_board(week, SELECTION, "status", None, "light")
    table = _table(board, "volume-status")
    assert 56 <= len(table) <= 58
    assert table.iloc[:, 1:4].to_numpy().sum() == 120
    assert board.shaded
