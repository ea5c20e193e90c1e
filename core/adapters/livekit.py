"""Calls of a LiveKit agent, from the report of its session.

An agent needs two lines::

    from core.adapters.livekit import record_session

    @server.rtc_session(on_session_end=record_session)

Nothing here imports LiveKit: the agent passes its job context.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ValidationError

from core.adapters.told import call_of
from core.adapters.turns import heard as heard_words
from core.adapters.turns import length_ms, means
from core.adapters.waits import Span, wait_parts
from core.logging_config import get_logger
from core.models.calls.endings import ENDINGS
from core.models.calls.parts import CallError, Fault, ModelUsage, ToolCall
from core.models.metrics import MOST_TOOL_CALLS, CallMetrics, TurnMetrics
from core.services.background_metrics_service import BackgroundMetricsService
from core.services.metrics_service import MetricsService

logger = get_logger("metrics")
ERRORS_AT_MOST = 1_000
_LONGEST_WAIT = 3_600
"""An hour, in seconds; nothing longer is a wait."""
_LEFT = {"USER_UNAVAILABLE": "no_answer", "USER_REJECTED": "declined", "SIP_TRUNK_FAILURE": "carrier_failed"}
"""Why a participant left, if that says more than why the session was closed."""
CLOSED: dict[str, tuple[str, str]] = {
    "participant_disconnected": ("customer_hung_up", "customer"),
    "user_initiated": ("agent_goodbye", "agent"),
    "task_completed": ("agent_goodbye", "agent"),
    "job_shutdown": ("cancelled", "system"),
    "error": ("provider_error", "system"),
}
"""Why a session was closed, as an ending and who hung up."""
_ERRORS = {
    "llm_error": "llm_error",
    "stt_error": "asr_error",
    "tts_error": "tts_error",
    "realtime_model_error": "realtime_error",
    "interruption_detection_error": "interruption_error",
}
_USAGE = {"llm_usage": "llm", "stt_usage": "asr", "tts_usage": "tts"}
_UNITS = {
    "input_tokens": "input_tokens",
    "input_cached_tokens": "cached_tokens",
    "output_tokens": "output_tokens",
    "characters_count": "characters",
    "audio_duration": "audio_seconds",
}


@dataclass
class Line:
    """What the room says about the other side: its SIP attributes, and why it left."""

    attributes: dict[str, str] = field(default_factory=dict)
    left: str | None = None


_lines: "WeakKeyDictionary[Any, Line]" = WeakKeyDictionary()
_signs = BackgroundMetricsService()


async def record_session(ctx: Any) -> None:  # noqa: ANN401 (LiveKit's JobContext)
    """Record the call of a job whose session has ended; for ``on_session_end``.

    Raises nothing and waits RECORD_WAIT_SECONDS per record at most, so the job ends as it otherwise would.
    """
    try:
        report = _report_of(ctx)
        call, turns = read_report(report, about_job(ctx), _line_of(ctx))
        service = MetricsService()
        for turn in turns:
            await service.record_turn(turn)
        await service.record_call_metrics(call)
        _signs.call_ended(call.call_id)
    except Exception:
        logger.exception("A session cannot be recorded")


def watch_session(ctx: Any) -> None:  # noqa: ANN401 (LiveKit's JobContext)
    """Count the job's call as active, and note what the room says about the line.

    Call it when the job starts.

    Without it, a job that is killed leaves no trace, and the carrier's id of the call is unknown. Raises
    nothing.
    """
    try:
        line = _lines.setdefault(ctx, Line())

        def joined(participant: Any) -> None:  # noqa: ANN401 (LiveKit's)
            line.attributes.update(_sip(participant.attributes))

        def left(participant: Any) -> None:  # noqa: ANN401 (LiveKit's)
            joined(participant)
            line.left = _reason_name(participant.disconnect_reason) or line.left

        ctx.room.on("participant_connected", joined)
        ctx.room.on("participant_disconnected", left)
        about = about_job(ctx)
        named = {name: about.get(name) for name in ("lead_id", "direction", "campaign")}
        _signs.call_started(call_id_of(about, ctx.job.room.name, ctx.job.id), **named)
    except Exception:
        logger.exception("A session cannot be watched")


def about_job(ctx: Any) -> dict[str, Any]:  # noqa: ANN401 (LiveKit's JobContext)
    """Return what the agent's code says: metadata of room and job, if that is JSON, and the userdata."""
    about: dict[str, Any] = {}
    for text in (ctx.job.room.metadata, ctx.job.metadata):
        about |= _json_object(text)
    session = getattr(ctx, "_primary_agent_session", None)
    return about | _as_mapping(getattr(session, "_userdata", None))


def call_id_of(about: Mapping[str, Any], room: str, job_id: str) -> str:
    """Return a call's id: the one the agent gives, else the room's name, else the job's id."""
    return str(about.get("call_id") or room or job_id).encode(errors="replace").decode()[:256]


