"""Charts over time: pure functions from a frame of core.aggregation to a Plotly figure.

Frames have one row per bucket of local time, and charts show that local time in any browser.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from unicodedata import category, east_asian_width

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.aggregation.rollups.buckets import Bucket
from dashboard.formats import plain_label, short_label
from dashboard.theme import Palette

FONT = '"Source Sans", "Source Sans Pro", sans-serif'
HEIGHT = 280
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LABEL_GAP_PIXELS = 14
FEW_CALLS = 5
"""Up to so many, Plotly's own ticks would be at 0.2, 0.4 … calls."""
_NARROW, _WIDE = frozenset("fijlrtI .,:;'|!()[]-/\N{MIDDLE DOT}"), frozenset("mwMW@%DGHNOQU")
LONG_LABEL_PIXELS = 84
_PLOT_PIXELS = HEIGHT - 64
_TIME_FORMATS: dict[Bucket, str] = {
    "1min": "%a %-d %b %Y, %H:%M",
    "5min": "%a %-d %b %Y, from %H:%M, 5 min",
    "15min": "%a %-d %b %Y, from %H:%M, 15 min",
    "1h": "%a %-d %b %Y, from %H:%M, 1 h",
    "3h": "%a %-d %b %Y, from %H:%M, 3 h",
    "1D": "%a %-d %b %Y",
    "1W": "Week from %-d %b %Y",
    "1MS": "%B %Y",
}


_BUCKET_WORDS: dict[Bucket, str] = {
    "1min": "minute",
    "5min": "5 min",
    "15min": "15 min",
    "1h": "hour",
    "3h": "3 h",
    "1D": "day",
    "1W": "week",
    "1MS": "month",
}


@dataclass(frozen=True)
class Line:
    """A column of a frame as a line: its label and colour."""

    column: str
    label: str
    colour: str
    wide: bool = False


@dataclass(frozen=True)
class Limit:
    """A labelled dashed line across a chart; text-coloured unless it has a colour."""

    value: float
    words: str
    colour: str = ""


@dataclass(frozen=True)
class Mark:
    """A time to mark on a chart, local and without a zone."""

    at: datetime
    words: str
    severity: str


def words_width(words: Iterable[str], size: int = 13) -> int:
    """Return the pixels that the widest of these texts takes, erring on the large side."""
    return round(size * max((sum(map(_share, text)) for text in words), default=0))


def _share(letter: str) -> float:
    """Return a letter's width as a share of the font size."""
    if letter in _NARROW:
        return 0.31
    if not letter.isascii():
        # Emoji, Chinese and the like; signs that stand above or below others; Hindi, Urdu and all others.
        return 1.0 if east_asian_width(letter) in "WF" else 0.0 if category(letter) == "Mn" else 0.75
    return 0.83 if letter in _WIDE else 0.57


def blank(
    palette: Palette, *, y_title: str = "", legend: bool = False, rows: Sequence[str] = ()
) -> go.Figure:
    """Return an empty figure with the colours and margins of all charts; ``rows``: names of its rows.

    Margins fit the labels, because plotly.js draws a chart twice if they do not.
    """
    axis = {
        "gridcolor": palette.grid,
        "zeroline": False,
        "tickfont": {"color": palette.muted},
        "fixedrange": False,
        "separatethousands": True,
    }
    return go.Figure(
        layout={
            "template": "none",
            "height": HEIGHT,
            "margin": {"l": words_width(rows) + 8 if rows else 56, "r": 16, "t": 28, "b": 44},
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
                "nticks": 6,
                **({"title": axis_title(y_title, palette) | {"standoff": 8}} if y_title else {}),
            },
        }
    )


def whole_steps(most: float) -> dict[str, float | None]:
    """Return how far apart the ticks of an axis of counts are: no fractions where ``most`` is few."""
    return {"dtick": 1 if most <= FEW_CALLS else None}


def axis_title(words: str, palette: Palette) -> dict[str, object]:
    """Return the title of an axis."""
    return {"text": words, "font": {"size": 12, "color": palette.muted}}


