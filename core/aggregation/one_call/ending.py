"""How a call ended, as one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.models.calls.parts import Silence
from core.models.metrics import CallMetrics, TurnMetrics

_WHOLE_SECONDS_FROM = 10.0
"""From this many seconds on, tenths add nothing."""
_HUNG_UP = {
    "customer": "The lead hung up",
    "agent": "The agent hung up",
    "carrier": "The carrier closed the line",
    "system": "The system ended the call",
}
_TAILS = {who: words[0].lower() + words[1:] for who, words in _HUNG_UP.items()}
_RECORDED_AS = {"agent": "the agent's", "carrier": "the carrier's", "system": "the system's"}


@dataclass(frozen=True)
class _Way:
    """One way for a call to end.

    ``implied``: it is clear who hangs up. ``talking``: it happens in a conversation, so that the turn and the
    silence before it are worth mentioning.
    """

    words: str
    implied: frozenset[str] = frozenset()
    talking: bool = False


def _way(words: str, *implied: str, talking: bool = False) -> _Way:
    return _Way(words, frozenset(implied), talking)


_WAYS = {
    "customer_hung_up": _way("The lead hung up", "customer", talking=True),
    "agent_goodbye": _way("The agent said goodbye", talking=True),
    "transferred": _way("The agent handed the call to a person", *_HUNG_UP, talking=True),
    "voicemail": _way("The call went to voicemail", "customer"),
    "ivr": _way("A machine answered the call", "customer"),
    "no_answer": _way("Nobody answered"),
    "busy": _way("The line was busy", "customer", "carrier"),
    "declined": _way("The lead declined the call", "customer", "carrier"),
    "max_duration": _way("The call reached its time limit", "agent", "system", talking=True),
    "invalid_number": _way("The number is not valid", "carrier", "system"),
    "spam_blocked": _way("The call was blocked as spam", "customer", "carrier"),
    "carrier_failed": _way("The carrier could not connect the call", "carrier"),
    "no_audio": _way("No audio arrived from the lead", "agent", "system"),
    "provider_error": _way("A provider failed", "system", talking=True),
    "platform_error": _way("The platform failed", "system", talking=True),
    "limit_or_payment": _way("A usage limit was reached or a payment was due", "carrier", "system"),
    "configuration": _way("The call failed on a configuration error", "agent", "system"),
    "cancelled": _way("The call was cancelled", "agent", "system", talking=True),
    "lost": _way("Contact with the call was lost", "system", talking=True),
}
"""By ending; ``silence`` and unknown endings are described by who hung up."""
_DROPPED = _way("The carrier dropped the call", "carrier", talking=True)


def how_it_ended(call: CallMetrics, turns: Sequence[TurnMetrics] = ()) -> str:
    """Return how a call ended: ``The lead hung up after 4.6 s of silence in turn 9``, without a full stop.

    Only our own words are used, never a source's.

    Args:
        call: of which the ending, who hung up, and the silence it ended in are used, if known.
        turns: its turns in order, if any; a conversation ended in the last one.
    """
    ending, by, silence = call.end_reason or "unknown", call.hangup_by, _last_silence(call)
    way = _DROPPED if ending == "carrier_failed" and _was_answered(call, turns) else _WAYS.get(ending)
    if way is None:
        return _by_whom(ending, by, silence, _last_turn(call, turns))
    said = way.words
    if ending == "agent_goodbye" and by == "agent":
        said, by = f"{said} and hung up", None
    if way.talking:
        said += _after(silence, way.words) if silence else ""
        said += _in_turn(silence, None if ending == "agent_goodbye" else _last_turn(call, turns))
    if by and by not in way.implied:
        if ending == "customer_hung_up":
            return f"{said}, though the hang-up is recorded as {_RECORDED_AS[by]}"
        said += f", and {_TAILS[by]}"
    return said


def _by_whom(ending: str, by: str | None, silence: Silence | None, last_turn: int | None) -> str:
    """Return the sentence for a call that ended in silence, or for an unknown reason."""
    said = _HUNG_UP[by] if by else "The call ended"
    if silence:
        said += _after(silence, said) + _in_turn(silence, last_turn)
        return said if by or ending == "silence" else f"{said}; why was not recorded"
    if ending == "silence":
        return f"{said} because nobody spoke{_in_turn(None, last_turn)}"
    return f"{said}{_in_turn(None, last_turn)}" if by else "How the call ended was not recorded"


def _last_silence(call: CallMetrics) -> Silence | None:
    return next((one for one in reversed(call.silences or ()) if one.ended_call), None)


def _last_turn(call: CallMetrics, turns: Sequence[TurnMetrics]) -> int | None:
    return max((turn.turn for turn in turns), default=call.total_turns or None)


def _was_answered(call: CallMetrics, turns: Sequence[TurnMetrics]) -> bool:
    return bool(turns or call.total_turns or call.answered_at or call.talk_seconds)


def _in_turn(silence: Silence | None, last_turn: int | None) -> str:
    turn = (silence.turn if silence else None) or last_turn
    return f" in turn {turn}" if turn else ""


def _after(silence: Silence, said: str) -> str:
    """Return what came before: the silence of the sentence's subject, or of the other side."""
    subject = "customer" if said.startswith("The lead") else "agent" if said.startswith("The agent") else None
    if subject == silence.by:
        return f" after saying nothing for {_length(silence)}"
    whose = "" if subject == "customer" else f" from the {'lead' if silence.by == 'customer' else 'agent'}"
    return f" after {_length(silence)} of silence{whose}"


def _length(silence: Silence) -> str:
    seconds = silence.seconds
    return f"{seconds:,.0f} s" if seconds >= _WHOLE_SECONDS_FROM else f"{seconds:.1f} s"
