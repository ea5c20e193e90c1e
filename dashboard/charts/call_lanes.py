"""The timeline of one call: lanes for each speaker, waits, tools and log lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go

from core.aggregation.one_call.clock import CallClock, TurnOnClock
from core.models.metrics import ToolCall
from dashboard import formats
from dashboard.charts.call_timeline import part_colour, part_words
from dashboard.charts.time_series import blank
from dashboard.theme import Palette

LEAD, WAIT, AGENT, TOOLS, LOG = "Lead", "Wait", "Agent", "Tools", "Log"
LANE_PIXELS, AROUND_PIXELS = 40, 96
LONGEST_MESSAGE = 120
_LEAST_MS = 60.0
"""Shortest bar to draw, so that instant or unmeasured events stay visible."""
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_LEVELS = {"WARNING": "handoff_rate", "ERROR": "failed", "CRITICAL": "failed"}
_MARKS = {
    "interruption": ("x-thin", "failed", AGENT),
    "lead_language": ("diamond", "qualification_rate", LEAD),
    "reply_language": ("diamond", "qualification_rate", AGENT),
}
"""Symbol, colour and lane of each kind of event in a turn."""


@dataclass(frozen=True)
class _Stretch:
    """A bar in a lane; ``turn`` is 0 if it belongs to none."""

    lane: str
    begin: float
    ms: float
    words: str
    turn: int
    colour: str
    hatched: bool = False
    pale: bool = False


def lanes(clock: CallClock, lines: Sequence[Mapping[str, Any]], palette: Palette) -> go.Figure:
    """Return the timeline: who spoke, what the lead waited for, silences, tools and log lines.

    A point's customdata holds its text and its turn number, which the browser uses for highlighting.
    """
    stretches = [one for turn in clock.turns for one in _of_turn(turn, palette)]
    stretches += _silences(clock, palette)
    shown = [LEAD, WAIT, AGENT]
    shown += [TOOLS] if any(one.lane == TOOLS for one in stretches) else []
    shown += [LOG] if lines else []
    figure = blank(palette, rows=[f"{name}  " for name in shown])
    looks = dict.fromkeys((one.colour, one.hatched, one.pale) for one in stretches)
    for look in looks:
        _add(figure, [one for one in stretches if (one.colour, one.hatched, one.pale) == look], palette)
    _add_events(figure, clock, palette)
    if lines:
        _add_lines(figure, clock, lines, palette)
    figure.update_layout(
        barmode="overlay", bargap=0.35, hovermode="closest", height=AROUND_PIXELS + LANE_PIXELS * len(shown)
    )
    figure.update_xaxes(
        type="date",
        range=[_at(0.0), _at(max(clock.seconds, 1.0))],
        showgrid=True,
        nticks=7,
        tickangle=0,
        hoverformat="%M:%S.%L",
        tickformatstops=[
            {"dtickrange": [None, 999], "value": "%M:%S.%L"},
            {"dtickrange": [1_000, None], "value": "%M:%S" if clock.seconds < 3_600 else "%H:%M:%S"},  # noqa: PLR2004 (an hour)
        ],
    )
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=shown,
        autorange=False,
        range=[len(shown) - 0.5, -0.5],
        rangemode="normal",
        showgrid=False,
        fixedrange=True,
        tickfont={"size": 13, "color": palette.text},
    )
    return figure


def _at(seconds: float) -> str:
    """Return a time on the call's clock as text, which Plotly shows alike in any time zone."""
    return (_ZERO + timedelta(seconds=max(seconds, 0.0))).strftime("%Y-%m-%d %H:%M:%S.%f")


def _of_turn(one: TurnOnClock, palette: Palette) -> Iterator[_Stretch]:
    """Yield the bars of a turn."""
    turn, number = one.turn, one.number
    if turn.start_time is not None:
        known = turn.lead_speech_ms
        words = f"Turn {number}, the lead speaks{_for(known)}{_in(turn.language)}"
        yield _Stretch(LEAD, one.begin, max(known or 0.0, _LEAST_MS), words, number, palette.muted)
    wait = "" if turn.e2e_ms is None else f"<br>the lead waited {turn.e2e_ms:,.0f} ms"
    for part in one.parts:
        words = f"Turn {number}, {part_words(part, turn.e2e_ms)}{wait}"
        begin = one.lead_end + part.begin_ms / 1_000
        yield _Stretch(WAIT, begin, part.ms, words, number, palette.colours[part_colour(part)])
    known = turn.agent_speech_ms
    if known is not None or one.spoken_until > one.wait_end:
        words = f"Turn {number}, the agent speaks{_for(known)}{_in(turn.reply_language)}"
        length = 1_000 * (one.spoken_until - one.wait_end)
        yield _Stretch(
            AGENT, one.wait_end, max(length, _LEAST_MS), words, number, palette.neutral, pale=known is None
        )
    for tool in turn.tool_calls or ():
        yield _tool(tool, one, palette)


