"""``POST /v1/traces``: spans of voice frameworks, as any OpenTelemetry exporter or collector sends them."""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import cast

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from core.adapters.otlp.conversation import read_conversation
from core.adapters.otlp.gathering import Conversations
from core.adapters.otlp.spans import Span, UnreadableSpansError, read_json, read_protobuf
from core.api.gate import TRACES
from core.api.security import require_writing_key
from core.logging_config import get_logger
from core.services.metrics_service import MetricsService

logger = get_logger("api")
MOST_BYTES = 10_000_000
"""Of a body, packed and unpacked."""
BODY_SECONDS = 30.0
AT_ONCE = 4
"""Bodies that are held at the same time; the others wait."""
MAY_SEND = require_writing_key
"""Who may send spans."""
PROTOBUF, JSON = "application/x-protobuf", "application/json"
_NO_PROTOBUF = "protobuf needs the extra otlp (pip install voice-agent-monitoring[otlp]); or send http/json"
_BODY = {"required": True, "content": {kind: {"schema": {"type": "object"}} for kind in (JSON, PROTOBUF)}}

router = APIRouter(tags=["otlp"], dependencies=[Depends(MAY_SEND)])


class Gathering:
    """What an application holds of spans: those of conversations under way, and places for bodies."""

    def __init__(self) -> None:
        self.conversations = Conversations()
        self.places = asyncio.Semaphore(AT_ONCE)


@router.post(TRACES, openapi_extra={"requestBody": _BODY})
async def traces(request: Request) -> Response:
    """Take spans, in JSON or protobuf, packed by gzip or not. Answers once what they say is durable.

    Spans that cannot be used are counted in ``partialSuccess``; those of no conversation are left alone.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {PROTOBUF, JSON}:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {PROTOBUF} or {JSON}")
    gathering = cast("Gathering", request.app.state.spans)
    async with gathering.places:
        spans, rejected = _spans(await _body(request), kind)
        await _record(gathering.conversations.add(spans))
    return _answer(kind, rejected)


def _spans(body: bytes, kind: str) -> tuple[list[Span], int]:
    try:
        return read_json(body) if kind == JSON else read_protobuf(body)
    except ImportError:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _NO_PROTOBUF) from None
    except UnreadableSpansError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None


async def _record(conversations: Mapping[str, Sequence[Span]]) -> None:
    service = MetricsService()
    for call_id, known in conversations.items():
        report, turns = read_conversation(call_id, known)
        await asyncio.gather(*map(service.record_turn, turns), service.record_call_report(report))


async def _body(request: Request) -> bytes:
    """Read a body within bounds, and unpack it.

    Raises:
        HTTPException: 413 where it is too long, 408 where it takes too long, 400 where it does not come whole
            or is not packed as it says, 415 where it is packed otherwise.
    """
    packing = request.headers.get("content-encoding", "identity").lower()
    if packing not in {"identity", "gzip"}:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body packed by gzip, or unpacked")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise _too_long()
    except TimeoutError:
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time") from None
    except ClientDisconnect:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body did not come whole") from None
    return _unpacked(bytes(body)) if packing == "gzip" else bytes(body)


def _unpacked(body: bytes) -> bytes:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = unpacking.decompress(body, MOST_BYTES + 1)
    except zlib.error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body is not packed by gzip") from None
    if len(content) > MOST_BYTES:
        raise _too_long()
    if not unpacking.eof:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body did not come whole")
    return content


def _too_long() -> HTTPException:
    detail = f"the body is longer than {MOST_BYTES // 1_000_000} MB"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def _answer(kind: str, rejected: int) -> Response:
    text = f"{rejected} spans have no ids or no usable times" if rejected else ""
    if rejected:
        logger.warning("Spans refused", extra={"spans": rejected})
    if kind == JSON:
        partial = {"rejectedSpans": str(rejected), "errorMessage": text}
        return JSONResponse({"partialSuccess": partial} if rejected else {})
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415 (an extra)

    answer = trace_service_pb2.ExportTraceServiceResponse()
    if rejected:
        answer.partial_success.rejected_spans = rejected
        answer.partial_success.error_message = text
    return Response(answer.SerializeToString(), media_type=PROTOBUF)
