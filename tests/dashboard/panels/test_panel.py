"""What Streamlit gets of a panel."""

import numpy as np
import plotly.graph_objects as go

from dashboard.panels.panel import Finished


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
