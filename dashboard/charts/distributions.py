"""Charts without a time axis: histograms, shares, heat maps, rates with intervals, the funnel."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.models.definitions import COST_PARTS, NEGATIVE_BELOW, POSITIVE_ABOVE
from dashboard.charts.time_series import HEIGHT, WEEKDAYS, axis_title, blank, whole_steps
from dashboard.formats import duration, plain_label, short_label
from dashboard.theme import HEAT_SCALE, Palette

_RUPEE = "\N{INDIAN RUPEE SIGN}"


def histogram(
    frame: pd.DataFrame, colours: Sequence[str], palette: Palette, *, x_title: str, hover: Sequence[str]
) -> go.Figure:
    """Return the bars of a histogram frame (start, end, n); ``hover`` names each bin."""
    figure = blank(palette, y_title="calls")
    widths = (frame["end"] - frame["start"]).clip(upper=1.5 * _width(frame))  # the last bin may be long
    figure.add_bar(
        x=frame["start"] + widths / 2,
        y=frame["n"],
        width=widths,
        marker={"color": list(colours), "line": {"width": 0.6, "color": palette.surface}},
        customdata=list(hover),
        hovertemplate="%{customdata}: %{y:,} calls<extra></extra>",
    )
    figure.update_xaxes(title=axis_title(x_title, palette))
    figure.update_yaxes(whole_steps(frame["n"].max()))
    figure.update_layout(bargap=0)
    return figure


def _width(frame: pd.DataFrame) -> float:
    return float(frame["end"].iloc[0] - frame["start"].iloc[0]) if len(frame) else 1.0


def rows_axis(figure: go.Figure, palette: Palette, ticksuffix: str = "") -> None:
    """Make the vertical axis one of our own names, all of them, the first on top."""
    figure.update_yaxes(
        autorange="reversed",
        type="category",
        rangemode="normal",
        dtick=1,
        showgrid=False,
        ticksuffix=ticksuffix,
        tickfont={"size": 13, "color": palette.text},
    )


def row_labels(names: Sequence[str]) -> list[str]:
    """Return what foreign names are called beside their rows."""
    return [f"{short_label(name)}  " for name in names]


def numbered_rows(figure: go.Figure, palette: Palette, names: Sequence[str]) -> None:
    """Make the vertical axis one of numbered rows with foreign names, 0 on top; ``meta`` has the whole names.

    By number, because plotly.js takes names such as ``2026`` for places on the axis, and two of them may be
    shown alike.
    """
    figure.update_layout(meta=[plain_label(name) for name in names])
    figure.update_yaxes(
        type="linear",
        tickvals=list(range(len(names))),
        ticktext=row_labels(names),
        autorange=False,
        range=[len(names) - 0.5, -0.5],
        rangemode="normal",
        showgrid=False,
        tickfont={"size": 13, "color": palette.text},
    )


def mark(figure: go.Figure, at: float, words: str, palette: Palette) -> go.Figure:
    """Add a labelled dotted vertical line to a histogram."""
    figure.add_vline(at, line={"color": palette.text, "width": 1.4, "dash": "dot"})
    figure.add_annotation(
        text=words, x=at, yref="paper", y=1, yanchor="bottom", showarrow=False, font={"size": 12}
    )
    return figure


def sentiment_colours(frame: pd.DataFrame, palette: Palette) -> list[str]:
    """Return the colour of each bin of a sentiment histogram: negative, neutral or positive."""
    middles = (frame["start"] + frame["end"]) / 2
    names = np.select(
        [middles < NEGATIVE_BELOW, middles > POSITIVE_ABOVE], ["negative", "positive"], "neutral"
    )
    return [palette.colours[name] for name in names]


def shares(counts: dict[str, int], palette: Palette) -> go.Figure:
    """Return one bar per name in the order given, the first on top, with its share and count beside it."""
    total = sum(counts.values())
    shares = [100 * n / total for n in counts.values()]
    names = list(counts)
    figure = blank(palette, rows=row_labels(names))
    figure.add_bar(
        y=list(range(len(names))),
        x=shares,
        orientation="h",
        marker={"color": palette.accent},
        text=[f" {share:.1f} % · {n:,}" for share, n in zip(shares, counts.values(), strict=True)],
        textposition="outside",
        cliponaxis=False,
        customdata=[f"{plain_label(name)}: {n:,}" for name, n in counts.items()],
        hovertemplate="%{customdata} calls, %{x:.1f} %<extra></extra>",
    )
    figure.update_xaxes(range=[0, max(shares) * 1.6], showgrid=False, showticklabels=False)
    numbered_rows(figure, palette, names)
    figure.update_layout(bargap=1 - 0.16 * min(4, len(counts)), margin={"t": 8, "b": 8})
    return figure


def heat_map(
    frame: pd.DataFrame,
    palette: Palette,
    *,
    unit: str = "calls",
    counts: pd.DataFrame | None = None,
    least: int = 1,
    closed: Collection[int] = (),
) -> go.Figure:
    """Return values by weekday (rows) and hour of the day (columns).

    ``counts`` are the calls behind each value: cells with fewer than ``least`` are grey. Cells of ``closed``
    hours, when nobody may be called, are crossed out in red.
    """
    n = frame if counts is None else counts
    shut = pd.DataFrame({hour: int(hour) in closed for hour in frame.columns}, index=frame.index)
    figure = blank(palette, rows=[f"{day} " for day in WEEKDAYS])
    shared = {
        "x": [f"{hour:02d}" for hour in frame.columns],
        "y": list(WEEKDAYS),
        "xgap": 2,
        "ygap": 2,
        "hoverinfo": "skip",
    }
    figure.add_heatmap(
        z=frame.where((n >= least) & ~shut).to_numpy().astype(float).round(2),
        colorscale=HEAT_SCALE,
        colorbar={
            "thickness": 10,
            "outlinewidth": 0,
            "title": axis_title(unit, palette),
            "tickfont": {"color": palette.muted},
            "nticks": 5,
            "separatethousands": True,
        },
        **shared,
    )
    if counts is not None:
        few = (n > 0) & ((n < least) | shut)
        figure.add_heatmap(
            z=few.where(few).to_numpy().astype(float),
            colorscale=[[0, palette.grid], [1, palette.grid]],
            showscale=False,
            **shared,
        )
    values, several, digits = frame.to_numpy(), n.to_numpy(), 1 if unit == "%" else 0

    def words(row: int, column: int) -> str:
        enough = several[row, column] >= least
        said = f"{values[row, column]:,.{digits}f} {unit}" if enough else "too few calls"
        said = said if counts is None else f"{said} \N{MIDDLE DOT} n {several[row, column]:,}"
        return (
            f"{said} \N{MIDDLE DOT} outside calling hours" if int(frame.columns[column]) in closed else said
        )

    _cross_out(figure, n.where(shut, 0), palette)
    _make_clickable(figure, n, words)
    figure.update_yaxes(
        autorange="reversed", showgrid=False, rangemode="normal", dtick=1, ticks="", ticksuffix=" "
    )
    figure.update_xaxes(
        type="category",
        nticks=12,
        tickangle=0,
        title=axis_title("hour of the day", palette),
    )
    figure.update_layout(margin={"t": 8, "b": 48})
    return figure


def _cross_out(figure: go.Figure, n: pd.DataFrame, palette: Palette) -> None:
    """Put red crosses on the cells that have calls."""
    rows, columns = (part.tolist() for part in np.nonzero(n.to_numpy()))
    figure.add_scatter(
        x=[f"{n.columns[column]:02d}" for column in columns],
        y=[WEEKDAYS[row] for row in rows],
        mode="markers",
        marker={
            "symbol": "x-thin",
            "size": 9,
            "line": {"width": 1.6, "color": palette.severities["critical"]},
        },
        hoverinfo="skip",
        showlegend=False,
    )


def _make_clickable(figure: go.Figure, n: pd.DataFrame, words: Callable[[int, int], str]) -> None:
    """Add invisible squares for clicks and hover: Plotly's heat map cells cannot be clicked."""
    rows, columns = (part.tolist() for part in np.nonzero(n.to_numpy()))
    hours = [f"{hour:02d}" for hour in n.columns]
    figure.add_scatter(
        x=[hours[column] for column in columns],
        y=[WEEKDAYS[row] for row in rows],
        mode="markers",
        marker={"symbol": "square", "size": 24, "opacity": 0},
        customdata=[words(row, column) for row, column in zip(rows, columns, strict=True)],
        hovertemplate="%{y} %{x}:00 to %{x}:59: %{customdata}<extra></extra>",
        showlegend=False,
    )


