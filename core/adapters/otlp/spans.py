"""Read the spans of an OTLP request, in JSON or protobuf.

Anything said in a call is dropped here, but for the words of both speakers where RECORD_TRANSCRIPTS is on.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.adapters.foreign_json import whole_characters
from core.clock import FIRST_YEAR, LAST_YEAR
from core.settings import get_settings

MOST_ATTRIBUTES = 200
MOST_NUMBER = 1e15
"""Largest number accepted in an attribute: larger than any time, amount or count; also excludes NaN."""
MOST_VALUES = 500_000
"""Most commas and brackets in a JSON request; what they turn into takes many times the memory."""
MOST_TEXT = 4_096
"""Longest text accepted in an attribute; none that is read is this long."""
_SAID = (
    ".pii.",
    "gen_ai.input",
    "gen_ai.output",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.system_instructions",
)
_WORDS = frozenset(
    {
        *("transcript", "text"),  # Pipecat's stt and tts spans
        *("lk.pii.user_transcript", "lk.pii.response.text", "lk.user_transcript", "lk.response.text"),
    }
)
"""Attributes with the words of one speaker; prompts and messages repeat them, and are never read."""
_SAID_WHOLE = _WORDS | {
    *("text_output", "input", "output", "messages", "tools", "user_id"),
    *("lk.user_input", "lk.input_text", "lk.chat_ctx", "lk.instructions", "lk.function_tool.arguments"),
    "lk.function_tool.output",
}
"""Attributes that contain what was said, or who said it; LiveKit has marked its own with ``.pii.`` since."""
MOST_WORDS = 2_000
"""Longest text kept of what is said in one span, in characters."""
_FAILED = {2, "STATUS_CODE_ERROR"}
Attributes = Mapping[str, str | float | int | bool]


class UnreadableSpansError(ValueError):
    """A request that is not OTLP; the text says why."""


@dataclass(frozen=True)
class Span:
    """What is kept of a span. Times are in seconds since 1970, ids as received."""

    trace: str
    id: str
    parent: str
    name: str
    start: float
    end: float
    attributes: Attributes = field(default_factory=dict)
    failed: bool = False
    words: str = ""
    """What one speaker said in it; "" unless RECORD_TRANSCRIPTS is on."""

    def number(self, *names: str) -> float | None:
        """Return the first of these attributes that is a number of 0 or more."""
        amounts = (as_amount(self.attributes.get(name)) for name in names)
        return next((amount for amount in amounts if amount is not None), None)

    def text(self, *names: str) -> str | None:
        """Return the first of these attributes that is a text, and not blank."""
        found = (self.attributes.get(name) for name in names)
        return next((value[:256] for value in found if isinstance(value, str) and value[:32].strip()), None)


def as_amount(value: object) -> float | None:
    """Return a value if it is a number of 0 or more, as large as any can be."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_NUMBER:
        return value
    return None


def moment(at: float) -> datetime:
    """Return seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(at, UTC)


def read_json(body: bytes) -> tuple[list[Span], int]:
    """Return the spans of a JSON request, and how many more cannot be used.

    Raises:
        UnreadableSpansError: it is not OTLP.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise UnreadableSpansError(f"the body has more than {MOST_VALUES:,} values; send fewer spans at once")
    try:
        content = json.loads(whole_characters(body).decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        raise UnreadableSpansError("the body is not JSON") from None
    if not isinstance(content, dict):
        raise UnreadableSpansError("the body is not a JSON object")
    groups = content.get("resourceSpans")
    if not isinstance(groups, list | None):
        raise UnreadableSpansError("resourceSpans is not an array")
    return _usable(_json_spans(groups or ()))


def read_protobuf(body: bytes) -> tuple[list[Span], int]:
    """Return the spans of a protobuf request, and how many more cannot be used.

    Raises:
        ImportError: the extra ``otlp`` is not installed.
        UnreadableSpansError: it is not OTLP.
    """
    from google.protobuf.message import DecodeError  # noqa: PLC0415 (an extra)
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415 (an extra)

    request = trace_service_pb2.ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise UnreadableSpansError("the body is not an ExportTraceServiceRequest") from None
    return _usable(
        _protobuf_span(span)
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    )


def _usable(spans: Iterable[Span | None]) -> tuple[list[Span], int]:
    found = list(spans)
    good = [span for span in found if span is not None and span.trace and span.id and _in_time(span)]
    return good, len(found) - len(good)


def _in_time(span: Span) -> bool:
    try:
        years = moment(span.start).year, moment(span.end).year
    except (ValueError, OverflowError, OSError):
        return False
    return span.end >= span.start and years[0] > FIRST_YEAR and years[1] <= LAST_YEAR


def _json_spans(groups: Iterable[Any]) -> Iterator[Span | None]:
    for group in groups:
        for scope in _list(group, "scopeSpans"):
            for span in _list(scope, "spans"):
                try:
                    yield _json_span(span)
                except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
                    yield None


def _list(value: Any, name: str) -> list[Any]:  # noqa: ANN401 (foreign data)
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _json_span(span: Mapping[str, Any]) -> Span:
    values = [(one["key"], _json_value(one.get("value") or {})) for one in _list(span, "attributes")]
    return Span(
        trace=str(span["traceId"]),
        id=str(span["spanId"]),
        parent=str(span.get("parentSpanId") or ""),
        name=str(span.get("name", ""))[:128],
        start=int(span["startTimeUnixNano"]) / 1e9,
        end=int(span["endTimeUnixNano"]) / 1e9,
        attributes=_kept(values),
        failed=(span.get("status") or {}).get("code") in _FAILED,
        words=_words(values),
    )


def _json_value(value: Mapping[str, Any]) -> object:
    if "intValue" in value:
        return int(value["intValue"])
    return next((value[kind] for kind in ("stringValue", "doubleValue", "boolValue") if kind in value), None)


def _protobuf_span(span: Any) -> Span:  # noqa: ANN401 (an extra's)
    values = [
        (one.key, getattr(one.value, one.value.WhichOneof("value") or "", None)) for one in span.attributes
    ]
    return Span(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name[:128],
        start=span.start_time_unix_nano / 1e9,
        end=span.end_time_unix_nano / 1e9,
        attributes=_kept(values),
        failed=span.status.code in _FAILED,
        words=_words(values),
    )


def _kept(attributes: Iterable[tuple[str, object]]) -> Attributes:
    """Return the plain attributes, without those that contain what was said."""
    kept: dict[str, str | float | int | bool] = {}
    for name, value in attributes:
        said = name in _SAID_WHOLE or any(part in name for part in _SAID)
        plain = isinstance(value, str | int | float) and not (
            isinstance(value, str) and len(value) > MOST_TEXT
        )
        if plain and not said and len(kept) < MOST_ATTRIBUTES:
            kept[name] = value  # type: ignore[assignment]
    return kept


def _words(attributes: Iterable[tuple[str, object]]) -> str:
    """Return what one speaker said in a span; nothing unless RECORD_TRANSCRIPTS is on."""
    if not get_settings().record_transcripts:
        return ""
    said = (value for name, value in attributes if name in _WORDS and isinstance(value, str))
    return next((words[:MOST_WORDS] for words in said if words), "")
