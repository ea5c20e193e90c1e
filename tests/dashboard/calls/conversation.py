"""A sample conversation: a lead who changes language, is interrupted, waits, and hangs up in silence."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

from core.models.calls.transcripts import as_transcript
from core.models.metrics import TurnMetrics, WaitPart
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests.dashboard.conftest import make_call

KEY = f"one:{base64.b64encode(bytes(range(32))).decode()}"
"""For ENCRYPTION_KEYS, without which no transcript is stored."""
CALL, LEAD = "call_7001", "lead_42"
SPOKEN = "nine eight seven six five four three two one zero"
START = datetime(2026, 11, 24, 6, 40, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_SAID = (
    ("Haan boliye, kaun?", "Namaste, main Asha bol rahi hoon, Sun Loans se. Kya abhi baat ho sakti hai?"),
    ("Haan, jaldi batao. Home loan chahiye tha.", "Zaroor. Aapki monthly income kitni hai?"),
    ("Around eighty thousand. My number is " + SPOKEN, "Thank you. Salaried hain ya self-employed?"),
    ("Salaried. <b>Can we speak English?</b>", "Of course. Which city is the property in?"),
    ("Pune. What rate do you offer?", "Let me look that up for you. It starts at 8.4 per cent."),
    ("Okay, send it to me at ravi dot k at gmail dot com", None),
)
_LANGUAGES = (*["hinglish"] * 3, *["english"] * 3)


def turns_said() -> list[TurnMetrics]:
    """Return six turns; one reports parts longer than its wait, one has only stages."""
    found = []
    for index, (lead, agent) in enumerate(_SAID):
        waited = 900.0 + 150 * index
        fields: dict[str, Any] = {
            "call_id": CALL,
            "turn": index + 1,
            "start_time": START + (6 + 12 * index) * _SECOND,
            "language": _LANGUAGES[index],
            "reply_language": "hinglish" if index == 3 else _LANGUAGES[index],
            "asr_ms": 280,
            "llm_ttft_ms": waited - 400,
            "tts_ttfb_ms": 190,
            "e2e_ms": None if agent is None else waited,
            "lead_speech_ms": 1_800 + 240 * index,
            "agent_speech_ms": None if agent is None else 4_200,
            "interrupted": index == 1,
            "transcript": as_transcript(lead, agent),
        }
        if index not in {0, 5}:
            fields["parts"] = [
                WaitPart(key="endpointing_wait", ms=150, owner="setting"),
                WaitPart(key="transcription", ms=60 if index != 2 else 90, owner="service"),
                WaitPart(key="llm_inference", ms=waited - 440, owner="service"),
                WaitPart(key="speech_synthesis", ms=190, owner="service"),
                WaitPart(key="output_transport", ms=40, owner="network"),
            ]
        if index == 4:
            fields["tool_calls"] = [
                {"name": "rate_lookup", "ms": 420, "at": START + 57.5 * _SECOND},
                {"name": "crm_update", "ms": 5_000, "ok": False},
            ]
        found.append(TurnMetrics(**fields))
    return found


def record_conversation(database: Database[Document], **fields: Any) -> None:
    """Store the call, its turns, and a log line or two per turn."""
    call = make_call(
        7001,
        START,
        **{
            "lead_id": LEAD,
            "answered_at": START + 4 * _SECOND,
            "duration_seconds": 78,
            "end_reason": "customer_hung_up",
            "hangup_by": "customer",
            "total_turns": 6,
            "attempt": 2,
            "campaign": "home-loan",
            "silences": [
                {"by": "agent", "seconds": 4.6, "turn": 6, "ended_call": True},
                {"by": "customer", "seconds": 2.4, "turn": 3, "at": START + 45 * _SECOND},
            ],
            "links": {"recording": "https://rec.example/7001", "trace": "https://trace.example/7001?x=<b>"},
            "cost": {"llm": 1.4, "telephony": 0.8},
        }
        | fields,
    )
    write(database, [Record.now(call), *map(Record.now, turns_said())], fresh=True)
    database["logs"].insert_many(list(_lines()))


def _lines() -> list[Document]:
    said = [{"call_id": CALL, "timestamp": START, "level": "INFO", "message": "Call started"}]
    for turn in turns_said():
        at = turn.start_time or START
        about = {"call_id": CALL, "component": "speech"}
        said.append(about | {"timestamp": at + 3 * _SECOND, "level": "DEBUG", "message": "Turn answered"})
        if turn.interrupted:
            cut = {"turn": turn.turn, "level": "WARNING", "message": "Lead cut the agent short"}
            said.append(about | cut | {"timestamp": at + 9 * _SECOND})
    end = {"timestamp": START + 82 * _SECOND, "level": "ERROR", "message": "<b>crm</b> timed out"}
    return [*said, {"call_id": CALL} | end]
