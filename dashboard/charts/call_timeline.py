"""The chart of one call: its turns, each with the parts of its latency."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import plotly.graph_objects as go

from core.models.calls.parts import WaitPart
from core.models.metrics import TurnMetrics
from dashboard import formats
from dashboard.charts.distributions import rows_axis
from dashboard.charts.time_series import blank, words_width
from dashboard.theme import Palette

ROW_PIXELS, NAME_PIXELS = 30, 18
LEAST_PIXELS = 240
STAGES = {
    "asr_ms": ("Recognition", "asr"),
    "end_of_turn_delay_ms": ("End of turn", "neutral"),
    "llm_ttft_ms": ("Model", "llm"),
    "tts_ttfb_ms": ("Synthesis", "tts"),
}
"""The stages of a turn, as people call them, and their colours: drawn where its wait has no parts."""
_KNOWN_PARTS = {
    "transcription": ("Recognition", "asr"),
    "llm_inference": ("Model", "llm"),
    "speech_synthesis": ("Synthesis", "tts"),
}
_OF_OWNERS = {"service": "p50", "setting": "handoff_rate", "agent": "error_rate", "network": "neutral"}
"""The colour of all other parts says who can shorten them."""
_PATTERNS = ("", "/", "x", ".", "-", "+", "|", "\\")
"""Tell parts of one colour apart."""
NOT_THE_WHOLE = "\N{NOT EQUAL TO}"
"""Marks a turn whose parts are more or less than what the lead waited."""


@dataclass(frozen=True)
class _Bar:
    """A stretch of a turn's wait as it is drawn."""

    label: str
    colour: str
    begin: float
    ms: float
    hover: str


def part_label(key: str) -> str:
    """What people call a part of a wait."""
    return _KNOWN_PARTS[key][0] if key in _KNOWN_PARTS else formats.plain_label(formats.words(key))


def share_of(part: WaitPart, turn: TurnMetrics) -> float | None:
    """The share, 0 to 1, that a part has in what the lead waited; None where that is not known."""
    return part.ms / turn.e2e_ms if turn.e2e_ms else None


def turn_times(turns: Sequence[TurnMetrics]) -> list[str]:
    """When in the call each turn began: ``0:42``; its number where the platform told no time."""
    begin = next((turn.start_time for turn in turns if turn.start_time), None)
    return [
        formats.duration(max((turn.start_time - begin) / timedelta(seconds=1), 0))
        if turn.start_time and begin
        else f"#{turn.turn}"
        for turn in turns
    ]


def _stages(turn: TurnMetrics) -> Iterator[_Bar]:
    """The stages up to the end of the wait; 0 is the lead's last word, so that the first may begin before."""
    known = {field: ms for field in STAGES if (ms := getattr(turn, field)) is not None}
    begin = 0.0 if turn.e2e_ms is None else min(turn.e2e_ms - sum(known.values()), 0.0)
    for field, ms in known.items():
        label, colour = STAGES[field]
        yield _Bar(label, colour, begin, ms, f"{label}: {ms:,.0f} ms")
        begin += ms


def _parts(turn: TurnMetrics) -> Iterator[_Bar]:
    """What the wait is made of, from the lead's last word on."""
    begin = 0.0
    for part in turn.parts or ():
        label = part_label(part.key)
        colour = _KNOWN_PARTS[part.key][1] if part.key in _KNOWN_PARTS else _OF_OWNERS[part.owner]
        share = share_of(part, turn)
        of_it = "" if share is None else f", {100 * share:.0f} % of the wait"
        yield _Bar(label, colour, begin, part.ms, f"{label}: {part.ms:,.0f} ms{of_it}<br>owner: {part.owner}")
        begin += part.ms


def _row(turn: TurnMetrics, at: str) -> str:
    marks = (" cut short" if turn.interrupted else "") + (
        f" {NOT_THE_WHOLE}" if turn.parts_add_up is False else ""
    )
    return f"{turn.turn} \N{MIDDLE DOT} {at}{marks}  "


def _whole(turn: TurnMetrics) -> str:
    """What the mark at the end of the wait says."""
    if turn.parts_add_up is not False or turn.e2e_ms is None:
        return ""
    off = sum(part.ms for part in turn.parts or ()) - turn.e2e_ms
    return f"<br>its parts are {abs(off):,.0f} ms {'more' if off > 0 else 'less'}"


def timeline(turns: Sequence[TurnMetrics], palette: Palette) -> go.Figure:
    """A row for each turn: the parts of its wait one after the other, up to what the lead waited: a line.

    A turn without parts shows its stages. What begins left of zero ran while the lead still spoke: the stages
    take longer than the wait.
    """
    rows = [_row(turn, at) for turn, at in zip(turns, turn_times(turns), strict=True)]
    figure = blank(palette, legend=True, rows=rows)
    labels = _add_bars(figure, turns, rows, palette)
    figure.add_scatter(
        y=rows,
        x=[turn.e2e_ms for turn in turns],
        customdata=[_whole(turn) for turn in turns],
        name="End to end",
        mode="markers",
        marker={
            "symbol": "line-ns",
            "size": 14,
            "line": {"width": 3, "color": palette.text},
            "color": palette.text,
        },
        hovertemplate="End to end: %{x:,.0f} ms%{customdata}<extra></extra>",
    )
    # On a phone the legend has a row for each name.
    room = 150 + NAME_PIXELS * max(0, len(labels) - len(STAGES))
    height = max(LEAST_PIXELS, room + ROW_PIXELS * len(rows))
    figure.update_layout(barmode="overlay", bargap=0.3, height=height, hovermode="closest", margin_t=64)
    figure.update_layout(legend_entrywidth=max(90, words_width(labels)), legend_itemwidth=30)
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
    figure.update_yaxes(categoryorder="array", categoryarray=rows)
    return figure


def _add_bars(
    figure: go.Figure, turns: Sequence[TurnMetrics], rows: Sequence[str], palette: Palette
) -> list[str]:
    """Draw what the turns are made of; the names in the legend."""
    traces: defaultdict[tuple[str, str, int], list[tuple[str, _Bar]]] = defaultdict(list)
    for row, turn in zip(rows, turns, strict=True):
        seen: Counter[str] = Counter()
        for bar in _parts(turn) if turn.parts else _stages(turn):
            traces[bar.label, bar.colour, seen[bar.label]].append((row, bar))
            seen[bar.label] += 1
    named: dict[str, str] = {}
    for (label, colour, _), bars in traces.items():
        first = label not in named
        same = list(dict.fromkeys(other for other, its in named.items() if its == colour))
        place = same.index(label) if label in same else len(same)
        named.setdefault(label, colour)
        figure.add_bar(
            y=[row for row, _ in bars],
            x=[bar.ms for _, bar in bars],
            base=[bar.begin for _, bar in bars],
            orientation="h",
            name=label,
            legendgroup=label,
            showlegend=first,
            marker=_look(palette, colour, place),
            customdata=[bar.hover for _, bar in bars],
            hovertemplate="%{customdata}<extra></extra>",
        )
    return list(named)


def _look(palette: Palette, colour: str, place: int) -> dict[str, Any]:
    """A bar's colour; of several parts that have it, all but the first are hatched."""
    hatching = {
        "shape": _PATTERNS[place % len(_PATTERNS)],
        "fillmode": "overlay",
        "fgcolor": palette.surface,
        "size": 6,
        "solidity": 0.25,
    }
    return {"color": palette.colours[colour], "line": {"width": 0}, "pattern": hatching}
