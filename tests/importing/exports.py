# ruff: noqa: E501 (a row of an export is one line)
"""Small made-up exports, as the systems for which mappings ship write them."""

import gzip
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Export:
    """A file, and what its calls are by the mapping that ships: id, status, direction, seconds, reason."""

    name: str
    data: bytes
    calls: tuple[tuple[str, str, str, float | None, str | None], ...]
    rejected: int = 0


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


def _vapi() -> list[dict[str, Any]]:
    call = {"type": "outboundPhoneCall", "status": "ended", "createdAt": "2024-11-05T09:29:50.000Z"}
    times = {"startedAt": "2024-11-05T09:30:00.250Z", "endedAt": "2024-11-05T09:31:40.250Z"}
    metrics = {
        "turnLatencies": [{"turnLatency": 700}, {"turnLatency": 900}],
        "turnLatencyAverage": 800.5, "modelLatencyAverage": 410, "voiceLatencyAverage": 120,
        "transcriberLatencyAverage": 95, "numAssistantInterrupted": 2,
    }  # fmt: skip
    return [
        {"id": "v1", **call, **times, "endedReason": "customer-ended-call", "assistantId": "a1", "costBreakdown": {"stt": 0.01, "llm": 0.02, "vapi": 0.05}}
        | {"artifact": {"performanceMetrics": metrics}, "customer": {"number": "+919876500001"}},
        {"id": "v2", **call, "endedAt": "2024-11-05T09:30:20Z", "endedReason": "customer-did-not-answer"},
        {"id": "v3", **call, **times, "endedReason": "call.in-progress.error-providerfault-outbound-sip-408-request-timeout"},
        {"id": "v4", **call, **times, "type": "webCall", "endedReason": "assistant-forwarded-call"},
        {"id": "v5", **call, "status": "in-progress"},
    ]  # fmt: skip


def _retell() -> dict[str, Any]:
    call = {"call_status": "ended", "start_timestamp": 1_730_799_000_000, "end_timestamp": 1_730_799_100_000}
    latency = {"e2e": {"p50": 800, "values": [700, 900]}, "llm": {"values": [400]}, "asr": {"values": []}}
    items = [
        {"call_id": "r1", **call, "direction": "outbound", "disconnection_reason": "user_hangup", "latency": latency}
        | {"call_analysis": {"user_sentiment": "Positive", "call_successful": True}, "agent_id": "a"}
        | {"call_cost": {"combined_cost": 7.5}},
        {"call_id": "r2", **call, "direction": "outbound", "disconnection_reason": "dial_no_answer"},
        {"call_id": "r3", **call, "call_type": "web_call", "disconnection_reason": "error_llm_websocket_open"},
        {"call_id": "r4", "call_status": "ongoing", "start_timestamp": 1_730_799_000_000},
    ]  # fmt: skip
    return {"items": items, "pagination_key": "k"}


def _bolna() -> dict[str, Any]:
    call = {"agent_id": "a", "batch_id": "b1", "created_at": "2024-11-05T09:30:00Z"}
    phone = {
        "call_type": "outbound",
        "hangup_by": "Callee",
        "hangup_reason": "Normal Hangup",
        "to_number": "+91",
    }
    latency = {
        "transcriber": {"turns": [{"turn_latency": [{"audio_to_text_latency": 20}, {"audio_to_text_latency": 40}]}]},
        "llm": {"turns": [{"time_to_first_token": 300}, {"time_to_first_token": 500}]},
        "synthesizer": {"turns": [{"time_to_first_token": 110}]},
    }  # fmt: skip
    data = [
        {"id": "b1", **call, "status": "completed", "conversation_duration": 42.5, "telephony_data": phone}
        | {"latency_data": latency, "cost_breakdown": {"llm": 4.2, "network": 1.2}, "answered_by_voice_mail": False},
        {"id": "b2", **call, "status": "no-answer", "conversation_duration": 0, "telephony_data": phone},
        {"id": "b3", **call, "status": "balance-low", "telephony_data": None},
        {"id": "b4", **call, "status": "ringing"},
    ]  # fmt: skip
    return {"data": data, "page_number": 1, "has_more": False}


