"""A LiveKit agent's job without a server, from the package's own classes.

Run where LiveKit Agents is installed. A session of a made model answers once as text; what only sound would
measure is put into its history as the package's own messages. Then the session's end is run as the package
runs it. ``unanswered`` is a job in which no session began.
"""

import asyncio
import json
import sys
import time
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobExecutorType, JobProcess
from livekit.agents.job import JobAcceptArguments, RunningJobInfo, _JobContextVar
from livekit.agents.llm import LLM, ChatChunk, ChatMessage, ChoiceDelta, CompletionUsage, LLMError, LLMStream
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice.events import ErrorEvent
from livekit.protocol import agent, models
from typing_extensions import override

from core.adapters.livekit import record_session, watch_session

server = AgentServer()


@server.rtc_session(on_session_end=record_session)
async def entrypoint(ctx: JobContext) -> None:
    """Take a call, as an agent's code does."""
    await ctx.connect()


class MadeStream(LLMStream):
    """One answer."""

    @override
    async def _run(self) -> None:
        await asyncio.sleep(0.05)
        delta = ChoiceDelta(role="assistant", content="Namaste, loan chahiye?")
        self._event_ch.send_nowait(ChatChunk(id="1", delta=delta))
        usage = CompletionUsage(
            prompt_tokens=90, prompt_cached_tokens=40, completion_tokens=12, total_tokens=102
        )
        self._event_ch.send_nowait(ChatChunk(id="1", usage=usage))


class MadeLLM(LLM):
    """A model that always says the same."""

    @property
    @override
    def model(self) -> str:
        return "made-mind"

    @property
    @override
    def provider(self) -> str:
        return "made"

    @override
    def chat(self, *, chat_ctx: Any, tools: Any = None, **_options: Any) -> LLMStream:
        return MadeStream(
            self, chat_ctx=chat_ctx, tools=tools or [], conn_options=DEFAULT_API_CONNECT_OPTIONS
        )


def job() -> JobContext:
    """A job as a worker makes it, that has not connected."""
    room = models.Room(sid="RM_1", name="loan-call-1", metadata=json.dumps({"campaign": "festive"}))
    room.creation_time = int(time.time())
    info = RunningJobInfo(
        accept_arguments=JobAcceptArguments(name="", identity="agent", metadata=""),
        job=agent.Job(
            id="AJ_1", room=room, agent_name="asha", metadata='{"lead_id": "lead_7", "secret": "x"}'
        ),
        url="ws://127.0.0.1:1",
        token="",
        worker_id="AW_1",
        fake_job=True,
    )
    return JobContext(
        proc=JobProcess(executor_type=JobExecutorType.THREAD, user_arguments=None, http_proxy=None),
        info=info,
        room=rtc.Room(),
        on_connect=lambda: None,
        on_shutdown=lambda _reason: None,
        inference_executor=None,  # type: ignore[arg-type,unused-ignore] # (no model of LiveKit's runs)
    )


async def talk(ctx: JobContext) -> None:
    """Hold a session, up to its end."""
    session: AgentSession[dict[str, Any]] = AgentSession(
        llm=MadeLLM(), userdata={"qualification_completed": True}
    )
    await session.start(Agent(instructions="You sell loans."))
    ctx._primary_agent_session = session
    await session.run(user_input="haan ji")
    began = time.time()
    heard = {
        "started_speaking_at": began - 2.0,
        "stopped_speaking_at": began - 0.5,
        "transcription_delay": 0.21,
        "end_of_turn_delay": 0.6,
        "on_user_turn_completed_delay": 0.004,
    }
    spoken = {"llm_node_ttft": 0.31, "tts_node_ttfb": 0.12, "playback_latency": 0.002, "e2e_latency": 1.06}
    question = ChatMessage(role="user", content=["kitna byaaj?"], metrics=heard)
    answer = ChatMessage(role="assistant", content=["Nau"], interrupted=True, metrics=spoken)
    session.history.items.extend([question, answer])
    error = LLMError(timestamp=time.time(), label="made", error=RuntimeError("sk-secret"), recoverable=True)
    session.emit("error", ErrorEvent(error=error, source=session.llm))
    await session.aclose()


async def main(how: str) -> None:
    """Run one job."""
    ctx = job()
    _JobContextVar.set(ctx)
    watch_session(ctx)
    if how == "answered":
        await talk(ctx)
    await server._session_end_fnc(ctx)  # type: ignore[misc,unused-ignore] # (what rtc_session was given)
    if how == "answered":
        report = {**ctx.make_session_report().to_dict(), "started_at": 0, "events": "left out"}
        sys.stdout.write(f"REPORT {json.dumps(report, default=str)}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
