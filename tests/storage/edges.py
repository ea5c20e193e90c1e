"""Records at every edge that the models accept: what is refused when it is made is none."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from core.models.calls.endings import ENDINGS
from core.models.calls.parts import Fault, HangupBy
from core.models.definitions import CostPart
from core.models.metrics import CallMetrics, CallStatus, Direction
from core.models.values import MOST_RUPEES

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 12, 31, 18, 29, 59, 999_000, tzinfo=UTC)
"""The last moment is one of the year 2200 in TIMEZONE too, so that its day can be asked for."""
_ODD = [
    "$x",
    "a.b",
    "$",
    ".",
    "$set.x",
    "_id",
    "\0",
    "a\0b",
    "\ud800",
    "=1+1",
    '"',
    "\r",
    "\n",
    "\u202e",
    "😀" * 8,
]
WORDS = st.one_of(st.text(max_size=12), st.sampled_from(_ODD))
_COUNTS = st.one_of(
    st.sampled_from([0, 1, 1_000_000, 2**31, 2**53, 2**53 + 1, 2**63 - 1]), st.integers(0, 50)
)
_TOTALS = st.sampled_from([0, 1, 2**31, 2**53, 2**53 + 1, 2**63])
_MILLISECONDS = st.one_of(st.sampled_from([0.0, 5e-324, 1e-9, 3_600_000.0, float("inf")]), st.floats(0, 1e5))
_SECONDS = st.one_of(st.sampled_from([0.0, 5e-324, 0.001, 604_800.0]), st.floats(0, 1e4))
_RUPEES = st.one_of(st.sampled_from([0.0, 5e-324, MOST_RUPEES]), st.floats(0, MOST_RUPEES))
_MOMENTS = st.one_of(
    st.sampled_from(
        [FIRST, FIRST + timedelta(milliseconds=1), LAST, datetime(2024, 2, 29, 18, 30, tzinfo=UTC)]
    ),
    st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)),
    st.just(datetime(2024, 10, 27, 1, 30, tzinfo=timezone(timedelta(hours=14)))),
)
_METADATA = st.dictionaries(
    st.one_of(WORDS, st.just("")),
    st.recursive(
        st.one_of(
            st.none(), st.booleans(), WORDS, st.floats(), st.sampled_from([2**63, 2**64 - 1, -(2**63)])
        ),
        lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS, inner, max_size=2)),
        max_leaves=4,
    ),
    max_size=3,
)


def _text(longest: int) -> st.SearchStrategy[str]:
    """Short texts, odd ones, and one that is just as long as it may be."""
    return st.one_of(WORDS, st.sampled_from(["x" * longest, "\N{DEVANAGARI LETTER A}" * longest]))


def _perhaps(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


_ERRORS = st.lists(
    st.one_of(
        _text(160), st.fixed_dictionaries({"type": _text(160), "fault": _perhaps(st.sampled_from(Fault))})
    ),
    max_size=3,
)
_COST = st.dictionaries(st.sampled_from(list(CostPart.__args__)), _perhaps(_RUPEES))  # type: ignore[attr-defined]  # a Literal has them
_USAGE = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["llm", "asr", "tts", "realtime"])},
        optional={
            "model": _text(128),
            "input_tokens": _TOTALS,
            "characters": _TOTALS,
            "audio_seconds": _SECONDS,
        },
    ),
    max_size=2,
)
_OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "lead_id": _text(256),
    "duration_seconds": _SECONDS,
    "ring_seconds": _SECONDS,
    "talk_seconds": _SECONDS,
    "language": st.one_of(_text(32), st.sampled_from(["hindi", "hi-IN", "HINDI", "hinglish"])),
    **dict.fromkeys(("asr_latency_ms", "llm_latency_ms", "tts_latency_ms", "e2e_latency_ms"), _MILLISECONDS),
    **dict.fromkeys(
        ("total_turns", "user_turns", "interruptions", "agent_interruptions", "attempt"), _COUNTS
    ),
    "qualification_completed": st.booleans(),
    "qualification": _text(64),
    "qualification_seconds": _SECONDS,
    "handoff_triggered": st.booleans(),
    "handoff_answered_at": _MOMENTS,
    "handoff_wait_seconds": _SECONDS,
    "sentiment_score": st.one_of(st.sampled_from([-1, -0.25, 0, 0.25, 1]), st.floats(-1, 1)),
    "errors": _ERRORS,
    "end_reason": st.one_of(st.sampled_from(list(ENDINGS)), _text(64)),
    "hangup_by": st.sampled_from(HangupBy),
    "fault": st.sampled_from(Fault),
    "cost": _COST,
    "usage": _USAGE,
    **dict.fromkeys(("campaign", "agent"), _text(128)),
    **dict.fromkeys(("purpose", "agent_version"), _text(64)),
    "provider_call_id": _text(256),
    "telephony": st.fixed_dictionaries({}, optional={"provider": _text(128), "number_series": _text(16)}),
    "compliance": st.fixed_dictionaries({}, optional={"consent_id": _text(128), "dnd_checked_at": _MOMENTS}),
    "silences": st.lists(
        st.fixed_dictionaries({"by": st.sampled_from(["customer", "agent"]), "seconds": _SECONDS}), max_size=2
    ),
    "metadata": _METADATA,
}
_FIELDS = st.fixed_dictionaries(
    {
        "call_id": _text(256),
        "start_time": _MOMENTS,
        "status": st.sampled_from(CallStatus),
        "direction": st.sampled_from(Direction),
    },
    optional={name: _perhaps(values) for name, values in _OPTIONAL.items()},
)
REFUSABLE = frozenset(_OPTIONAL)


def accepted(fields: dict[str, Any]) -> CallMetrics | None:
    """The call of these fields, without each one that the model refuses; None where none is left."""
    for _ in range(len(fields) + 1):
        try:
            return CallMetrics.model_validate(fields)
        except ValidationError as error:
            refused = set(_refused(error))
            if not refused & fields.keys() or refused - REFUSABLE:
                return None
            fields = {name: value for name, value in fields.items() if name not in refused}
    return None


def _refused(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_input=False, include_context=False):
        yield str(*problem["loc"][:1]) or "duration_seconds"


def calls(most: int) -> st.SearchStrategy[list[CallMetrics]]:
    """Calls that the model accepts, each with an id of its own."""
    made = st.lists(_FIELDS.map(accepted).filter(lambda call: call is not None), min_size=1, max_size=most)
    return made.map(lambda found: list({call.call_id: call for call in found if call is not None}.values()))
