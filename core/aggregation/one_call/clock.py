"""A call on its own clock: who spoke when, what was waited for, and what else happened."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

from core.aggregation.one_call.waits import Part, wait_parts
from core.models.calls.parts import Silence
from core.models.metrics import CallMetrics, TurnMetrics

_SECOND = timedelta(seconds=1)
_MS = 1_000.0
UNKNOWN = "unknown"


@dataclass(frozen=True)
class TurnOnClock:
    """A turn in seconds since the clock began: the lead speaks, waits, and the agent answers.

    What nobody reported takes no time. The exception is the agent's answer: it lasts ``until`` the next turn
    at most, and ``agent_end`` is None.
    """

    turn: TurnMetrics
    begin: float
    lead_end: float
    wait_end: float
    agent_end: float | None
    until: float
    parts: tuple[Part, ...]

    @property
    def number(self) -> int:
        """Return the turn's number; 1 is the first."""
        return self.turn.turn

    @property
    def spoken_until(self) -> float:
        """Return when the agent's answer ended, as far as is known."""
        return self.until if self.agent_end is None else self.agent_end


@dataclass(frozen=True)
class Quiet:
    """A stretch of silence: whose it was, its start, its length."""

    silence: Silence
    begin: float

    @property
    def end(self) -> float:
        """Return when it ended."""
        return self.begin + self.silence.seconds


@dataclass(frozen=True)
class Event:
    """Something that happened in a turn: an interruption, a change of language."""

    at: float
    turn: int
    kind: Literal["interruption", "lead_language", "reply_language"]
    words: str


@dataclass(frozen=True)
class CallClock:
    """A call from its answer to its end, in seconds; turns without a time are left out."""

    origin: datetime
    seconds: float
    turns: tuple[TurnOnClock, ...]
    silences: tuple[Quiet, ...]
    events: tuple[Event, ...]

    @property
    def is_told(self) -> bool:
        """Return whether the start of any turn was reported."""
        return bool(self.turns)

    @property
    def knows_speech(self) -> bool:
        """Return whether it is known how long each side spoke.

        Otherwise a wait begins where its turn does.
        """
        return any(one.turn.lead_speech_ms is not None for one in self.turns)

    def second_of(self, moment: datetime) -> float:
        """Return a time on the clock; negative before the origin."""
        return (moment - self.origin) / _SECOND

    def turn_at(self, moment: datetime) -> int | None:
        """Return the number of the turn a time is in; None before the first and after the call."""
        at = self.second_of(moment)
        if at > self.seconds:
            return None
        return next((one.number for one in reversed(self.turns) if one.begin <= at), None)

    def turn_of_line(self, line: Mapping[str, Any]) -> int | None:
        """Return the turn a log line belongs to: the one it names, else the one its time is in."""
        named = line.get("turn")
        if isinstance(named, int) and not isinstance(named, bool):
            return named
        moment = line.get("timestamp")
        return self.turn_at(moment) if isinstance(moment, datetime) else None


def clock_of(call: CallMetrics, turns: Sequence[TurnMetrics]) -> CallClock:
    """Return a call on its clock, which begins with its answer, or with its start if that is unknown."""
    origin = call.answered_at or call.start_time
    end = (call.end_time - origin) / _SECOND if call.end_time else 0.0
    timed = list(_timed(turns, origin))
    last = max([end, *(begin for _, begin in timed)])
    nexts = [*(begin for _, begin in timed), last][1:]
    placed = tuple(_placed(turn, begin, until) for (turn, begin), until in zip(timed, nexts, strict=True))
    seconds = max([last, *(one.wait_end for one in placed), *(one.agent_end or 0.0 for one in placed)])
    silences = tuple(_silences(call.silences or (), placed, origin, seconds))
    return CallClock(origin, seconds, placed, silences, tuple(_events(placed)))


def _timed(turns: Sequence[TurnMetrics], origin: datetime) -> Iterator[tuple[TurnMetrics, float]]:
    """Yield the turns that have a time, in order; the agent's greeting has none and comes first."""
    known = [(turn, (turn.start_time - origin) / _SECOND) for turn in turns if turn.start_time]
    if known and turns[0].start_time is None:
        yield turns[0], 0.0
    yield from sorted(((turn, max(begin, 0.0)) for turn, begin in known), key=lambda pair: pair[1])


def _placed(turn: TurnMetrics, begin: float, until: float) -> TurnOnClock:
    parts = tuple(wait_parts(turn))
    lead_end = begin + (turn.lead_speech_ms or 0.0) / _MS
    wait_end = lead_end + (sum(part.ms for part in parts) if turn.e2e_ms is None else turn.e2e_ms) / _MS
    agent_end = None if turn.agent_speech_ms is None else wait_end + turn.agent_speech_ms / _MS
    return TurnOnClock(turn, begin, lead_end, wait_end, agent_end, max(until, wait_end), parts)


def _silences(
    silences: Sequence[Silence], turns: Sequence[TurnOnClock], origin: datetime, seconds: float
) -> Iterator[Quiet]:
    """Yield the silences whose time is known: reported, at the call's end, or after a turn's last speaker."""
    by_number = {one.number: one for one in turns}
    for one in silences:
        turn = by_number.get(one.turn or 0)
        if one.at is not None:
            yield Quiet(one, (one.at - origin) / _SECOND)
        elif one.ended_call:
            yield Quiet(one, max(seconds - one.seconds, 0.0))
        elif turn is not None:
            yield Quiet(one, turn.lead_end if one.by == "agent" else turn.spoken_until)


def _events(turns: Sequence[TurnOnClock]) -> Iterator[Event]:
    for one in turns:
        if one.turn.interrupted:
            yield Event(one.spoken_until, one.number, "interruption", "The lead cut the agent short")
        if one.turn.switched_language:
            words = f"The agent answered in {_name(one.turn.reply_language)}"
            yield Event(one.wait_end, one.number, "reply_language", words)
    spoken = [one for one in turns if one.turn.language != UNKNOWN]
    for before, after in pairwise(spoken):
        if before.turn.language != after.turn.language:
            words = f"The lead changed from {_name(before.turn.language)} to {_name(after.turn.language)}"
            yield Event(after.begin, after.number, "lead_language", words)


def _name(language: str | None) -> str:
    return (language or UNKNOWN).capitalize()
