"""Turn the frames of a Pipecat pipeline into a call and its turns; does not depend on Pipecat's classes.

Times are seconds since 1970. Turns are numbered as Pipecat numbers them: if the agent speaks first, its
greeting is the first.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from core.adapters.told import call_of
from core.adapters.turns import heard, length_ms, means
from core.adapters.waits import Span, wait_parts
from core.models.calls.endings import ENDINGS, ending_of
from core.models.calls.parts import CallError, Fault, HangupBy, ModelUsage, ToolCall
from core.models.calls.transcripts import LONGEST
from core.models.metrics import MOST_TOOL_CALLS, CallMetrics, CallStatus, TurnMetrics

ServiceKind = Literal["asr", "llm", "tts", "realtime"]
RINGING_SECONDS = 1.0
"""A client that connects this long after the pipeline's start was dialled by the agent, and rang."""
MOST_ERRORS = 1_000
_FAULTS = {
    **dict.fromkeys(("connectivity", "server", "rate_limit", "quota"), Fault.PROVIDER),
    **dict.fromkeys(("authentication", "authorization", "invalid_request", "application"), Fault.AGENT),
}
_MISCONFIGURED = frozenset({"authentication", "authorization", "invalid_request"})
_Model = tuple[ServiceKind, str | None, str | None]
"""What was used: kind, provider and model."""


class End(StrEnum):
    """How a pipeline ended: it finished, was cut off, or never began."""

    FINISHED = "finished"
    CANCELLED = "cancelled"
    NOT_STARTED = "not_started"


@dataclass
class _Exchange:
    """One turn in progress."""

    number: int
    began_at: float | None = None
    language: str | None = None
    answered: bool = False
    interrupted: bool = False
    explained: bool = False
    e2e_ms: float | None = None
    end_of_turn_ms: float | None = None
    service_ms: dict[str, float] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    lead_until: float | None = None
    agent_from: float | None = None
    agent_until: float | None = None
    lead_words: list[str] = field(default_factory=list)
    agent_words: list[str] = field(default_factory=list)
    tools: list[ToolCall] = field(default_factory=list)

    def as_turn(self, call_id: str) -> TurnMetrics:
        return TurnMetrics(
            call_id=call_id,
            turn=self.number,
            start_time=_moment(self.began_at),
            language=self.language or "unknown",
            end_of_turn_delay_ms=self.end_of_turn_ms,
            asr_ms=self.service_ms.get("asr"),
            llm_ttft_ms=self.service_ms.get("llm", self.service_ms.get("realtime")),
            tts_ttfb_ms=self.service_ms.get("tts"),
            e2e_ms=self.e2e_ms,
            interrupted=self.interrupted,
            lead_speech_ms=length_ms(self.began_at, self.lead_until),
            agent_speech_ms=length_ms(self.agent_from, self.agent_until),
            tool_calls=self.tools or None,
            transcript=heard(" ".join(self.lead_words), " ".join(self.agent_words)),
            parts=wait_parts(self.spans, self.e2e_ms),
        )