def _time_axis(figure: go.Figure, bucket: Bucket) -> None:
    figure.update_layout(hovermode="x unified", margin_b=40)
    figure.update_yaxes(automargin=False)
    figure.update_xaxes(
        automargin=False,
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
    frame: pd.DataFrame, parts: Sequence[Line], bucket: Bucket, palette: Palette, *, partial: Sequence[int]
) -> go.Figure:
    """Return calls per bucket, one colour per part; ``partial`` bars, which are not whole, are pale."""
    figure = blank(palette, y_title=f"calls per {bucket_words(bucket)}", legend=True)
    _time_axis(figure, bucket)
    opacity = [1.0] * len(frame)
    for bar in partial if opacity else ():
        opacity[bar] = 0.55
    hover = _all_parts(frame, parts)
    for part in parts:
        if part.column in frame:
            figure.add_bar(
                x=_wall_clock(frame.index),
                y=frame[part.column].to_numpy(),
                name=short_label(part.label),
                marker={"color": part.colour, "opacity": opacity, "line": {"width": 0}},
                customdata=hover,
                hovertemplate=f"%{{x|{_TIME_FORMATS[bucket]}}}<br>%{{customdata}}<extra></extra>",
            )
    shown = [part.column for part in parts if part.column in frame]
    figure.update_yaxes(whole_steps(frame[shown].sum(axis=1).max() if shown and len(frame) else 0))
    # With one hover label for all parts, a click would always select the first.
    figure.update_layout(hovermode="closest", barmode="stack", bargap=0.12 if len(frame) < 60 else 0.04)  # noqa: PLR2004 (bars)
    return figure


def _all_parts(frame: pd.DataFrame, parts: Sequence[Line]) -> list[str]:
    """Return the hover text of each bar: every part with its colour."""
    shown = [part for part in parts if part.column in frame]
    square = '<span style="color:{}">\N{BLACK SQUARE}</span> {}'
    marks = [square.format(part.colour, plain_label(part.label)) for part in shown]
    columns = [frame[part.column].tolist() for part in shown]
    return [
        "<br>".join(f"{mark}: {n:,}" for mark, n in zip(marks, row, strict=True))
        for row in zip(*columns, strict=True)
    ]


def bucket_words(bucket: Bucket) -> str:
    """Return a bucket's name for an axis: ``hour``, ``15 min``."""
    return _BUCKET_WORDS[bucket]


def lines(
    frame: pd.DataFrame,
    parts: Sequence[Line],
    bucket: Bucket,
    palette: Palette,
    *,
    unit: str,
    limits: Sequence[Limit] = (),
) -> go.Figure:
    """Return lines over time, labelled at their right end; gaps stay gaps, limits are dashed."""
    figure = blank(palette, y_title=unit)
    _time_axis(figure, bucket)
    scale = 100.0 if unit == "%" else 1.0
    shown = [part for part in parts if part.column in frame and frame[part.column].notna().any()]
    for number, part in enumerate(shown):
        _add_line(figure, frame[part.column] * scale, part, unit, clickable=number == len(shown) - 1)
    for part in shown:
        _add_dots(figure, frame[part.column] * scale, part)
    values = [float(frame[part.column].max()) * scale for part in shown]
    top = max([*values, *(limit.value for limit in limits), 1e-9]) * 1.12
    if unit == "%":
        top = min(top, 104.0)
    figure.update_yaxes(range=[0, top])
    for limit in limits:
        _add_limit(figure, limit, palette)
    ends = [
        (float(frame[part.column].dropna().iloc[-1]) * scale, part.label, palette.readable(part.colour))
        for part in shown
    ]
    _label_ends(figure, [*ends, *((limit.value, limit.words, palette.muted) for limit in limits)], top)
    return figure


def _add_line(figure: go.Figure, values: pd.Series, part: Line, unit: str, *, clickable: bool) -> None:
    figure.add_scatter(
        x=_wall_clock(values.index),
        y=values.to_numpy().round(2),
        name=plain_label(part.label),
        # Only points with a marker (of any size) can be clicked, but each costs an element. All lines
        # lead to the same calls, so only the last one, which a click selects, has markers.
        mode="lines+markers" if clickable else "lines",
        line={"color": part.colour, "width": 2.6 if part.wide else 1.6},
        marker={"size": np.zeros(len(values)), "color": part.colour, "line": {"width": 0}},
        hovertemplate="%{y:.1f} %" if unit == "%" else f"%{{y:,.0f}} {unit}",
    )


def _add_dots(figure: go.Figure, values: pd.Series, part: Line) -> None:
    """Draw a dot for values between two gaps, which have no line."""
    there = values.notna()
    alone = values[there & ~there.shift(1, fill_value=False) & ~there.shift(-1, fill_value=False)]
    if len(alone):
        figure.add_scatter(
            x=_wall_clock(alone.index),
            y=alone.to_numpy().round(2),
            mode="markers",
            marker={"size": 5, "color": part.colour, "line": {"width": 0}},
            hoverinfo="skip",
            showlegend=False,
        )