def read_report(
    report: Mapping[str, Any], about: Mapping[str, Any], line: Line
) -> tuple[CallMetrics, list[TurnMetrics]]:
    """Return the call and the turns in a session's report; a pure function.

    Args:
        report: ``make_session_report().to_dict()``, with ``started_at`` and complete ``usage``.
        about: what the agent's code says about the call.
        line: what the room says about the other side.
    """
    call_id = call_id_of(about, report["room"], report["job_id"])
    turns = list(_turns(report.get("chat_history", {}).get("items", ()), call_id))
    end = report["timestamp"]
    start = report.get("started_at") or min(
        (turn.start_time.timestamp() for turn in turns if turn.start_time), default=end
    )
    errors = list(_errors(report.get("events", ())))
    fields = {
        "start_time": _moment(min(start, end)),
        "end_time": _moment(end),
        "direction": "inbound" if "sip.ruleID" in line.attributes else "outbound",
        "language": _language(report.get("events", ())),
        "total_turns": len(turns),
        "user_turns": sum(turn.start_time is not None for turn in turns),
        "interruptions": sum(turn.interrupted for turn in turns),
        **means(turns),
        "usage": list(_usage(report.get("usage") or ())) or None,
        "errors": errors[:ERRORS_AT_MOST],
        "agent": report.get("agent_name") or None,
        "provider_call_id": line.attributes.get("sip.callID"),
        "metadata": {
            "job_id": report["job_id"],
            "room": report["room"],
            "tags": list(report.get("tags") or ()),
        },
        **_ending(report, line, spoken=bool(turns)),
    }
    return call_of(call_id, fields, about), turns


def _report_of(ctx: Any) -> dict[str, Any]:  # noqa: ANN401 (LiveKit's JobContext)
    """Return the report as a mapping; for a job that never had a session, one that says so."""
    if getattr(ctx, "_primary_agent_session", None) is None:
        now = datetime.now(UTC).timestamp()
        about = {"job_id": ctx.job.id, "room": ctx.job.room.name, "agent_name": ctx.job.agent_name}
        return about | {"timestamp": now, "started_at": ctx.job.room.creation_time or now}
    report = ctx.make_session_report()
    usage = [{**one.model_dump(), "type": one.type} for one in report.model_usage or ()]
    return {**report.to_dict(), "started_at": report.started_at, "usage": usage}


def _line_of(ctx: Any) -> Line:  # noqa: ANN401 (LiveKit's JobContext)
    line = _lines.get(ctx, Line())
    for participant in ctx.room.remote_participants.values():
        line.attributes.update(_sip(participant.attributes))
    return line


