"""What Streamlit gets of a panel."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.panels.panel import Finished, timed


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