def minutes_axis(figure: go.Figure, frame: pd.DataFrame) -> None:
    """Label an axis of seconds in minutes and seconds."""
    top = float(frame["start"].iloc[-1]) + _width(frame)
    step = next((nice for nice in (5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600) if top / nice <= 8), top / 8)  # noqa: PLR2004 (ticks)
    ticks = np.arange(0, top + 1e-9, step)
    figure.update_xaxes(tickvals=ticks, ticktext=[duration(tick) for tick in ticks], range=[0, top])


MOST_BARS = 8
_LEAST_ROW_PIXELS, _ROUND_ROWS_PIXELS = 17, 76
"""Heights of a row, so that its name does not touch the next one's, and of what is above and below all."""


@dataclass(frozen=True)
class Dots:
    """The rates of one value, each with its interval (0 to 1) and number of calls."""

    name: str
    colour: str
    rates: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    n: Sequence[int]


def rate_dots(rows: Sequence[str], dots: Sequence[Dots], palette: Palette) -> go.Figure:
    """Return rates as dots with 95 % intervals: one row per rate, one colour per value."""
    figure = blank(palette, legend=len(dots) > 1, rows=row_labels(rows))
    spread, highest = 0.58, np.nan_to_num([dot.high for dot in dots]).max(initial=0.01)
    for number, dot in enumerate(dots):
        shift = 0.0 if len(dots) == 1 else spread * (number / (len(dots) - 1) - 0.5)
        values = 100 * np.asarray(dot.rates, float)
        figure.add_scatter(
            x=values.round(2),
            y=np.arange(len(rows)) + shift,
            name=short_label(dot.name),
            mode="markers",
            marker={"color": dot.colour, "size": 9, "line": {"width": 1, "color": palette.surface}},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (100 * np.asarray(dot.high, float) - values).round(2),
                "arrayminus": (values - 100 * np.asarray(dot.low, float)).round(2),
                "color": dot.colour,
                "thickness": 1.6,
                "width": 4,
            },
            customdata=[
                f"{100 * low:.1f} to {100 * high:.1f} % \N{MIDDLE DOT} n {n:,}"
                for low, high, n in zip(dot.low, dot.high, dot.n, strict=True)
            ],
            hovertemplate=f"{plain_label(dot.name)}: %{{x:.1f}} % (%{{customdata}})<extra></extra>",
        )
    figure.update_xaxes(
        showgrid=True,
        ticksuffix=" %",
        range=[0, 108 * highest],  # so that the last tick's label fits
    )
    numbered_rows(figure, palette, rows)
    figure.update_layout(height=max(HEIGHT, _LEAST_ROW_PIXELS * len(rows) + _ROUND_ROWS_PIXELS))
    for line in range(1, len(rows)):
        figure.add_hline(line - 0.5, line={"color": palette.grid, "width": 1})
    return figure


