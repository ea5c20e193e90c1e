"""The figure factory: pure functions from a frame of core.aggregation to a Plotly figure.

Frames have one row a bucket of local time; a chart shows that wall clock in any browser.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.aggregation.buckets import Bucket
from core.aggregation.definitions import NEGATIVE_BELOW, POSITIVE_ABOVE
from dashboard.formats import duration
from dashboard.theme import Palette

FONT = '"Source Sans", "Source Sans Pro", sans-serif'
HEIGHT = 280
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LABEL_GAP_PIXELS = 14
_PLOT_PIXELS = HEIGHT - 64
_TIME_FORMATS: dict[Bucket, str] = {
    "1min": "%a %-d %b %Y, %H:%M",
    "5min": "%a %-d %b %Y, from %H:%M, 5 min",
    "15min": "%a %-d %b %Y, from %H:%M, 15 min",
    "1h": "%a %-d %b %Y, from %H:%M, 1 h",
    "1D": "%a %-d %b %Y",
    "1W": "Week from %-d %b %Y",
    "1MS": "%B %Y",
}


@dataclass(frozen=True)
class Line:
    """A column of a frame as people see it."""

    column: str
    label: str
    colour: str
    wide: bool = False


def _figure(palette: Palette, *, y_title: str, legend: bool = False) -> go.Figure:
    axis = {
        "gridcolor": palette.grid,
        "zeroline": False,
        "tickfont": {"color": palette.muted},
        "fixedrange": False,
    }
    return go.Figure(
        layout={
            "template": "none",
            "height": HEIGHT,
            "margin": {"l": 8, "r": 8, "t": 28, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 13, "color": palette.text},
            "showlegend": legend,
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1.02,
                "yanchor": "bottom",
                "traceorder": "normal",
                "font": {"size": 12},
                "itemwidth": 30,
            },
            "hoverlabel": {
                "bgcolor": palette.surface,
                "bordercolor": palette.grid,
                "font": {"family": FONT, "color": palette.text},
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": palette.muted, "activecolor": palette.text},
            "colorway": list(dict.fromkeys(palette.colours.values())),
            "xaxis": {**axis, "automargin": True, "showgrid": False, "linecolor": palette.grid},
            "yaxis": {
                **axis,
                "automargin": True,
                "rangemode": "tozero",
                "title": {"text": y_title, "font": {"size": 12, "color": palette.muted}, "standoff": 8},
                "nticks": 6,
            },
        }
    )


def _time_axis(figure: go.Figure, bucket: Bucket) -> None:
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(
        type="date",
        hoverformat=_TIME_FORMATS[bucket],
        nticks=5,
        tickangle=0,
        spikecolor=figure.layout.xaxis.linecolor,
        spikethickness=1,
        spikedash="solid",
        tickformatstops=[
            {"dtickrange": [None, 86_399_999], "value": "%H:%M\n%-d %b"},
            {"dtickrange": [86_400_000, "M1"], "value": "%-d %b\n%Y"},
            {"dtickrange": ["M1", None], "value": "%b\n%Y"},
        ],
    )


def _wall_clock(index: pd.Index) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(index).tz_localize(None)


def stacked_bars(
    frame: pd.DataFrame, parts: Sequence[Line], bucket: Bucket, palette: Palette, *, filling: bool
) -> go.Figure:
    """Calls per bucket, one colour a part; ``filling`` pales the last bar, which is not yet whole."""
    figure = _figure(palette, y_title=f"calls per {bucket_words(bucket)}", legend=True)
    _time_axis(figure, bucket)
    opacity = [1.0] * len(frame)
    if filling and opacity:
        opacity[-1] = 0.55
    for part in parts:
        if part.column in frame:
            figure.add_bar(
                x=_wall_clock(frame.index),
                y=frame[part.column].to_numpy(),
                name=part.label,
                marker={"color": part.colour, "opacity": opacity, "line": {"width": 0}},
                hovertemplate="%{y:,} calls",
            )
    figure.update_layout(barmode="stack", bargap=0.12 if len(frame) < 60 else 0.04)  # noqa: PLR2004
    return figure


def bucket_words(bucket: Bucket) -> str:
    """A bucket for an axis: ``hour``, ``15 min``."""
    words = {"1min": "minute", "5min": "5 min", "15min": "15 min", "1h": "hour", "1D": "day"}
    return words.get(bucket, "week" if bucket == "1W" else "month")


def lines(
    frame: pd.DataFrame,
    parts: Sequence[Line],
    bucket: Bucket,
    palette: Palette,
    *,
    unit: str,
    limit: tuple[float, str] | None = None,
) -> go.Figure:
    """Lines over time with their names at the right end; gaps stay gaps; ``limit`` is a dashed line."""
    figure = _figure(palette, y_title=unit)
    _time_axis(figure, bucket)
    scale = 100.0 if unit == "%" else 1.0
    shown = [part for part in parts if part.column in frame and frame[part.column].notna().any()]
    for part in shown:
        _add_line(figure, frame[part.column] * scale, part, unit)
    values = [float(frame[part.column].max()) * scale for part in shown]
    top = max([*values, limit[0] if limit else 0.0, 1e-9]) * 1.12
    if unit == "%":
        top = min(top, 104.0)
    figure.update_yaxes(range=[0, top])
    if limit:
        _add_limit(figure, limit, palette)
    _label_ends(figure, frame, shown, scale, top)
    return figure


def _add_line(figure: go.Figure, values: pd.Series, part: Line, unit: str) -> None:
    there = values.notna()
    alone = there & ~there.shift(1, fill_value=False) & ~there.shift(-1, fill_value=False)
    figure.add_scatter(
        x=_wall_clock(values.index),
        y=values.to_numpy().round(2),
        name=part.label,
        mode="lines+markers" if alone.any() else "lines",
        line={"color": part.colour, "width": 2.6 if part.wide else 1.6},
        # A value between two gaps has no line: a dot shows it.
        marker={"size": np.where(alone, 5, 0), "color": part.colour, "line": {"width": 0}},
        hovertemplate="%{y:.1f} %" if unit == "%" else f"%{{y:,.0f}} {unit}",
    )


def _add_limit(figure: go.Figure, limit: tuple[float, str], palette: Palette) -> None:
    value, words = limit
    figure.add_shape(
        type="line",
        xref="paper",
        x0=0,
        x1=1,
        y0=value,
        y1=value,
        line={"color": palette.text, "width": 1.2, "dash": "dash"},
    )
    figure.add_annotation(
        text=words,
        xref="paper",
        x=0,
        y=value,
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": 12, "color": palette.muted},
    )


def _label_ends(
    figure: go.Figure, frame: pd.DataFrame, parts: Sequence[Line], scale: float, top: float
) -> None:
    """Names beside the last values, moved apart where they would cover each other."""
    ends = sorted(
        ((float(frame[part.column].dropna().iloc[-1]) * scale / top * _PLOT_PIXELS, part) for part in parts),
        key=lambda end: end[0],
    )
    lowest = -np.inf
    for wanted, part in ends:
        place = max(wanted, lowest + LABEL_GAP_PIXELS)
        lowest = place
        figure.add_annotation(
            text=part.label,
            xref="paper",
            x=1,
            y=wanted / _PLOT_PIXELS * top,
            yshift=place - wanted,
            xanchor="left",
            xshift=6,
            showarrow=False,
            font={"size": 12, "color": part.colour},
        )
    widest = max((len(part.label) for part in parts), default=0)
    figure.update_layout(margin_r=14 + 7 * widest)


def histogram(
    frame: pd.DataFrame, colours: Sequence[str], palette: Palette, *, x_title: str, hover: Sequence[str]
) -> go.Figure:
    """Bars of a histogram frame (start, end, n); ``hover`` names each bin."""
    figure = _figure(palette, y_title="calls")
    figure.add_bar(
        x=(frame["start"] + frame["end"].clip(upper=frame["start"] + _width(frame))) / 2,
        y=frame["n"],
        width=_width(frame),
        marker={"color": list(colours), "line": {"width": 0.6, "color": palette.surface}},
        customdata=list(hover),
        hovertemplate="%{customdata}: %{y:,} calls<extra></extra>",
    )
    figure.update_xaxes(title={"text": x_title, "font": {"size": 12, "color": palette.muted}})
    figure.update_layout(bargap=0)
    return figure


def _width(frame: pd.DataFrame) -> float:
    return float(frame["end"].iloc[0] - frame["start"].iloc[0]) if len(frame) else 1.0


def mark(figure: go.Figure, at: float, words: str, palette: Palette) -> go.Figure:
    """A dotted vertical line with its meaning, on a histogram."""
    figure.add_vline(at, line={"color": palette.text, "width": 1.4, "dash": "dot"})
    figure.add_annotation(
        text=words, x=at, yref="paper", y=1, yanchor="bottom", showarrow=False, font={"size": 12}
    )
    return figure


def sentiment_colours(frame: pd.DataFrame, palette: Palette) -> list[str]:
    """The colour of each bin of a sentiment histogram: negative, neutral or positive."""
    middles = (frame["start"] + frame["end"]) / 2
    names = np.select(
        [middles < NEGATIVE_BELOW, middles > POSITIVE_ABOVE], ["negative", "positive"], "neutral"
    )
    return [palette.colours[name] for name in names]


def shares(counts: dict[str, int], palette: Palette) -> go.Figure:
    """One bar for each name, the longest on top, with its share and count beside it."""
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: item[1])
    figure = _figure(palette, y_title="")
    figure.add_bar(
        y=[name for name, _ in ordered],
        x=[100 * n / total for _, n in ordered],
        orientation="h",
        marker={"color": palette.accent},
        text=[f" {100 * n / total:.1f} % · {n:,}" for _, n in ordered],
        textposition="outside",
        cliponaxis=False,
        customdata=[n for _, n in ordered],
        hovertemplate="%{y}: %{customdata:,} calls, %{x:.1f} %<extra></extra>",
    )
    widest = max(100 * n / total for _, n in ordered)
    figure.update_xaxes(range=[0, widest * 1.6], showgrid=False, showticklabels=False, title={"text": ""})
    figure.update_yaxes(
        tickfont={"size": 13, "color": palette.text}, showgrid=False, ticksuffix="  ", ticks=""
    )
    figure.update_layout(bargap=0.35, margin_t=8)
    return figure


def heat_map(frame: pd.DataFrame, palette: Palette) -> go.Figure:
    """Calls by weekday (rows) and hour of the day (columns)."""
    figure = _figure(palette, y_title="")
    figure.add_heatmap(
        z=frame.where(frame > 0).to_numpy(),
        x=[f"{hour:02d}" for hour in frame.columns],
        y=list(WEEKDAYS),
        colorscale="Cividis",
        xgap=2,
        ygap=2,
        hovertemplate="%{y} %{x}:00 to %{x}:59: %{z:,} calls<extra></extra>",
        colorbar={
            "thickness": 10,
            "outlinewidth": 0,
            "title": {"text": "calls", "font": {"size": 12, "color": palette.muted}},
            "tickfont": {"color": palette.muted},
            "nticks": 5,
        },
    )
    figure.update_yaxes(
        autorange="reversed", showgrid=False, rangemode="normal", dtick=1, ticks="", ticksuffix=" "
    )
    figure.update_xaxes(
        type="category",
        nticks=12,
        tickangle=0,
        title={"text": "hour of the day", "font": {"size": 12, "color": palette.muted}},
    )
    figure.update_layout(margin_t=8)
    return figure


def minutes_axis(figure: go.Figure, frame: pd.DataFrame) -> None:
    """Name the ticks of an axis of seconds in minutes and seconds."""
    top = float(frame["start"].iloc[-1]) + _width(frame)
    step = next((nice for nice in (5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600) if top / nice <= 8), top / 8)  # noqa: PLR2004
    ticks = np.arange(0, top + 1e-9, step)
    figure.update_xaxes(tickvals=ticks, ticktext=[duration(tick) for tick in ticks], range=[0, top])
