"""A panel: title, what to see, chart, and the table behind it with its CSV."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.charts import HEIGHT

_TOOLS = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    "responsive": True,
}


@dataclass(frozen=True)
class Panel:
    """What a panel says; ``draw`` makes the figure and is called only where ``table`` has rows.

    ``caption`` tells what to see, with period and n; ``missing`` stands in where there is nothing to draw.
    """

    key: str
    title: str
    caption: str
    draw: Callable[[], go.Figure]
    table: pd.DataFrame
    missing: str


def show(panel: Panel) -> None:
    """Draw a panel; its height is the same with and without data."""
    with st.container(border=True, key=f"chart-{panel.key}", height="stretch", gap="xxsmall"):
        with st.container(
            horizontal=True, vertical_alignment="center", wrap=False, horizontal_alignment="distribute"
        ):
            st.markdown(f"##### {panel.title}", width="content")
            if len(panel.table):
                _table(panel)
        if not len(panel.table):
            with st.container(height=HEIGHT, border=False, vertical_alignment="center"):
                st.caption(panel.missing, text_alignment="center")
            return
        st.caption(panel.caption)
        # Without a theme Streamlit leaves our colours alone.
        st.plotly_chart(
            panel.draw(),
            theme=None,
            key=f"plot-{panel.key}",
            config=_TOOLS,
            alt=f"{panel.title}. {panel.caption}",
        )


def _table(panel: Panel) -> None:
    with st.popover("Table", type="tertiary", icon=":material/table_rows:", width="content"):
        st.dataframe(panel.table, height=320, hide_index=True)
        st.download_button(
            "Download CSV",
            lambda: panel.table.to_csv(index=False),
            file_name=f"{panel.key}.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/download:",
            key=f"csv-{panel.key}",
        )


def timed(frame: pd.DataFrame, labels: dict[str, str], scale: float = 1.0, digits: int = 0) -> pd.DataFrame:
    """A frame of buckets as a table: local start of the bucket, then the named columns."""
    columns = [name for name in labels if name in frame]
    table = (frame[columns] * scale).round(digits).rename(columns=labels)
    starts = pd.DatetimeIndex(frame.index)
    table.insert(0, "From", [moment.isoformat(timespec="minutes") for moment in starts])
    return table