def funnel(stages: Sequence[str], counts: Sequence[int], palette: Palette) -> go.Figure:
    """Return one bar per stage with its count and share of the previous one, short enough for a phone."""
    figure = blank(palette, rows=[f"{stage}  " for stage in stages])
    first = counts[0] or 1
    words = [f" {counts[0]:,}"]
    for before, count in pairwise(counts):
        step = f" \N{MIDDLE DOT} {100 * count / before:.1f} %" if before else ""
        words.append(f" {count:,}{step}")
    shares = [100 * count / first for count in counts]
    inside = [share > 45 for share in shares]  # noqa: PLR2004 (room for the words)
    figure.add_bar(
        y=list(stages),
        x=shares,
        orientation="h",
        marker={"color": palette.accent, "opacity": [1 - 0.11 * at for at in range(len(stages))]},
        text=words,
        textposition=["inside" if place else "outside" for place in inside],
        insidetextanchor="start",
        insidetextfont={"color": palette.surface, "size": 13},
        outsidetextfont={"color": palette.text, "size": 13},
        # Without these, Plotly 3 fails on a click on bars with text.
        selected={"textfont": {"color": palette.surface}},
        unselected={"textfont": {"color": palette.text}},
        constraintext="none",
        cliponaxis=False,
        customdata=list(counts),
        hovertemplate="%{y}: %{customdata:,} calls, %{x:.1f} % of those dialled<extra></extra>",
    )
    figure.update_xaxes(range=[0, 100], showgrid=False, showticklabels=False)
    rows_axis(figure, palette, ticksuffix="  ")
    figure.update_layout(bargap=0.22, margin={"t": 8, "b": 8})
    return figure