class PipecatCall:
    """A call in progress. Methods that end a turn return it, to be recorded.

    A turn may be returned again with more known about it; the later one replaces the earlier.
    """

    def __init__(self, call_id: str, at: float) -> None:
        self.call_id = call_id
        self._created_at = at
        self._started_at: float | None = None
        self._connected_at: float | None = None
        self._left_at: float | None = None
        self._voice_at: float | None = None
        self._voice = False
        self._exchange: _Exchange | None = None
        self._spoken: _Exchange | None = None
        self._sounding: _Exchange | None = None
        self._exchanges: list[_Exchange] = []
        self._usage: defaultdict[_Model, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._errors: list[CallError] = []
        self._fatal = False
        self._ending_of_errors: str | None = None
        self._agent_interruptions = 0
        self._greeting_ms: float | None = None

    def started(self, at: float, *, connected: bool) -> None:
        """Note that the pipeline runs.

        ``connected`` says the line existed before it, as with a carrier's stream.
        """
        self._started_at = at
        if connected:
            self._connected_at = at

    def client_connected(self, at: float) -> None:
        """Note that the other side is there; the first time counts."""
        self._connected_at = self._connected_at or at

    def client_left(self, at: float) -> None:
        """Note that the other side hung up, or its line broke."""
        self._left_at = self._left_at or at

    def voice_started(self, at: float) -> None:
        """Note that the lead's voice is heard, which need not be a turn."""
        self._voice, self._voice_at = True, at

    def voice_stopped(self, at: float | None = None) -> None:
        """Note that the lead's voice is no longer heard."""
        self._voice = False
        if self._exchange is not None and not self._exchange.answered:
            self._exchange.lead_until = at or self._exchange.lead_until

    def user_started(self, at: float) -> TurnMetrics | None:
        """Begin the lead's turn; this ends the turn before if the agent had answered."""
        began_at = self._voice_at if self._voice and self._voice_at else at
        before = self._exchange
        if before is not None and not before.answered:
            before.began_at = before.began_at or began_at
            return None
        self._open(began_at)
        return before.as_turn(self.call_id) if before else None

    def user_spoke(self, language: str | None, words: str = "") -> None:
        """Note that there is a transcript of what the lead said, in ``language``."""
        if self._exchange is None or self._exchange.answered:
            return
        self._exchange.language = language or self._exchange.language
        _add(self._exchange.lead_words, words)

    def bot_spoke(self, words: str) -> None:
        """Note words that the agent says."""
        if self._exchange is not None:
            _add(self._exchange.agent_words, words)

    def tool_used(self, name: str, began_at: float, seconds: float) -> None:
        """Note that the agent called a function of its own code."""
        if self._exchange is not None and len(self._exchange.tools) < MOST_TOOL_CALLS:
            tool = ToolCall(name=name[:128], ms=_ms(seconds), at=_moment(began_at))
            self._exchange.tools.append(tool)

    def bot_started(self, at: float) -> None:
        """Note that the agent begins to speak."""
        exchange = self._exchange or self._open(None)
        if self._voice:
            self._agent_interruptions += 1
        if exchange.number == 1 and exchange.began_at is None and not exchange.answered:
            ready_at = max(self._started_at or at, self._connected_at or 0.0)
            self._greeting_ms = round(max(0.0, at - ready_at) * 1_000, 3)
        exchange.answered = True
        exchange.agent_from = exchange.agent_from or at
        self._spoken = self._sounding = exchange

    def bot_stopped(self, at: float | None = None) -> None:
        """Note that the agent has finished speaking."""
        if self._sounding is not None:
            self._sounding.agent_until = at
        self._spoken = self._sounding = None

    def interrupted(self, at: float | None = None) -> TurnMetrics | None:
        """Note that the agent's speech, begun or not, was dropped; return the turn if it was cut short."""
        cut, self._spoken = self._spoken, None
        if cut is None:
            return None
        cut.interrupted, cut.agent_until = True, at
        return cut.as_turn(self.call_id) if cut is not self._exchange else None

    def waited(self, seconds: float) -> None:
        """Note how long the lead waited for the agent's first sound; the first of a turn counts."""
        if self._exchange is not None and self._exchange.e2e_ms is None:
            self._exchange.e2e_ms = _ms(seconds)

    def wait_explained(
        self,
        seconds: float | None,
        user_turn_seconds: float | None,
        services: Iterable[tuple[ServiceKind, float]],
        spans: Iterable[Span],
    ) -> None:
        """Note what that wait consisted of.

        Args:
            seconds: the sum of the spans, if there are any; it replaces what was measured.
            user_turn_seconds: from the lead's last word until the turn was judged to be over.
            services: the time each service took to its first result, in seconds.
            spans: the parts of the wait.
        """
        exchange = self._exchange
        if exchange is None or exchange.explained:
            return
        exchange.explained = True
        exchange.e2e_ms = _ms(seconds) or exchange.e2e_ms
        exchange.end_of_turn_ms = _ms(user_turn_seconds)
        exchange.spans = list(spans)
        for kind, took in services:
            exchange.service_ms.setdefault(kind, round(took * 1_000, 3))

    def used(self, kind: ServiceKind, provider: str | None, model: str | None, **units: float | None) -> None:
        """Note the use of a service; ``units`` are those of :class:`core.models.calls.parts.ModelUsage`."""
        usage = self._usage[kind, provider, model]
        for unit, amount in units.items():
            usage[unit] += amount or 0

    def failed(self, at: float, kind: ServiceKind | None, category: str | None, *, ends: bool) -> None:
        """Note an error in a service of ``kind``, or in the pipeline; with ``ends`` it ends the call."""
        known = category if category in _FAULTS else None
        fault = _FAULTS[known] if known else Fault.PROVIDER if kind else Fault.AGENT
        self._fatal = self._fatal or ends
        self._ending_of_errors = "provider_error" if fault is Fault.PROVIDER else "platform_error"
        if known in _MISCONFIGURED:
            self._ending_of_errors = "configuration"
        if len(self._errors) < MOST_ERRORS:
            type_ = f"{kind or 'pipeline'}_{known or 'error'}"
            self._errors.append(CallError(type=type_, fault=fault, at=_moment(at)))

    def ended(
        self, at: float, how: End, reason: str | None, about: Mapping[str, Any]
    ) -> tuple[TurnMetrics | None, CallMetrics]:
        """End the call; return its last turn, and the call.

        Args:
            at: when.
            how: how the pipeline ended.
            reason: as given by the bot, if it was.
            about: what the bot says about the call; see :data:`core.adapters.told.TOLD_BY_AGENT`.
        """
        last = self._exchange.as_turn(self.call_id) if self._exchange else None
        start = self._started_at or self._created_at
        connected = self._connected_at
        rang = connected is not None and connected - start >= RINGING_SECONDS
        ending = self._ending(how, reason)
        fields = {
            "start_time": _moment(start),
            "answered_at": _moment(connected) if rang else None,
            "end_time": _moment(max(at, start, connected or start)),
            "direction": "outbound",
            "language": self._language(),
            "total_turns": len(self._exchanges),
            "user_turns": sum(one.began_at is not None for one in self._exchanges),
            "interruptions": sum(one.interrupted for one in self._exchanges),
            "agent_interruptions": self._agent_interruptions,
            "errors": self._errors,
            "usage": [self._usage_of(key, units) for key, units in self._usage.items()] or None,
            "metadata": {} if self._greeting_ms is None else {"greeting_ms": self._greeting_ms},
            **means(one.as_turn(self.call_id) for one in self._exchanges),
            **ending,
        }
        return last, call_of(self.call_id, fields, about)

    def _open(self, began_at: float | None) -> _Exchange:
        self._exchange = _Exchange(len(self._exchanges) + 1, began_at)
        self._exchanges.append(self._exchange)
        return self._exchange

    def _language(self) -> str:
        heard = Counter(one.language for one in self._exchanges if one.language)
        return heard.most_common(1)[0][0] if heard else "unknown"

    @staticmethod
    def _usage_of(key: _Model, units: Mapping[str, float]) -> ModelUsage:
        kind, provider, model = key
        used = {unit: amount for unit, amount in units.items() if amount}
        return ModelUsage.model_validate({"kind": kind, "provider": provider, "model": model, **used})

    def _ending(self, how: End, reason: str | None) -> dict[str, Any]:
        """Return status, ending and who hung up.

        What nobody reported follows from who left, if that is known.
        """
        if how is End.NOT_STARTED:
            late = CallError(type="pipeline_start_timeout", fault=Fault.AGENT, at=_moment(self._created_at))
            self._errors = [*self._errors, late][-MOST_ERRORS:]
            return {"status": CallStatus.FAILED, "end_reason": "platform_error", "fault": Fault.AGENT}
        asked = [one for one in self._exchanges if one.began_at is not None]
        answered = any(one.answered for one in asked or self._exchanges)
        broken = self._fatal or (self._ending_of_errors is not None and not answered)
        said = any(one.answered for one in self._exchanges) or bool(asked)
        if broken:
            ending = {"end_reason": self._ending_of_errors, "hangup_by": HangupBy.SYSTEM}
        elif reason:
            ending = {"end_reason": reason}
        elif not said and self._connected_at is None:
            ending = {"end_reason": "cancelled" if how is End.CANCELLED else "no_answer"}
        elif self._left_at is not None:
            ending = {"end_reason": "customer_hung_up", "hangup_by": HangupBy.CUSTOMER}
        elif how is End.FINISHED:
            ending = {"end_reason": "agent_goodbye", "hangup_by": HangupBy.AGENT}
        else:
            ending = {"end_reason": "cancelled", "hangup_by": HangupBy.SYSTEM}
        status = ENDINGS[ending_of(str(ending["end_reason"]))].status
        cut_off = said and ending_of(str(ending["end_reason"])) == "cancelled"
        failed = CallStatus.FAILED if broken else CallStatus.COMPLETED if cut_off else status
        return {"status": failed, **ending}


def _add(words: list[str], more: str) -> None:
    """Keep what is said, up to what a turn takes of it."""
    if more.strip() and sum(map(len, words)) < LONGEST:
        words.append(more.strip())


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1_000, 3)
