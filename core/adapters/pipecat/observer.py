"""Watch a Pipecat pipeline from the side: Pipecat passes frames to observers through a separate queue.

Nothing here waits: what is to be recorded goes to a thread (:class:`BackgroundMetricsService`), and a failure
is logged once while the call continues.
"""

import asyncio
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    ClientConnectedFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    InterruptionFrame,
    MetricsFrame,
    StopFrame,
    TranscriptionFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import LLMUsageMetricsData, TTSUsageMetricsData
from pipecat.observers.base_observer import BaseObserver
from pipecat.observers.user_bot_latency_observer import UserBotLatencyObserver
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService

from core.adapters.pipecat.calls import End, PipecatCall, ServiceKind
from core.adapters.waits import Owner, Span
from core.logging_config import get_logger
from core.models.metrics import ServiceSample, TurnMetrics
from core.services.background_metrics_service import BackgroundMetricsService

logger = get_logger("metrics")
service = BackgroundMetricsService()
"""This process's service."""
REMEMBERED_FRAMES = 256
"""Before Pipecat 1.12 an observer sees a frame again at each processor that passes it on."""
_ONCE = {"observe_every_push": False} if hasattr(BaseObserver, "observe_every_push") else {}
_OWNERS: dict[str, Owner] = {"service": "service", "setting": "setting"}
_ON_THE_LINE = frozenset({"output_transport"})
_CALL_IDS = ("_call_id", "_call_sid", "_call_control_id", "_conversation_id")
"""Where Pipecat's serializers for carriers store the carrier's id of the call."""
_KINDS: tuple[tuple[type, ServiceKind], ...] = ((STTService, "asr"), (TTSService, "tts"), (LLMService, "llm"))
_REALTIME = re.compile("Realtime|Live|Sonic|Ultravox")
_Handler = Callable[[Any], TurnMetrics | None]
_SERVICE_NAME = re.compile(r"(STT|LLM|TTS|Realtime|Live)?(Service)?$")


