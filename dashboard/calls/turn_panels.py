"""The turns of a call as charts and tables: who spoke when, and what each wait consisted of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from core.aggregation.one_call.clock import CallClock
from core.aggregation.one_call.waits import wait_parts
from core.models.metrics import TurnMetrics
from dashboard import formats, theme
from dashboard.charts.call_lanes import lanes
from dashboard.charts.call_timeline import NOT_THE_WHOLE, part_label, turn_times, waits
from dashboard.panels.panel import Panel, fails_alone

_NO_SPEECH = "speech times not reported: each wait is drawn from the start of its turn"


@fails_alone("Call timeline")
def clock_panel(clock: CallClock, lines: Sequence[Mapping[str, Any]]) -> Panel:
    """Return the call's timeline from answer to end: a lane per speaker, log lines below."""
    said = [f"{formats.duration(clock.seconds)} min"]
    said += _counted(len(clock.silences), "silence")
    said += _counted(sum(event.kind == "interruption" for event in clock.events), "interruption")
    said += _counted(
        sum(event.kind != "interruption" for event in clock.events),
        "change of language",
        "changes of language",
    )
    if not clock.knows_speech:
        said.append(_NO_SPEECH)
    return Panel(
        "clock",
        "Call timeline",
        " \N{MIDDLE DOT} ".join(said),
        lanes(clock, lines, theme.palette_of(theme.mode())),
        _clock_table(clock),
    )


def _counted(count: int, one: str, many: str = "") -> list[str]:
    return [f"{count} {one if count == 1 else many or f'{one}s'}"] if count else []


def _clock_table(clock: CallClock) -> pd.DataFrame:
    """Return the timeline as a table: a row for each time somebody spoke, waited or was silent."""
    rows = sorted(_happenings(clock), key=lambda row: row[0])
    return pd.DataFrame(rows, columns=["At (s)", "Turn", "What", "Seconds"]).round(3)


def _happenings(clock: CallClock) -> Iterator[tuple[float, int | None, str, float | None]]:
    for one in clock.turns:
        turn, number = one.turn, one.number
        if turn.start_time is not None:
            yield one.begin, number, "Lead speaks", _seconds(turn.lead_speech_ms)
        if turn.e2e_ms is not None:
            yield one.lead_end, number, "Lead waits", _seconds(turn.e2e_ms)
        if turn.agent_speech_ms is not None or one.spoken_until > one.wait_end:
            yield one.wait_end, number, "Agent speaks", _seconds(turn.agent_speech_ms)
        for tool in turn.tool_calls or ():
            name = formats.straight(tool.name)
            yield one.lead_end, number, f"Tool {name}{'' if tool.ok else ' failed'}", _seconds(tool.ms)
    for quiet in clock.silences:
        who = "Agent" if quiet.silence.by == "agent" else "Lead"
        yield quiet.begin, quiet.silence.turn, f"{who} is silent", quiet.silence.seconds
    for event in clock.events:
        yield event.at, event.turn, formats.straight(event.words), None


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1_000


@fails_alone("Turn by turn: what the lead waited for")
def waits_panel(turns: Sequence[TurnMetrics], clock: CallClock) -> Panel:
    """Return a panel with a row per turn: the parts of its wait, their owners and shares."""
    waited = {turn.turn: turn.e2e_ms for turn in turns if turn.e2e_ms is not None}
    said = f"{len(turns)} turns"
    if waited:
        slowest = max(waited, key=waited.__getitem__)
        said += (
            f" · the lead waited {sum(waited.values()) / len(waited):,.0f} ms on average, longest in turn "
            f"{slowest}: {waited[slowest]:,.0f} ms"
        )
    interrupted = sum(turn.interrupted for turn in turns)
    if interrupted:
        said += f" · {interrupted} interrupted"
    if odd := sum(turn.parts_add_up is False for turn in turns):
        said += f" · {NOT_THE_WHOLE} parts do not add up in {odd}"
    return Panel(
        "turns",
        "Turn by turn: what the lead waited for",
        said,
        waits(turns, clock, theme.palette_of(theme.mode())),
        waits_table(turns, clock),
    )


def waits_table(turns: Sequence[TurnMetrics], clock: CallClock) -> pd.DataFrame:
    """Return a row per part of each wait: owner, milliseconds, share. The parts sum to the wait."""
    rows = [
        {
            "Turn": turn.turn,
            "At": at,
            "Part": formats.straight(part_label(part.key)),
            "Owner": part.owner,
            "Waited (ms)": part.ms,
            "Share (%)": None if (share := part.share(turn.e2e_ms)) is None else 100 * share,
            "While the lead spoke (ms)": part.before_ms,
            "End to end (ms)": turn.e2e_ms,
            "Interrupted": turn.interrupted,
            "Language": turn.language,
        }
        for turn, at in zip(turns, turn_times(turns, clock), strict=True)
        for part in wait_parts(turn)
    ]
    return pd.DataFrame(rows).round(1)
