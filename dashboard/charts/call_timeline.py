"""The chart of one call: its turns, each with the parts of its latency."""

from collections.abc import Sequence
from datetime import timedelta

import plotly.graph_objects as go

from core.models.metrics import TurnMetrics
from dashboard import formats
from dashboard.charts.distributions import rows_axis
from dashboard.charts.time_series import blank
from dashboard.theme import Palette

ROW_PIXELS = 30
LEAST_PIXELS = 240
PARTS = {
    "asr_ms": ("Recognition", "asr"),
    "end_of_turn_delay_ms": ("End of turn", "neutral"),
    "llm_ttft_ms": ("Model", "llm"),
    "tts_ttfb_ms": ("Synthesis", "tts"),
}
"""The parts of a turn's latency, as people call them, and their colours."""


def turn_times(turns: Sequence[TurnMetrics]) -> list[str]:
    """When in the call each turn began: ``0:42``; its number where the platform told no time."""
    begin = next((turn.start_time for turn in turns if turn.start_time), None)
    return [
        formats.duration(max((turn.start_time - begin) / timedelta(seconds=1), 0))
        if turn.start_time and begin
        else f"#{turn.turn}"
        for turn in turns
    ]


def _begin(turn: TurnMetrics) -> float:
    """Where the first part begins, so that the last one ends with the wait; 0 is the lead's last word."""
    lengths = sum(getattr(turn, field) or 0.0 for field in PARTS)
    return 0.0 if turn.e2e_ms is None else min(turn.e2e_ms - lengths, 0.0)


def timeline(turns: Sequence[TurnMetrics], palette: Palette) -> go.Figure:
    """A row for each turn: its parts one after the other up to what the lead waited, which is a line.

    What begins left of zero ran while the lead still spoke: the parts take longer than the wait.
    """
    rows = [
        f"{turn.turn} \N{MIDDLE DOT} {at}{' cut short' if turn.interrupted else ''}  "
        for turn, at in zip(turns, turn_times(turns), strict=True)
    ]
    figure = blank(palette, legend=True, rows=rows)
    begins = [_begin(turn) for turn in turns]
    for field, (words, colour) in PARTS.items():
        lengths = [getattr(turn, field) or 0.0 for turn in turns]
        figure.add_bar(
            y=rows,
            x=lengths,
            base=begins,
            orientation="h",
            name=words,
            marker={"color": palette.colours[colour], "line": {"width": 0}},
            customdata=lengths,
            hovertemplate=f"{words}: %{{customdata:,.0f}} ms<extra></extra>",
        )
        begins = [begin + length for begin, length in zip(begins, lengths, strict=True)]
    figure.add_scatter(
        y=rows,
        x=[turn.e2e_ms for turn in turns],
        name="End to end",
        mode="markers",
        marker={
            "symbol": "line-ns",
            "size": 14,
            "line": {"width": 3, "color": palette.text},
            "color": palette.text,
        },
        hovertemplate="End to end: %{x:,.0f} ms<extra></extra>",
    )
    height = max(LEAST_PIXELS, 150 + ROW_PIXELS * len(rows))
    figure.update_layout(barmode="overlay", bargap=0.3, height=height, hovermode="closest", margin_t=64)
    figure.update_layout(legend_entrywidth=90, legend_itemwidth=30)
    figure.update_xaxes(
        showgrid=True,
        zeroline=True,
        zerolinecolor=palette.muted,
        exponentformat="none",
        ticksuffix=" ms",
        nticks=4,
        tickangle=0,
    )
    rows_axis(figure, palette)
    return figure
