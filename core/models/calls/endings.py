"""How calls end: one list for all sources, whose fault each ending is, and common words for them.

The source's own words are kept as well, as ``end_reason_raw``. The words of each platform and carrier are in
its adapter; here are those that an agent's own code is likely to use.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Status = Literal["completed", "failed", "no_answer"]


@dataclass(frozen=True)
class Ending:
    """One way for a call to end: how it is shown, whose fault it is, the status it usually means."""

    label: str
    fault: str | None = None
    status: Status = "completed"


ENDINGS: dict[str, Ending] = {
    "customer_hung_up": Ending("The lead hung up"),
    "agent_goodbye": Ending("The agent said goodbye"),
    "transferred": Ending("Handed over to a person"),
    "voicemail": Ending("Voicemail", status="no_answer"),
    "ivr": Ending("Answered by a machine", status="no_answer"),
    "no_answer": Ending("Rang out", "customer", "no_answer"),
    "busy": Ending("Busy", "customer", "no_answer"),
    "declined": Ending("Declined", "customer", "no_answer"),
    "silence": Ending("Silence", "customer"),
    "max_duration": Ending("Longest duration reached", "agent"),
    "invalid_number": Ending("Invalid number", "agent", "failed"),
    "spam_blocked": Ending("Blocked as spam", "carrier", "failed"),
    "carrier_failed": Ending("The carrier failed", "carrier", "failed"),
    "no_audio": Ending("No audio from the lead", "carrier", "failed"),
    "provider_error": Ending("A provider failed", "provider", "failed"),
    "platform_error": Ending("The platform failed", "provider", "failed"),
    "limit_or_payment": Ending("Limit reached or payment due", "agent", "failed"),
    "configuration": Ending("Misconfigured", "agent", "failed"),
    "cancelled": Ending("Cancelled", status="no_answer"),
    "lost": Ending("Lost without a sign of life", "agent", "failed"),
    "unknown": Ending("Unknown"),
}

_WORDS: dict[str, tuple[str, ...]] = {
    "customer_hung_up": (
        "hung_up",
        "user_hangup",
        "customer_hangup",
        "lead_hung_up",
        "caller_hangup",
        "hangup",
    ),
    "agent_goodbye": ("agent_hangup", "goodbye", "completed", "end_call", "bot_hangup", "agent_hung_up"),
    "transferred": ("transfer", "handoff", "call_transfer", "forwarded"),
    "voicemail": ("voice_mail", "answering_machine", "machine", "voicemail_reached", "voicemail_detected"),
    "no_answer": ("rang_out", "noanswer", "unanswered", "not_answered", "dial_no_answer", "timeout_ringing"),
    "busy": ("user_busy", "dial_busy", "line_busy"),
    "declined": ("rejected", "call_rejected", "user_declined"),
    "silence": ("silence_timeout", "inactivity", "idle", "idle_timeout"),
    "max_duration": ("max_duration_reached", "exceeded_max_duration", "time_limit"),
    "invalid_number": ("invalid_destination", "wrong_number", "unallocated_number"),
    "spam_blocked": ("marked_as_spam", "spam"),
    "carrier_failed": ("carrier_error", "dial_failed", "network_error", "telephony_error"),
    "provider_error": ("asr_error", "llm_error", "tts_error", "service_error"),
    "platform_error": ("agent_error", "internal_error", "error"),
    "cancelled": ("canceled", "stopped", "manually_cancelled", "aborted"),
}
_ENDING_OF = MappingProxyType({word: name for name, words in _WORDS.items() for word in words})


def ending_of(raw: str) -> str:
    """Return the ending a word stands for, in any case, with spaces or hyphens; else ``unknown``."""
    if raw in ENDINGS:
        return raw
    word = "_".join(raw.lower().replace("-", " ").replace("_", " ").split())
    return word if word in ENDINGS else _ENDING_OF.get(word, "unknown")


def words_for(ending: str) -> tuple[str, ...]:
    """Return an ending and its synonyms, as calls recorded before this list existed have them."""
    return (ending, *_WORDS.get(ending, ()))