class CallObserver(BaseObserver):
    """Records the call of one pipeline; latency is measured by Pipecat's own observer."""

    def __init__(self, worker: Any) -> None:  # noqa: ANN401 (Pipecat's)
        super().__init__(**_ONCE)
        self._latency = UserBotLatencyObserver()
        self._latency.add_event_handler("on_latency_measured", self._on_latency)
        self._latency.add_event_handler("on_latency_breakdown", self._on_breakdown)
        self._worker = worker
        serializer = _serializer_of(worker)
        self._carrier_id = next(filter(None, (getattr(serializer, name, None) for name in _CALL_IDS)), None)
        self._carrier = (
            type(serializer).__name__.removesuffix("FrameSerializer").lower() if serializer else None
        )
        told = self._about().get("call_id") or getattr(worker, "_conversation_id", None)
        call_id = told or self._carrier_id or f"pipecat-{uuid.uuid4()}"
        self._call = PipecatCall(str(call_id).encode(errors="replace").decode()[:256], time.time())
        self._over = self._late = False
        self._services: dict[str, tuple[ServiceKind, str]] = {}
        self._tools: dict[str, tuple[str, float]] = {}
        self._seen: deque[int] = deque(maxlen=REMEMBERED_FRAMES)
        self._said: set[str] = set()
        self._handlers: dict[type[Frame], _Handler | None] = {
            ClientConnectedFrame: lambda _: self._call.client_connected(time.time()),
            VADUserStartedSpeakingFrame: self._voice_started,
            VADUserStoppedSpeakingFrame: self._voice_stopped,
            UserStartedSpeakingFrame: lambda _: self._call.user_started(time.time()),
            TranscriptionFrame: self._heard,
            BotStartedSpeakingFrame: lambda _: self._call.bot_started(time.time()),
            TTSTextFrame: lambda data: self._call.bot_spoke(str(data.frame.text)),
            BotStoppedSpeakingFrame: lambda _: self._call.bot_stopped(time.time()),
            InterruptionFrame: lambda _: self._call.interrupted(time.time()),
            MetricsFrame: self._metrics,
            ErrorFrame: self._failed,
            FunctionCallInProgressFrame: self._tool_began,
            FunctionCallResultFrame: self._tool_ended,
        }

    async def on_pipeline_started(self) -> None:
        """Pass on that the pipeline runs, as a greeting is timed from then."""
        if hasattr(self._latency, "on_pipeline_started"):
            await self._latency.on_pipeline_started()

    async def on_push_frame(self, data: Any) -> None:  # noqa: ANN401 (Pipecat's)
        """Process a frame."""
        try:
            await self._latency.on_push_frame(data)
            self._take(data)
        except Exception as error:  # noqa: BLE001 (the bot's call goes on)
            self._say_once("A frame cannot be read", error)

    async def cleanup(self) -> None:
        """Record a call whose pipeline never reported its end."""
        await self._latency.cleanup()
        await super().cleanup()
        self.end(End.NOT_STARTED if self._late else End.CANCELLED, None)

    def start(self) -> None:
        """Note that the pipeline runs."""
        self._call.started(time.time(), connected=self._carrier is not None)
        about = {name: self._about().get(name) for name in ("lead_id", "direction", "campaign")}
        service.call_started(self._call.call_id, **about)

    async def finish(self, frame: Frame) -> None:
        """Note that the pipeline ended with this frame."""
        for _ in range(3):  # frames that Pipecat has already queued for observers come first
            await asyncio.sleep(0)
        how = End.FINISHED if isinstance(frame, EndFrame | StopFrame) else End.CANCELLED
        reason = getattr(frame, "reason", None)
        self.end(how, str(reason) if reason else None)

    def too_late(self) -> None:
        """Note that the pipeline did not start within the time Pipecat allows."""
        self._late = not self._over

    def client_left(self) -> None:
        """Note that the other side hung up."""
        self._call.client_left(time.time())

    def end(self, how: End, reason: str | None) -> None:
        """Record the call, once."""
        if self._over:
            return
        self._over = True
        try:
            carried = {"provider": self._carrier} if self._carrier else None
            about = {"provider_call_id": self._carrier_id, "telephony": carried} | self._about()
            last, call = self._call.ended(time.time(), how, reason, about)
            self._record(last)
            service.record_call_metrics(call)
        except Exception as error:  # noqa: BLE001 (the bot ends as it would)
            self._say_once("A call cannot be recorded", error)
        service.call_ended(self._call.call_id)

    def _about(self) -> dict[str, Any]:
        """Return what the bot says about the call, also while it is active."""
        spans = getattr(self._worker, "_additional_span_attributes", None) or {}
        return {**spans, **self._worker.params.start_metadata}

    def _take(self, data: Any) -> None:  # noqa: ANN401 (Pipecat's)
        kind = type(data.frame)
        if kind not in self._handlers:
            known = (self._handlers[base] for base in kind.__mro__ if base in self._handlers)
            self._handlers[kind] = next(known, None)
        handler = self._handlers[kind]
        if handler is None or data.frame.id in self._seen:
            return
        # Upstream frames duplicate downstream ones, except for errors.
        if data.direction == FrameDirection.DOWNSTREAM or issubclass(kind, ErrorFrame):
            self._seen.append(data.frame.id)
            self._record(handler(data))

    def _record(self, turn: TurnMetrics | None) -> None:
        if turn is not None:
            service.record_turn(turn)

    async def _on_latency(self, _observer: Any, seconds: float) -> None:  # noqa: ANN401 (Pipecat's)
        self._call.waited(seconds)

    async def _on_breakdown(self, _observer: Any, breakdown: Any) -> None:  # noqa: ANN401 (Pipecat's)
        try:
            if breakdown.user_turn_start_time is None:  # a greeting, for which nobody waited
                return
            services = [
                (self._services[one.processor][0], one.duration_secs)
                for one in breakdown.ttfb
                if one.processor in self._services
            ]
            total = getattr(breakdown, "total_secs", None)  # since Pipecat 1.9, as are the spans
            self._call.wait_explained(total, breakdown.user_turn_secs, services, _spans(breakdown))
        except Exception as error:  # noqa: BLE001 (as above)
            self._say_once("A turn's latency cannot be read", error)

    def _service_of(self, processor: Any) -> tuple[ServiceKind, str] | None:  # noqa: ANN401 (Pipecat's)
        if processor.name not in self._services:
            kind = next((kind for base, kind in _KINDS if isinstance(processor, base)), None)
            if kind is None:
                return None
            if kind == "llm" and _REALTIME.search(type(processor).__name__):
                kind = "realtime"
            self._services[processor.name] = kind, _provider_of(type(processor))
        return self._services[processor.name]

    def _metrics(self, data: Any) -> None:  # noqa: ANN401 (Pipecat's)
        found = self._service_of(data.source)
        if found is None:
            return
        kind, provider = found
        for one in data.frame.data:
            model = getattr(one, "model", None)
            if isinstance(one, LLMUsageMetricsData):
                tokens = one.value
                self._call.used(
                    kind,
                    provider,
                    model,
                    input_tokens=max(tokens.prompt_tokens, tokens.total_tokens - tokens.completion_tokens),
                    cached_tokens=tokens.cache_read_input_tokens,
                    output_tokens=tokens.completion_tokens,
                )
            elif isinstance(one, TTSUsageMetricsData):
                self._call.used(kind, provider, model, characters=one.value)
            elif type(one).__name__ == "STTUsageMetricsData":  # since Pipecat 1.6
                self._call.used(kind, provider, model, audio_seconds=one.value.audio_seconds)

    def _failed(self, data: Any) -> None:  # noqa: ANN401 (Pipecat's)
        frame, processor = data.frame, data.frame.processor or data.source
        found = self._service_of(processor)
        policy = getattr(getattr(self._worker, "_processor_unusable_policy", None), "value", "continue")
        unusable = not getattr(processor, "is_usable", True) and policy != "continue"
        category = getattr(getattr(frame, "category", None), "value", None)
        self._call.failed(time.time(), found[0] if found else None, category, ends=frame.fatal or unusable)

    def _tool_began(self, data: Any) -> None:  # noqa: ANN401 (Pipecat's)
        self._tools[data.frame.tool_call_id] = data.frame.function_name, time.monotonic()

    def _tool_ended(self, data: Any) -> None:  # noqa: ANN401 (Pipecat's)
        name, began = self._tools.pop(data.frame.tool_call_id, (None, 0.0))
        if name:
            seconds = time.monotonic() - began
            took = seconds * 1_000
            self._call.tool_used(name, time.time() - seconds, seconds)
            service.record_service_call(ServiceSample(service="tool", operation=name[:256], duration_ms=took))

    def _voice_started(self, data: Any) -> None:  # noqa: ANN401 (Pipecat's)
        self._call.voice_started(data.frame.timestamp - data.frame.start_secs)

    def _voice_stopped(self, data: Any) -> None:  # noqa: ANN401 (Pipecat's)
        frame = data.frame
        at, waited = getattr(frame, "timestamp", None), getattr(frame, "stop_secs", 0.0)
        self._call.voice_stopped(at - waited if at else None)

    def _heard(self, data: Any) -> None:  # noqa: ANN401 (Pipecat's)
        language, words = data.frame.language, str(data.frame.text or "")
        self._call.user_spoke(str(getattr(language, "value", language)) if language else None, words)

    def _say_once(self, text: str, error: Exception) -> None:
        if text not in self._said:
            self._said.add(text)
            logger.error(text, extra={"call_id": self._call.call_id}, exc_info=error)


