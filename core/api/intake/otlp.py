"""``POST /v1/traces``: spans of voice frameworks, as any OpenTelemetry exporter or collector sends them."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from core.adapters.otlp.conversation import read_conversation
from core.adapters.otlp.gathering import MOST_OF_ONE
from core.adapters.otlp.spans import Span, UnreadableSpansError, read_json, read_protobuf
from core.api.intake.bodies import REFUSALS, TRACES, Bodies
from core.api.problems import refusals
from core.api.security import require_sending_key
from core.logging_config import get_logger
from core.services.metrics_service import MetricsService

if TYPE_CHECKING:
    from core.adapters.otlp.gathering import Conversations

logger = get_logger("api")
PROTOBUF, JSON = "application/x-protobuf", "application/json"
NEEDS_PROTOBUF = (
    'protobuf needs the extra otlp (pip install "opentelemetry-proto>=1.30,<2"); or send http/json'
)
_EXPORT = {"type": "object", "properties": {"resourceSpans": {"type": ["array", "null"]}}}
_BODY = {"required": True, "content": {JSON: {"schema": _EXPORT}, PROTOBUF: {}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Durable, but for the spans that it counts", "content": {JSON: {}, PROTOBUF: {}}},
    **refusals(401, 429, *REFUSALS),
}

router = APIRouter(tags=["otlp"], dependencies=[Depends(require_sending_key)])


@router.post(TRACES, responses=_ANSWERS, openapi_extra={"requestBody": _BODY})
async def traces(request: Request) -> Response:
    """Accept spans, in JSON or protobuf, with or without gzip. Answers once their content is durable.

    Spans that cannot be used are counted in ``partialSuccess``, which also names facts that no call can have;
    spans that belong to no conversation are ignored.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {PROTOBUF, JSON}:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {PROTOBUF} or {JSON}")
    bodies = cast("Bodies", request.app.state.bodies)
    conversations = cast("Conversations", request.app.state.conversations)
    async with bodies.read(request, packed=True) as body:
        spans, rejected = _spans(body, kind)
        before = conversations.dropped
        gathered = conversations.add(spans)
        dropped = conversations.dropped - before
        unread, refused = await _record(gathered)
    return _answer(kind, rejected + unread, dropped, refused)


def _spans(body: bytes, kind: str) -> tuple[list[Span], int]:
    try:
        return read_json(body) if kind == JSON else read_protobuf(body)
    except ImportError:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, NEEDS_PROTOBUF) from None
    except UnreadableSpansError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None


async def _record(conversations: Mapping[str, Sequence[Span]]) -> tuple[int, dict[str, str]]:
    """Record what conversations say.

    Return the number of spans of those that make no call, and the reasons for facts that were left out.
    """
    service, rejected, refused = MetricsService(), 0, dict[str, str]()
    for call_id, known in conversations.items():
        try:
            said = read_conversation(call_id, known)
        # concerns only one conversation
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            logger.warning("Conversation not readable", extra={"reason": type(error).__name__})
            rejected += len(known)
            continue
        refused |= said.refused
        await asyncio.gather(*map(service.record_turn, said.turns), service.record_call_report(said.report))
    return rejected, refused


def _answer(kind: str, rejected: int, dropped: int, refused: Mapping[str, str]) -> Response:
    told = [f"{rejected} spans have no ids, or no usable times or values"] if rejected else []
    if dropped:
        told.append(f"{dropped} spans are beyond the {MOST_OF_ONE:,} that are kept of one conversation")
    # The reasons are ours: they say what a field takes, and nothing of the value.
    told += [f"left out {name}: {reason}" for name, reason in sorted(refused.items())]
    rejected, text = rejected + dropped, "; ".join(told)
    if text:
        logger.warning("Spans refused in part", extra={"spans": rejected, "reason": text})
    if kind == JSON:
        partial = {"rejectedSpans": str(rejected), "errorMessage": text}
        return JSONResponse({"partialSuccess": partial} if text else {})
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415 (an extra)

    answer = trace_service_pb2.ExportTraceServiceResponse()
    if text:
        answer.partial_success.rejected_spans = rejected
        answer.partial_success.error_message = text
    return Response(answer.SerializeToString(), media_type=PROTOBUF)