def stacked_costs(frame: pd.DataFrame, palette: Palette) -> go.Figure:
    """Return a horizontal bar per row of the frame, stacked from the parts of its cost, with their sum."""
    names = [str(name) for name in frame.index]
    figure = blank(palette, legend=True, rows=row_labels(names))
    for part in map(str, frame):
        label = COST_PARTS[part]
        figure.add_bar(
            y=list(range(len(names))),
            x=frame[part].round(4),
            orientation="h",
            name=label,
            marker={"color": palette.colours[part], "line": {"width": 0}},
            customdata=[plain_label(name) for name in names],
            hovertemplate=f"%{{customdata}}, {label.lower()}: {_RUPEE}%{{x:.2f}}<extra></extra>",
        )
    totals = frame.sum(axis=1)
    for row, total in enumerate(totals):
        figure.add_annotation(
            y=row,
            x=total,
            text=f"{_RUPEE}{total:,.2f}",
            xanchor="left",
            xshift=6,
            showarrow=False,
            font={"size": 13, "color": palette.text},
        )
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(range=[0, float(totals.max()) * 1.2], showgrid=True, tickprefix=_RUPEE, nticks=5)
    numbered_rows(figure, palette, names)
    return figure


def percentile_dots(
    names: Sequence[str], values: Mapping[str, Sequence[float]], colours: dict[str, str], palette: Palette
) -> go.Figure:
    """Return the percentiles of each value on one line; their distance shows the spread."""
    figure = blank(palette, legend=True, rows=row_labels(names))
    for percentile, points in values.items():
        figure.add_scatter(
            x=[None if point != point else round(point) for point in points],  # noqa: PLR0124 (NaN)
            y=list(range(len(names))),
            name=percentile,
            mode="markers",
            marker={"color": colours[percentile], "size": 11},
            customdata=[plain_label(name) for name in names],
            hovertemplate=f"%{{customdata}}, {percentile}: %{{x:,.0f}} ms<extra></extra>",
        )
    columns = list(values.values())
    for row, (low, high) in enumerate(zip(columns[0], columns[-1], strict=True)):
        if low == low and high == high:  # noqa: PLR0124 (NaN)
            figure.add_shape(
                type="line",
                x0=low,
                x1=high,
                y0=row,
                y1=row,
                layer="below",
                line={"color": palette.grid, "width": 4},
            )
    figure.update_xaxes(showgrid=True, rangemode="tozero", ticksuffix=" ms", nticks=5, tickangle=0)
    numbered_rows(figure, palette, names)
    return figure


def counted(
    names: Sequence[str],
    counts: Sequence[int],
    total: int,
    palette: Palette,
    colour: str,
    *,
    unit: str = "%",
) -> go.Figure:
    """Return one bar per name, longest on top, with its count and what that is for each 100 of ``total``.

    ``unit`` names the latter: per cent, unless a call may be counted several times.
    """
    shown = min(len(names), MOST_BARS)
    shares = [100 * n / total for n in counts[:shown]]
    figure = blank(palette, rows=row_labels(names[:shown]))
    figure.add_bar(
        y=list(range(shown)),
        x=shares,
        orientation="h",
        marker={"color": colour},
        text=[
            f" {_short(share)} {unit} \N{MIDDLE DOT} {n:,}" for share, n in zip(shares, counts, strict=False)
        ],
        textposition="outside",
        cliponaxis=False,
        customdata=[f"{plain_label(name)}: {n:,}" for name, n in zip(names[:shown], counts, strict=False)],
        hovertemplate=f"%{{customdata}}, %{{x:.2f}} {'% of calls' if unit == '%' else unit}<extra></extra>",
    )
    # Leaves room for the label of the longest bar, even on a phone.
    figure.update_xaxes(range=[0, max(shares) * 2.2], showgrid=False, showticklabels=False)
    numbered_rows(figure, palette, names[:shown])
    figure.update_layout(bargap=1 - 0.16 * min(4, shown), margin={"t": 8, "b": 8})
    return figure


def _short(share: float) -> str:
    return f"{share:.1f}" if share >= 1 else f"{share:.2f}"