def _for(ms: float | None) -> str:
    return "<br>duration not reported" if ms is None else f" for {ms / 1_000:,.1f} s"


def _in(language: str | None) -> str:
    known = language not in {None, "unknown"}
    return f"<br>{formats.plain_label(str(language).capitalize())}" if known else ""


def _tool(tool: ToolCall, one: TurnOnClock, palette: Palette) -> _Stretch:
    took = "" if tool.ms is None else f": {tool.ms:,.0f} ms"
    words = f"Turn {one.number}, {formats.plain_label(tool.name)}{took}{'' if tool.ok else '<br>failed'}"
    # A tool call without a time is drawn at the start of the wait.
    begin = one.lead_end
    if tool.at is not None and one.turn.start_time is not None:
        begin = one.begin + (tool.at - one.turn.start_time) / timedelta(seconds=1)
    colour = palette.colours["qualification_rate" if tool.ok else "failed"]
    return _Stretch(TOOLS, begin, max(tool.ms or 0.0, _LEAST_MS), words, one.number, colour)


def _silences(clock: CallClock, palette: Palette) -> Iterator[_Stretch]:
    for quiet in clock.silences:
        lane, who = (AGENT, "agent") if quiet.silence.by == "agent" else (LEAD, "lead")
        words = f"Silence from the {who}: {quiet.silence.seconds:,.1f} s"
        words += "<br>the call ended during it" if quiet.silence.ended_call else ""
        colour = palette.colours["failed"]
        number = quiet.silence.turn or 0
        yield _Stretch(lane, quiet.begin, 1_000 * quiet.silence.seconds, words, number, colour, hatched=True)


def _add(figure: go.Figure, stretches: Sequence[_Stretch], palette: Palette) -> None:
    look = stretches[0]
    pattern = {
        "shape": "/" if look.hatched else "",
        "fillmode": "overlay",
        "fgcolor": palette.surface,
        "size": 6,
        "solidity": 0.35,
    }
    figure.add_bar(
        y=[one.lane for one in stretches],
        x=[one.ms for one in stretches],
        base=[_at(one.begin) for one in stretches],
        orientation="h",
        marker={"color": look.colour, "line": {"width": 0}, "pattern": pattern},
        opacity=0.4 if look.pale else 1.0,
        customdata=[[one.words, one.turn] for one in stretches],
        hovertemplate="%{customdata[0]}<extra></extra>",
        showlegend=False,
    )


def _add_events(figure: go.Figure, clock: CallClock, palette: Palette) -> None:
    for kind, (symbol, colour, lane) in _MARKS.items():
        found = [event for event in clock.events if event.kind == kind]
        if found:
            shade = palette.colours[colour]
            figure.add_scatter(
                y=[lane] * len(found),
                x=[_at(event.at) for event in found],
                mode="markers",
                marker={"symbol": symbol, "size": 11, "color": shade, "line": {"width": 2, "color": shade}},
                customdata=[
                    [f"Turn {event.turn}, {formats.plain_label(event.words)}", event.turn] for event in found
                ],
                hovertemplate="%{customdata[0]}<extra></extra>",
                showlegend=False,
            )


def _add_lines(
    figure: go.Figure, clock: CallClock, lines: Sequence[Mapping[str, Any]], palette: Palette
) -> None:
    colours = [
        palette.colours[_LEVELS[level]] if (level := str(line.get("level"))) in _LEVELS else palette.muted
        for line in lines
    ]
    figure.add_scatter(
        y=[LOG] * len(lines),
        x=[_at(clock.second_of(line["timestamp"])) for line in lines],
        mode="markers",
        marker={"symbol": "line-ns", "size": 14, "color": colours, "line": {"width": 2, "color": colours}},
        customdata=[[_line_words(line), clock.turn_of_line(line) or 0] for line in lines],
        hovertemplate="%{customdata[0]}<extra></extra>",
        showlegend=False,
    )


def _line_words(line: Mapping[str, Any]) -> str:
    message = " ".join(str(line.get("message") or "").split())
    cut = (
        message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}\N{HORIZONTAL ELLIPSIS}"
    )
    return formats.plain_label(f"{line.get('level')}: {cut}")
