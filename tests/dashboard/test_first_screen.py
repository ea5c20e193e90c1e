"""What a page begins with is sent before the charts further down, and only those the browser lacks wait."""

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import first_screen

FIGURES = {"volume": object(), "rates": object()}


def page() -> None:
    import streamlit as st

    from dashboard import first_screen
    from tests.dashboard.test_first_screen import FIGURES

    first_screen.begin(st.session_state.page)
    first_screen.ends_above(FIGURES.items(), charts_above=2)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the seconds a page waits, instead of waiting."""
    waited: list[float] = []
    monkeypatch.setattr(first_screen, "START_SECONDS", 0.15)
    monkeypatch.setattr(first_screen, "SECONDS_PER_CHART", 0.1)
    monkeypatch.setattr(first_screen, "time", SimpleNamespace(sleep=waited.append))
    return waited


def shown(app: Any, page: str) -> Any:
    app.session_state.page = page
    return app.run()


def test_charts_further_down_wait_until_those_above_are_drawn(waits: list[float]) -> None:
    shown(AppTest.from_function(page), "analytics")
    assert waits == [pytest.approx(0.35)]


def test_a_page_whose_charts_are_there_does_not_wait_again(waits: list[float]) -> None:
    shown(shown(AppTest.from_function(page), "analytics"), "analytics")
    assert len(waits) == 1


def test_a_chart_with_other_figures_waits_again(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    app = shown(AppTest.from_function(page), "analytics")
    monkeypatch.setitem(FIGURES, "rates", object())
    shown(app, "analytics")
    assert len(waits) == 2


def test_a_page_that_was_left_is_drawn_anew(waits: list[float]) -> None:
    app = shown(AppTest.from_function(page), "analytics")
    shown(shown(app, "latency"), "analytics")
    assert len(waits) == 3