def _sip(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the SIP attributes that are not a person's number."""
    return {name: attributes[name] for name in ("sip.callID", "sip.ruleID") if name in attributes}


def _reason_name(reason: Any) -> str | None:  # noqa: ANN401 (an enum of LiveKit's, as a number)
    from livekit import rtc  # type: ignore[attr-defined,unused-ignore] # noqa: PLC0415 (an extra)

    return None if reason is None else str(rtc.DisconnectReason.Name(reason))


def _turns(items: Iterable[Mapping[str, Any]], call_id: str) -> Iterator[TurnMetrics]:
    """Return the turns, each from what the lead says to the agent's answer; the greeting is the first."""
    asked: list[Mapping[str, Any]] = []
    answers: list[Mapping[str, Any]] = []
    tools: list[Mapping[str, Any]] = []
    number = 1
    for item in items:
        if item.get("type") in {"function_call", "function_call_output"}:
            tools.append(item)
        if item.get("type") != "message" or item.get("role") not in {"user", "assistant"}:
            continue
        if item["role"] == "user" and answers:
            yield _turn(call_id, number, asked, answers, tools)
            number, asked, answers, tools = number + 1, [], [], []
        (asked if item["role"] == "user" else answers).append(item)
    if asked or answers:
        yield _turn(call_id, number, asked, answers, tools)


def _turn(
    call_id: str,
    number: int,
    asked: list[Mapping[str, Any]],
    answers: list[Mapping[str, Any]],
    tools: list[Mapping[str, Any]],
) -> TurnMetrics:
    first, last = (asked[0], asked[-1]) if asked else ({}, {})
    heard = last.get("metrics") or {}
    spoken = next((one["metrics"] for one in answers if "e2e_latency" in (one.get("metrics") or {})), None)
    if spoken is None:
        spoken = (answers[0].get("metrics") or {}) if answers else {}
    began = (first.get("metrics") or {}).get("started_speaking_at") or first.get("created_at")
    e2e_ms = _ms(spoken.get("e2e_latency"))
    turn_ms, asr_ms = _ms(heard.get("end_of_turn_delay")), _ms(heard.get("transcription_delay"))
    return TurnMetrics(
        call_id=call_id,
        turn=number,
        start_time=_moment(began) if began else None,
        end_of_turn_delay_ms=turn_ms,
        asr_ms=asr_ms,
        llm_ttft_ms=_ms(spoken.get("llm_node_ttft")),
        tts_ttfb_ms=_ms(spoken.get("tts_node_ttfb")),
        e2e_ms=e2e_ms,
        interrupted=any(one.get("interrupted") for one in answers),
        lead_speech_ms=_speech_ms(asked),
        agent_speech_ms=_speech_ms(answers),
        tool_calls=list(_tools(tools))[:MOST_TOOL_CALLS] or None,
        transcript=heard_words(_words(asked), _words(answers)),
        parts=wait_parts(_spans(heard, spoken, turn_ms, asr_ms), e2e_ms) if e2e_ms is not None else None,
    )


def _speech_ms(said: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the milliseconds from the first sound to the last, of messages that report both."""
    timed = [
        one["metrics"]
        for one in said
        if {"started_speaking_at", "stopped_speaking_at"} <= {*(one.get("metrics") or ())}
    ]
    return length_ms(timed[0]["started_speaking_at"], timed[-1]["stopped_speaking_at"]) if timed else None


def _words(said: Iterable[Mapping[str, Any]]) -> str:
    """Return what was said: the texts of each message, without images and audio."""
    return " ".join(text for one in said for text in one.get("content") or () if isinstance(text, str))


def _tools(items: Sequence[Mapping[str, Any]]) -> Iterator[ToolCall]:
    """Yield the functions that were called, each with its result if there is one."""
    results = {one.get("call_id"): one for one in items if one["type"] == "function_call_output"}
    for one in items:
        if one["type"] == "function_call" and one.get("name"):
            result, began = results.get(one.get("call_id"), {}), one.get("created_at")
            yield ToolCall(
                name=str(one["name"])[:128],
                ms=length_ms(began, result.get("created_at")),
                ok=not result.get("is_error"),
                at=_moment(began) if began else None,
            )


def _spans(
    heard: Mapping[str, Any], spoken: Mapping[str, Any], turn_ms: float | None, asr_ms: float | None
) -> list[Span]:
    """Return the parts of a wait; the transcript arrives within the time that end-of-turn detection takes."""
    transcribed = min(asr_ms, turn_ms) if asr_ms is not None and turn_ms is not None else asr_ms
    return [
        ("transcription", transcribed, "service"),
        ("turn_detection", None if turn_ms is None else turn_ms - (transcribed or 0), "setting"),
        ("turn_callback", _ms(heard.get("on_user_turn_completed_delay")), "agent"),
        ("llm_inference", _ms(spoken.get("llm_node_ttft")), "service"),
        ("speech_synthesis", _ms(spoken.get("tts_node_ttfb")), "service"),
        ("output_transport", _ms(spoken.get("playback_latency")), "network"),
    ]


def _usage(usage: Iterable[Mapping[str, Any]]) -> Iterator[ModelUsage]:
    for one in usage:
        kind = _USAGE.get(one["type"])
        if kind is None:  # detectors of turns and interruptions, which cost nothing
            continue
        kind = "realtime" if kind == "llm" and one.get("session_duration") else kind
        units = {ours: one[theirs] for theirs, ours in _UNITS.items() if one.get(theirs)}
        named = {name: one[name][:128] for name in ("provider", "model") if one.get(name)}
        with suppress(ValidationError):  # an impossible amount
            yield ModelUsage.model_validate({"kind": kind, **named, **units})


def _errors(events: Iterable[Mapping[str, Any]]) -> Iterator[CallError]:
    """Return the errors by type and time; their texts may quote keys and speech, so they are not kept."""
    for event in events:
        if event.get("type") == "error":
            error = event.get("error")
            kind = error.get("type") if isinstance(error, Mapping) else None
            type_ = _ERRORS.get(str(kind), "agent_error")
            fault = Fault.AGENT if type_ == "agent_error" else Fault.PROVIDER
            yield CallError(type=type_, fault=fault, at=_moment(event["created_at"]))


def _language(events: Iterable[Mapping[str, Any]]) -> str:
    heard = [str(one["language"]) for one in events if one.get("is_final") and one.get("language")]
    return max(heard, key=heard.count) if heard else "unknown"


def _ending(report: Mapping[str, Any], line: Line, *, spoken: bool) -> dict[str, Any]:
    """Return status, ending and who hung up."""
    left = _LEFT.get(line.left or "")
    if left:
        return {"status": ENDINGS[left].status, "end_reason": left}
    closes = [one for one in report.get("events", ()) if one.get("type") == "close"]
    if not closes:
        lost = {"status": "failed", "end_reason": "platform_error"}
        return lost if spoken else {"status": "no_answer", "end_reason": "no_answer"}
    reason = str(getattr(closes[-1]["reason"], "value", closes[-1]["reason"]))
    ending, by = CLOSED.get(reason, ("unknown", None))
    status = ENDINGS[ending].status
    if ending == "cancelled" and spoken:
        status = "completed"
    return {"status": status, "end_reason": ending, "end_reason_raw": reason, "hangup_by": by}


def _json_object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _as_mapping(userdata: object) -> dict[str, Any]:
    if isinstance(userdata, BaseModel):
        return userdata.model_dump()
    if is_dataclass(userdata) and not isinstance(userdata, type):
        return {name: getattr(userdata, name) for name in userdata.__dataclass_fields__}
    return dict(userdata) if isinstance(userdata, Mapping) else {}


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _ms(seconds: float | None) -> float | None:
    return round(seconds * 1_000, 3) if seconds is not None and 0 <= seconds <= _LONGEST_WAIT else None
