"""A Pipecat bot with made services and a made line: what it is started with says how its calls go.

Nothing in here knows of the project: ``python bot.py completed hung_up`` runs it where Pipecat is installed.
Its services wait as real ones do, and its line plays sound in real time.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from typing import Any

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    ClientConnectedFrame,
    EndFrame,
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transcriptions.language import Language
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.turns.user_stop.speech_timeout_user_turn_stop_strategy import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.errors import ErrorCategory
from pipecat.workers.runner import WorkerRunner
from typing_extensions import override

RATE = 16_000
SPOKEN_SECONDS = 0.4


class MadeSTT(STTService):
    """Has the transcript 85 ms after the lead's voice stops."""

    def __init__(self) -> None:
        super().__init__(settings=STTSettings(model="made-hearing", language=Language.HI_IN))

    @override
    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        yield None

    @override
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self.create_task(self._transcribe())

    async def _transcribe(self) -> None:
        await asyncio.sleep(0.085)
        await self.push_frame(
            TranscriptionFrame("haan ji", "lead", "", language=Language.HI_IN, finalized=True)
        )


class MadeLLM(LLMService):
    """Answers after 120 ms; says nothing of what it used but when asked, as real ones do."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__(settings=LLMSettings(model="made-mind"))
        self._fails = fails

    @override
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self._answer()
        else:
            await self.push_frame(frame, direction)

    async def _answer(self) -> None:
        await self.push_frame(LLMFullResponseStartFrame())
        await self.start_ttfb_metrics()
        await asyncio.sleep(0.12)
        if self._fails:
            await self.push_error("the key sk-secret is not known", category=ErrorCategory.AUTHENTICATION)
            return
        await self.stop_ttfb_metrics()
        await self.push_frame(LLMTextFrame("Namaste, loan chahiye?"))
        await self.push_frame(LLMFullResponseEndFrame())
        tokens = LLMTokenUsage(
            prompt_tokens=90, completion_tokens=12, total_tokens=142, cache_read_input_tokens=40
        )
        await self.start_llm_usage_metrics(tokens)


class MadeTTS(TTSService):
    """Has the first sound 100 ms after the text."""

    def __init__(self) -> None:
        super().__init__(
            settings=TTSSettings(model="made-voice", voice="asha", language=None),
            push_start_frame=True,
            push_stop_frames=True,
            stop_frame_timeout_s=0.3,
            sample_rate=RATE,
        )

    @override
    def can_generate_metrics(self) -> bool:
        return True

    @override
    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        await self.start_tts_usage_metrics(text)
        await asyncio.sleep(0.1)
        await self.stop_ttfb_metrics()
        for _ in range(int(SPOKEN_SECONDS / 0.02)):
            yield TTSAudioRawFrame(b"\1\0" * (RATE // 50), RATE, 1, context_id=context_id)


for service in (MadeSTT, MadeLLM):
    service.can_generate_metrics = lambda _self: True


class MadeOutput(BaseOutputTransport):
    """Plays sound in real time, to nobody."""

    def __init__(self, transport: "MadeTransport", params: TransportParams) -> None:
        super().__init__(params)
        self._transport = transport

    @override
    async def start(self, frame: Any) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    @override
    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await asyncio.sleep(len(frame.audio) / 2 / RATE)
        return True


class MadeTransport(BaseTransport):
    """A line that tells when the other side hangs up."""

    def __init__(self) -> None:
        super().__init__()
        self._register_event_handler("on_client_disconnected")
        self.made_output = MadeOutput(
            self, TransportParams(audio_out_enabled=True, audio_out_sample_rate=RATE)
        )

    @override
    def input(self) -> Any:
        raise NotImplementedError

    @override
    def output(self) -> MadeOutput:
        return self.made_output

    async def hang_up(self) -> None:
        """The other side hangs up."""
        await self._call_event_handler("on_client_disconnected", self)


async def lead_speaks(worker: PipelineWorker) -> None:
    """The lead says something of 400 ms, and is silent."""
    await worker.queue_frame(VADUserStartedSpeakingFrame(start_secs=0.2))
    await asyncio.sleep(0.4)
    await worker.queue_frame(VADUserStoppedSpeakingFrame(stop_secs=0.2))


class Line:
    """What happens on a line, to be waited for."""

    def __init__(self, worker: PipelineWorker) -> None:
        self.started, self.speaks, self.silent = asyncio.Event(), asyncio.Event(), asyncio.Event()
        worker.set_reached_upstream_filter((BotStartedSpeakingFrame, BotStoppedSpeakingFrame))
        worker.add_event_handler("on_frame_reached_upstream", self._speech)
        worker.add_event_handler("on_pipeline_started", self._start)

    async def _start(self, *_: object) -> None:
        self.started.set()

    async def _speech(self, _worker: object, frame: Frame) -> None:
        speaks = isinstance(frame, BotStartedSpeakingFrame)
        (self.speaks if speaks else self.silent).set()

    async def hear_answer(self, *, out: bool) -> None:
        """Wait until the agent speaks, or until it has spoken."""
        awaited = self.silent if out else self.speaks
        self.speaks.clear()
        self.silent.clear()
        async with asyncio.timeout(20):
            await awaited.wait()
        await asyncio.sleep(0.1)


async def converse(worker: PipelineWorker, transport: MadeTransport, how: str, line: Line) -> None:
    """Hold the call."""
    await line.started.wait()
    if how == "unanswered":
        await worker.cancel()
        return
    await worker.queue_frame(ClientConnectedFrame())
    await worker.queue_frame(TTSSpeakFrame("Namaste!"))
    await line.hear_answer(out=True)
    for last in (False, True):
        await lead_speaks(worker)
        if how == "failed":
            await asyncio.sleep(0.5)
        else:
            await line.hear_answer(out=last or how != "interrupted")
    if how == "hung_up":
        await transport.hang_up()
        await worker.cancel()
    elif how == "cancelled":
        await worker.cancel(reason="max_duration")
    elif how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        await worker.queue_frame(EndFrame(reason=None if how == "failed" else "lead_hung_up"))


async def call(how: str) -> None:
    """Run one call, known as ``call_{how}``."""
    transport = MadeTransport()
    turns = UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.02)])
    pair = LLMContextAggregatorPair(
        LLMContext(), user_params=LLMUserAggregatorParams(user_turn_strategies=turns)
    )
    mind = MadeLLM(fails=how == "failed")
    steps = [MadeSTT(), pair.user(), mind, MadeTTS(), transport.output(), pair.assistant()]
    worker = PipelineWorker(
        Pipeline(steps),
        params=PipelineParams(start_metadata={"lead_id": "lead_7", "campaign": "festive"}),
        conversation_id=f"call_{how}",
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    talk = asyncio.create_task(converse(worker, transport, how, Line(worker)))
    await runner.run()
    await talk


async def main(calls: list[str]) -> None:
    """Run calls at the same time; then the one that takes the bot down."""
    await asyncio.gather(*(call(how) for how in calls if how != "killed"))
    if "killed" in calls:
        await call("killed")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
