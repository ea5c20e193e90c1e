"""Charts of one figure by group: a bar per value with its interval, and two sides compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.distributions import numbered_rows, row_labels, rows_axis
from dashboard.charts.time_series import HEIGHT, axis_title, blank
from dashboard.formats import plain_label, short_label
from dashboard.theme import Palette

ROW_PIXELS = 26
_EDGES = 64
"""Pixels above and below the bars, together."""


@dataclass(frozen=True)
class Bar:
    """A group's figure in the chart's unit, its interval if known, and its hover text."""

    name: str
    value: float
    words: str
    low: float | None = None
    high: float | None = None
    muted: bool = False


def rows(bars: Sequence[Bar], palette: Palette, *, unit: str) -> go.Figure:
    """Return a horizontal bar per group, first on top, with its interval and label."""
    names = [bar.name for bar in bars]
    figure = blank(palette, rows=row_labels(names))
    widest = max([bar.high or bar.value for bar in bars], default=1.0) or 1.0
    figure.add_bar(
        y=list(range(len(bars))),
        x=[bar.value for bar in bars],
        orientation="h",
        marker={"color": [palette.neutral if bar.muted else palette.accent for bar in bars], "opacity": 0.85},
        error_x=_errors(bars, palette),
        customdata=[f"{plain_label(bar.name)}: {bar.words}" for bar in bars],
        hovertemplate="%{customdata}<extra></extra>",
    )
    numbered_rows(figure, palette, names)
    figure.update_xaxes(
        showgrid=True, range=[0, 1.06 * widest], title=axis_title(unit, palette), nticks=4, tickangle=0
    )
    gap = max(0.3, 1 - 0.16 * len(bars))
    figure.update_layout(bargap=gap, height=max(HEIGHT, ROW_PIXELS * len(bars) + _EDGES))
    return figure


def columns(bars: Sequence[Bar], palette: Palette, *, unit: str, x_title: str) -> go.Figure:
    """Return a bar per group from left to right, with its interval: hours, weekdays, days, attempts."""
    figure = blank(palette, y_title=unit)
    figure.add_bar(
        x=list(range(len(bars))),
        y=[bar.value for bar in bars],
        marker={"color": palette.accent, "opacity": 0.85},
        error_y=_errors(bars, palette),
        customdata=[f"{plain_label(bar.name)}: {bar.words}" for bar in bars],
        hovertemplate="%{customdata}<extra></extra>",
    )
    step = -(-len(bars) // 12)
    figure.update_xaxes(
        tickvals=list(range(0, len(bars), step)),
        ticktext=[plain_label(bar.name) for bar in bars[::step]],
        title=axis_title(x_title, palette),
        range=[-0.6, len(bars) - 0.4],
        showgrid=False,
    )
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(bargap=0.3)
    return figure


def _errors(bars: Sequence[Bar], palette: Palette) -> dict[str, object]:
    above = [0.0 if bar.high is None else bar.high - bar.value for bar in bars]
    below = [0.0 if bar.low is None else bar.value - bar.low for bar in bars]
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "color": palette.text,
        "thickness": 1.2,
        "width": 3,
    }


def overlaid(
    frame: pd.DataFrame, names: Sequence[str], colours: Sequence[str], palette: Palette
) -> go.Figure:
    """Return the shares by bin, in ms, of each side as overlaid stepped lines; sides are numbered columns."""
    figure = blank(palette, y_title="% of calls", legend=True)
    ends = [*frame["start"], float(frame["end"].iloc[-1])]
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        shares = (100 * frame[str(number)]).round(3).tolist()
        figure.add_scatter(
            x=ends,
            y=[*shares, shares[-1]],
            name=short_label(name),
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hv"},
            fill="tozeroy",
            fillcolor=_faint(colour),
            hovertemplate=f"{plain_label(name)}, from %{{x:,}}: %{{y:.1f}} %<extra></extra>",
        )
    figure.update_xaxes(title=axis_title("ms", palette), showgrid=False)
    figure.update_yaxes(rangemode="tozero")
    return figure


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"


def side_by_side(
    stages: Sequence[str],
    counts: Sequence[Sequence[int]],
    names: Sequence[str],
    colours: Sequence[str],
    palette: Palette,
) -> go.Figure:
    """Return funnels side by side: each stage's share of the calls dialled, a bar per side."""
    figure = blank(palette, legend=True, rows=[f"{stage}  " for stage in stages])
    for side, name, colour in zip(counts, names, colours, strict=True):
        first = side[0] or 1
        figure.add_bar(
            y=list(stages),
            x=[100 * n / first for n in side],
            orientation="h",
            name=short_label(name),
            marker={"color": colour},
            text=[f" {100 * n / first:.1f} %" for n in side],
            textposition="outside",
            textfont={"size": 12, "color": palette.text},
            cliponaxis=False,
            customdata=[f"{n:,}" for n in side],
            hovertemplate=f"{plain_label(name)}, %{{y}}: %{{customdata}} calls, "
            "%{x:.1f} % of those dialled<extra></extra>",
        )
    figure.update_xaxes(range=[0, 118], showgrid=False, showticklabels=False)
    rows_axis(figure, palette, ticksuffix="  ")
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.08)
    return figure
