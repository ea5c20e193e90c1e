"""What Streamlit gets of a panel."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect
from streamlit.testing.v1 import AppTest

from core.clock import utc_now
from core.storage.calls import write_calls
from core.types import Document
from dashboard.panels.panel import NOT_MADE, Finished, Panel, fails_alone, timed
from dashboard.theme import palette_of
from tests.dashboard.conftest import make_call, scrolled, text_of


def test_a_finished_figure_says_all_that_streamlit_would_add_and_packs_nothing() -> None:
    grid = np.arange(6.0).reshape(2, 3)
    figure = go.Figure([go.Bar(y=np.array([1, 2])), go.Heatmap(z=grid)], {"hovermode": "x unified"})
    ready = Finished(figure, clickable=True).to_dict()
    assert [ready["data"][0]["y"], ready["data"][1]["z"]] == [[1, 2], grid.tolist()]
    assert ready["layout"] == {
        "hovermode": "x unified",
        "clickmode": "event+select",
        "dragmode": "pan",
        "datarevision": 1,
    }
    assert "clickmode" not in Finished(figure, clickable=False).to_dict()["layout"]


def test_a_campaign_may_be_named_like_a_column() -> None:
    """One named From took Analytics by campaign away; "" and none given read alike."""
    index = pd.date_range("2026-11-24", periods=1, tz="UTC")
    frame = pd.DataFrame([[1, 2, 3]], index, ["From", "", "none given"])
    table = timed(frame, {"From": "From", "": "none given", "none given": "none given"})
    assert table.to_dict("records") == [
        {"From": "2026-11-24T00:00+00:00", "From (2)": 1, "none given": 2, "none given (2)": 3}
    ]


def test_a_chart_that_cannot_be_drawn_leaves_the_rest_of_its_page(
    database: Database[Document],
    start: Callable[..., AppTest],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As when calls began to have costs of a kind that no colour was known for: the page was gone."""
    hour_ago = utc_now() - timedelta(hours=1)
    cost = {"llm": 2.0, "telephony": 1.0}
    write_calls(database, [make_call(n, hour_ago, qualification_completed=True, cost=cost) for n in range(9)])
    monkeypatch.delitem(palette_of("light").colours, "llm")
    app = scrolled(start("conversion"))
    assert not app.exception
    text = text_of(app)
    assert text.count(NOT_MADE) == 4, "costs per call and per lead, by language and by campaign"
    for title in ("From dialled to handed off", "Caller sentiment", "Cost per qualified lead"):
        assert f"## {title}" in text
    failed = [one for one in caplog.records if one.getMessage() == "A panel cannot be shown"]
    assert {one.__dict__["panel"] for one in failed} == {"Cost per call", "Cost per qualified lead"}
    assert all(one.exc_info for one in failed)
    caplog.clear()


def test_that_the_database_is_away_is_no_fault_of_a_panel() -> None:
    @fails_alone("Costs")
    def costs() -> Panel:
        raise AutoReconnect("away")

    with pytest.raises(AutoReconnect):
        costs()
