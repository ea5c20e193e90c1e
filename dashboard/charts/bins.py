"""Histograms stacked by outcome."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.time_series import axis_title, blank, whole_steps
from dashboard.theme import Palette


def stacked_bins(
    names: Sequence[str],
    counts: pd.DataFrame,
    labels: Mapping[str, str],
    colours: Mapping[str, str],
    palette: Palette,
    *,
    x_title: str,
) -> go.Figure:
    """Return a bar per bin, stacked from the columns of ``counts``, with a label and colour per column."""
    figure = blank(palette, legend=True, y_title="calls")
    for column, label in labels.items():
        figure.add_bar(
            x=list(names),
            y=counts[column],
            name=label,
            marker={"color": colours[column], "line": {"width": 0.6, "color": palette.surface}},
            hovertemplate=f"%{{x}}: %{{y:,}} {label.lower()}<extra></extra>",
        )
    figure.update_yaxes(whole_steps(counts[list(labels)].sum(axis=1).max()))
    figure.update_xaxes(title=axis_title(x_title, palette), type="category")
    figure.update_layout(barmode="stack", bargap=0.12)
    return figure