_TWILIO = [
    {"sid": "CA1", "status": "completed", "direction": "outbound-api", "start_time": "2024-11-05T09:30:00Z"}
    | {"end_time": "2024-11-05T09:31:40Z", "price": "-0.0140", "price_unit": "USD", "answered_by": "human"},
    {"sid": "CA2", "status": "no-answer", "direction": "outbound-api", "start_time": None, "end_time": None}
    | {"date_created": "2024-11-05T09:40:00Z", "answered_by": None},
    {"sid": "CA3", "status": "completed", "direction": "inbound", "start_time": "2024-11-05T09:50:00Z"}
    | {"end_time": "2024-11-05T09:50:10Z", "answered_by": "machine_start"},
    {"sid": "CA4", "status": "ringing", "direction": "inbound", "date_created": "2024-11-05T09:50:00Z"},
]
_PLIVO = """Call UUID,Parent call UUID,From number,To number,Call direction,End time,Initiation time,Answer time,\
Call duration,Billed duration,Call rate,Billed amount,Hangup cause,Hangup cause code,Hangup source,Call leg,\
Subaccount Auth ID,Call type,To country ISO,From country ISO,Billing prefix
p1,,911140001234,919876500001,outbound,2024-11-05 09:31:40,2024-11-05 09:30:00,2024-11-05 09:30:10,90,120,0.01,\
0.02,Normal Hangup,4000,Callee,aleg,,global,IN,IN,91
p2,,911140001234,919876500002,Outbound,2024-11-05 09:40:30,2024-11-05 09:40:00,,0,0,0.01,0,Busy Line,3010,Carrier,\
aleg,,global,IN,IN,91
p3,,919876500003,911140001234,inbound,2024-11-05 09:50:01,2024-11-05 09:50:00,,0,0,0.01,0,Error,5010,Error,\
aleg,,global,IN,IN,91
"""
_ASTERISK = '''"","911140001234","919876500001","default","""Desk"" <911140001234>","PJSIP/a-1","PJSIP/t-2","Dial",\
"PJSIP/x","2024-11-05 09:30:00","2024-11-05 09:30:04","2024-11-05 09:31:00",60,56,"ANSWERED","DOCUMENTATION","1.41",""
"","911140001234","919876500001","default","""Desk"" <911140001234>","PJSIP/a-1","PJSIP/t-3","Dial",\
"PJSIP/y","2024-11-05 09:31:00","","2024-11-05 09:31:40",40,0,"NO ANSWER","DOCUMENTATION","1.41",""
"","911140001234","919876500002","default","","PJSIP/a-4","","Dial","PJSIP/x","2024-11-05 09:40:00","",\
"2024-11-05 09:40:30",30,0,"BUSY","DOCUMENTATION","1.42",""
'''
_FREESWITCH = """"Desk","911140001234","919876500001","default","2024-11-05 09:30:00","2024-11-05 09:30:04",\
"2024-11-05 09:31:40","100","96","NORMAL_CLEARING","f1","f1b","","PCMA","PCMA"
"Desk","911140001234","919876500002","default","2024-11-05 09:40:00","","2024-11-05 09:40:30","30","0",\
"NORMAL_CLEARING","f2","","","",""
"Desk","911140001234","919876500003","default","2024-11-05 09:50:00","","2024-11-05 09:50:01","1","0",\
"UNALLOCATED_NUMBER","f3","","","",""
"""
EXPORTS = {
    "vapi": Export(
        "calls.json",
        _json(_vapi()),
        (
            ("v1", "completed", "outbound", 100, "customer_hung_up"),
            ("v2", "no_answer", "outbound", 30, "no_answer"),
            (
                "v3",
                "failed",
                "outbound",
                100,
                "provider_error",
            ),
            ("v4", "completed", "inbound", 100, "transferred"),
        ),
        1,
    ),
    "retell": Export(
        "calls.json",
        _json(_retell()),
        (
            ("r1", "completed", "outbound", 100, "customer_hung_up"),
            ("r2", "no_answer", "outbound", 100, "no_answer"),
            ("r3", "failed", "inbound", 100, "provider_error"),
        ),
        1,
    ),
    "bolna": Export(
        "executions.json",
        _json(_bolna()),
        (
            ("b1", "completed", "outbound", 42.5, None),
            ("b2", "no_answer", "outbound", 0, "no_answer"),
            ("b3", "failed", "inbound", None, "limit_or_payment"),
        ),
        1,
    ),
    "twilio": Export(
        "2024-11-05.json.gz",
        gzip.compress("\n".join(map(json.dumps, _TWILIO)).encode()),
        (
            ("CA1", "completed", "outbound", 100, None),
            ("CA2", "no_answer", "outbound", None, None),
            ("CA3", "completed", "inbound", 10, "voicemail"),
        ),
        1,
    ),
    "plivo": Export(
        "cdr.csv",
        _PLIVO.encode(),
        (
            ("p1", "completed", "outbound", 90, None),
            ("p2", "no_answer", "outbound", 30, "busy"),
            ("p3", "failed", "inbound", 1, "carrier_failed"),
        ),
    ),
    "asterisk": Export(
        "Master.csv",
        _ASTERISK.encode(),
        (("1.41", "completed", "outbound", 96, None), ("1.42", "no_answer", "outbound", 30, "busy")),
    ),
    "freeswitch": Export(
        "Master.csv",
        _FREESWITCH.encode(),
        (
            ("f1", "completed", "outbound", 96, None),
            ("f2", "no_answer", "outbound", 30, None),
            ("f3", "failed", "outbound", 1, "invalid_number"),
        ),
    ),
}
"""By the name of the mapping."""