def observe(worker: Any) -> None:  # noqa: ANN401 (Pipecat's)
    """Record the call of a pipeline that is being set up.

    Switches on Pipecat's own metrics, without which no service reports its times and usage.
    """
    worker.params.enable_metrics = worker.params.enable_usage_metrics = True
    observer = CallObserver(worker)
    worker.add_observer(observer)

    async def started(_worker: object, _frame: object) -> None:
        observer.start()

    async def finished(_worker: object, frame: Frame) -> None:
        await observer.finish(frame)

    async def left(*_about: object) -> None:
        observer.client_left()

    async def late(*about: object) -> None:
        # otherwise it was slow to end, not to start
        if not any(isinstance(one, CancelFrame) for one in about):
            observer.too_late()

    for event in ("on_setup_timeout", "on_pipeline_timeout"):  # since Pipecat 1.7
        if event in getattr(worker, "_event_handlers", ()):
            worker.add_event_handler(event, late)
    worker.add_event_handler("on_pipeline_started", started)
    worker.add_event_handler("on_pipeline_finished", finished)
    for transport in _transports_of(worker):
        if "on_client_disconnected" in getattr(transport, "_event_handlers", ()):
            transport.add_event_handler("on_client_disconnected", left)


def _processors(processor: Any) -> Iterator[Any]:  # noqa: ANN401 (Pipecat's)
    yield processor
    for one in getattr(processor, "processors", ()):
        yield from _processors(one)


def _transports_of(worker: Any) -> list[Any]:  # noqa: ANN401 (Pipecat's)
    found = (getattr(one, "_transport", None) for one in _processors(worker.pipeline))
    return list({id(one): one for one in found if one is not None}.values())


def _serializer_of(worker: Any) -> Any:  # noqa: ANN401 (Pipecat's)
    params = (getattr(one, "_params", None) for one in _processors(worker.pipeline))
    found = (getattr(one, "serializer", None) for one in params)
    return next((one for one in found if any(hasattr(one, name) for name in _CALL_IDS)), None)


def _provider_of(service_class: type) -> str:
    """Return the provider, from the package of its service (``pipecat.services.openai.llm``) or its class."""
    package = service_class.__module__.split(".")
    if package[:2] == ["pipecat", "services"] and len(package) > 3:  # noqa: PLR2004 (a package for each provider)
        return package[2]
    name = service_class.__name__
    return (_SERVICE_NAME.sub("", name) or name).lower()[:128]


def _spans(breakdown: Any) -> list[Span]:  # noqa: ANN401 (Pipecat's)
    """Return the parts of a wait as Pipecat names them (since 1.9); its own time is left as the remainder."""
    return [
        (
            re.sub(r"[^a-z0-9_]", "_", one.key.lower())[:48],
            one.duration_secs * 1_000,
            "network" if one.key in _ON_THE_LINE else _OWNERS.get(str(one.owner_kind), "agent"),
        )
        for one in getattr(breakdown, "contributions", ())
    ]
