"""Answers shared by all readers of the same view: what is kept, and for how long."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import streamlit as st

from dashboard.filters import Window
from dashboard.queries import cache

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
_made = count()


@st.cache_resource(show_spinner=False)
def board(window: Window, campaign: str) -> int:
    """What stands for a board: the number of times that one was made."""
    return next(_made)


def window(minutes: int) -> Window:
    """The day that ends so many minutes after noon."""
    end, day = NOON + timedelta(minutes=minutes), timedelta(days=1)
    return Window(end - day, end, end - 2 * day, end - day, "1h")


def asked(minutes: int, campaign: str = "gold") -> int:
    return cache.ask("selection", board, window(minutes), campaign).value


@pytest.fixture(autouse=True)
def _fresh() -> None:
    cache._newest.clear()
    board.clear()


def test_when_the_period_moves_on_its_earlier_answer_is_dropped() -> None:
    first = asked(0)
    assert asked(0) == first
    moved = asked(1)
    assert asked(1) == moved
    assert board(window(0), "gold") not in (first, moved)  # made again: it was no longer there


def test_the_answers_of_other_questions_stay() -> None:
    gold, home = asked(0, "gold"), asked(0, "home")
    asked(1, "gold")
    assert asked(0, "home") == home != gold


def test_a_reader_who_paused_earlier_drops_nobodys_answer() -> None:
    now = asked(5)
    asked(0)
    assert asked(5) == now
