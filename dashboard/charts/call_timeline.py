"""The chart of a call's waits: what each consisted of."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from core.aggregation.one_call.clock import CallClock
from core.aggregation.one_call.waits import REST, Part, wait_parts
from core.models.metrics import TurnMetrics
from dashboard import formats
from dashboard.charts.distributions import rows_axis
from dashboard.charts.time_series import blank, words_width
from dashboard.theme import Palette

ROW_PIXELS, NAME_PIXELS = 30, 18
LEAST_PIXELS = 240
_KNOWN_PARTS = {
    "transcription": ("Recognition", "asr"),
    "turn_detection": ("End of turn", "handoff_rate"),
    "llm_inference": ("Model", "llm"),
    "speech_synthesis": ("Synthesis", "tts"),
    REST: ("Not measured", "neutral"),
}
"""Parts of a wait with their own label and colour."""
_OF_OWNERS = {"service": "p50", "setting": "handoff_rate", "agent": "error_rate", "network": "neutral"}
"""Colours of all other parts, by who can shorten them."""
_PATTERNS = ("", "/", "x", ".", "-", "+", "|", "\\")
"""Hatchings that distinguish parts of one colour."""
NOT_THE_WHOLE = "\N{NOT EQUAL TO}"
"""Marks a turn whose reported parts do not sum to the wait."""


@dataclass(frozen=True)
class _Bar:
    """A part of a turn's wait as drawn."""

    label: str
    colour: str
    part: Part
    hover: str


def part_label(key: str) -> str:
    """Return the label of a part of a wait."""
    return _KNOWN_PARTS[key][0] if key in _KNOWN_PARTS else formats.plain_label(formats.words(key))


def part_colour(part: Part) -> str:
    """Return the palette name of a part's colour."""
    return _KNOWN_PARTS[part.key][1] if part.key in _KNOWN_PARTS else _OF_OWNERS[part.owner]


def part_words(part: Part, wait_ms: float | None) -> str:
    """Return a part's hover text: its length, share of the wait, and who can shorten it."""
    share = part.share(wait_ms)
    lines = [f"{part_label(part.key)}: {part.ms:,.0f} ms"]
    if share is not None:
        lines[0] += f", {100 * share:.0f} % of the wait"
    lines.append(f"owner: {part.owner}")
    if part.before_ms >= 1:
        lines.append(f"{part.before_ms:,.0f} ms more ran while the lead was still speaking")
    return "<br>".join(lines)


def turn_times(turns: Sequence[TurnMetrics], clock: CallClock) -> list[str]:
    """Return when in the call each turn began, ``0:42``; or its number if the time is unknown."""
    begins = {one.number: one.begin for one in clock.turns}
    return [formats.duration(begins[turn.turn]) if turn.turn in begins else f"#{turn.turn}" for turn in turns]


def _bars(turn: TurnMetrics) -> Iterator[_Bar]:
    for part in wait_parts(turn):
        yield _Bar(part_label(part.key), part_colour(part), part, part_words(part, turn.e2e_ms))


def _row(turn: TurnMetrics, at: str) -> str:
    marks = (" cut short" if turn.interrupted else "") + (
        f" {NOT_THE_WHOLE}" if turn.parts_add_up is False else ""
    )
    return f"{turn.turn} \N{MIDDLE DOT} {at}{marks}  "


def _whole(turn: TurnMetrics) -> str:
    """Return the hover text of the mark at the end of the wait."""
    if turn.parts_add_up is not False or turn.e2e_ms is None:
        return ""
    off = sum(part.ms for part in turn.parts or ()) - turn.e2e_ms
    return f"<br>its reported parts sum to {abs(off):,.0f} ms {'more' if off > 0 else 'less'}"


def waits(turns: Sequence[TurnMetrics], clock: CallClock, palette: Palette) -> go.Figure:
    """Return a row per turn: the parts of its wait in sequence, with a mark at the whole wait."""
    rows = [_row(turn, at) for turn, at in zip(turns, turn_times(turns, clock), strict=True)]
    figure = blank(palette, legend=True, rows=rows)
    labels = _add_bars(figure, turns, rows, palette)
    figure.add_scatter(
        y=rows,
        x=[turn.e2e_ms for turn in turns],
        customdata=[[_whole(turn), turn.turn] for turn in turns],
        name="End to end",
        mode="markers",
        marker={
            "symbol": "line-ns",
            "size": 14,
            "line": {"width": 3, "color": palette.text},
            "color": palette.text,
        },
        hovertemplate="End to end: %{x:,.0f} ms%{customdata[0]}<extra></extra>",
    )
    # On a phone the legend has one row per name.
    room = 150 + NAME_PIXELS * max(0, len(labels) - 4)
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
        rangemode="tozero",
    )
    rows_axis(figure, palette)
    figure.update_yaxes(categoryorder="array", categoryarray=rows)
    return figure


def _add_bars(
    figure: go.Figure, turns: Sequence[TurnMetrics], rows: Sequence[str], palette: Palette
) -> list[str]:
    """Draw the parts of the waits; return the names in the legend."""
    traces: defaultdict[tuple[str, str, int], list[tuple[str, int, _Bar]]] = defaultdict(list)
    for row, turn in zip(rows, turns, strict=True):
        seen: Counter[str] = Counter()
        for bar in _bars(turn):
            traces[bar.label, bar.colour, seen[bar.label]].append((row, turn.turn, bar))
            seen[bar.label] += 1
    named: dict[str, str] = {}
    for (label, colour, _), bars in traces.items():
        first = label not in named
        same = list(dict.fromkeys(other for other, its in named.items() if its == colour))
        place = same.index(label) if label in same else len(same)
        named.setdefault(label, colour)
        figure.add_bar(
            y=[row for row, _, _ in bars],
            x=[bar.part.ms for _, _, bar in bars],
            base=[bar.part.begin_ms for _, _, bar in bars],
            orientation="h",
            name=label,
            legendgroup=label,
            showlegend=first,
            marker=_look(palette, colour, place),
            customdata=[[bar.hover, turn] for _, turn, bar in bars],
            hovertemplate="%{customdata[0]}<extra></extra>",
        )
    return list(named)


def _look(palette: Palette, colour: str, place: int) -> dict[str, Any]:
    """Return a bar's look; of several parts with one colour, all but the first are hatched."""
    hatching = {
        "shape": _PATTERNS[place % len(_PATTERNS)],
        "fillmode": "overlay",
        "fgcolor": palette.surface,
        "size": 6,
        "solidity": 0.25,
    }
    return {"color": palette.colours[colour], "line": {"width": 0}, "pattern": hatching}