def _add_limit(figure: go.Figure, limit: Limit, palette: Palette) -> None:
    figure.add_shape(
        type="line",
        xref="paper",
        x0=0,
        x1=1,
        y0=limit.value,
        y1=limit.value,
        line={"color": limit.colour or palette.text, "width": 1.2, "dash": "dash"},
    )


def band(figure: go.Figure, low: pd.Series, high: pd.Series, colour: str, scale: float = 100.0) -> None:
    """Add a pale band between two columns behind the lines, such as an interval; gaps stay gaps."""
    there = low.notna() & high.notna()
    runs = (there != there.shift()).cumsum()[there]
    for _, part in runs.groupby(runs):
        index = _wall_clock(part.index)
        figure.add_scatter(
            x=[*index, *index[::-1]],
            y=[*(high[part.index] * scale).round(2), *(low[part.index] * scale)[::-1].round(2)],
            fill="toself",
            fillcolor=colour,
            opacity=0.16,
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        )
        figure.data = (figure.data[-1], *figure.data[:-1])


def shade(figure: go.Figure, spans: Sequence[tuple[datetime, datetime]], palette: Palette) -> None:
    """Shade spans of local time (without a zone)."""
    grounds = [
        {
            "type": "rect",
            "yref": "paper",
            "x0": start,
            "x1": end,
            "y0": 0,
            "y1": 1,
            "layer": "below",
            "fillcolor": palette.grid,
            "opacity": 0.45,
            "line": {"width": 0},
        }
        for start, end in spans
    ]
    # Appended to the existing ones: updating a list in place would change its members one by one.
    figure.update_layout(shapes=[*figure.layout.shapes, *grounds])


def compared(figure: go.Figure, totals: pd.Series, words: str, palette: Palette) -> None:
    """Add a dotted line over the bars: the same buckets of an earlier period, shifted to now."""
    figure.add_scatter(
        x=_wall_clock(totals.index),
        y=totals.to_numpy(),
        name=words,
        mode="lines",
        line={"color": palette.text, "width": 1.5, "dash": "dot"},
        showlegend=False,
        hovertemplate="%{y:,} calls",
    )
    if totals.max() > FEW_CALLS:
        figure.update_yaxes(dtick=None)


def annotate(figure: go.Figure, marks: Sequence[Mark], palette: Palette) -> None:
    """Mark events with thin lines; hovering over the triangle on top says what happened."""
    if not marks:
        return
    lines = [
        {
            "type": "line",
            "yref": "paper",
            "x0": mark.at,
            "x1": mark.at,
            "y0": 0,
            "y1": 1,
            "layer": "below",
            "line": {"color": palette.severities[mark.severity], "width": 1, "dash": "dot"},
        }
        for mark in marks
    ]
    triangles = [
        {
            "x": mark.at,
            "yref": "paper",
            "y": 1,
            "yanchor": "top",
            "showarrow": False,
            "text": "\N{BLACK DOWN-POINTING TRIANGLE}",
            "hovertext": mark.words,
            "font": {"size": 11, "color": palette.severities[mark.severity]},
            "captureevents": True,
        }
        for mark in marks
    ]
    # All at once: Plotly validates all earlier ones again for each one added.
    figure.update_layout(
        shapes=[*figure.layout.shapes, *lines], annotations=[*figure.layout.annotations, *triangles]
    )


def _label_ends(
    figure: go.Figure,
    labels: Sequence[tuple[float, str, str]],
    top: float,
) -> None:
    """Label the lines beside the plot (value, text, colour), moved apart if they would overlap."""
    lowest = -np.inf
    for value, text, colour in sorted(labels, key=lambda label: label[0]):
        wanted = value / top * _PLOT_PIXELS
        place = max(wanted, lowest + LABEL_GAP_PIXELS)
        lowest = place
        figure.add_annotation(
            text=plain_label(text),
            xref="paper",
            x=1,
            y=value,
            yshift=place - wanted,
            xanchor="left",
            xshift=6,
            showarrow=False,
            font={"size": 12, "color": colour},
        )
    widest = words_width((text for _, text, _ in labels), size=12)
    figure.update_layout(margin_r=14 + widest)
    if widest > LONG_LABEL_PIXELS:  # leaves little room for times on a phone
        figure.update_xaxes(nticks=4)
