"""Every reason that a vendor publishes has one of our endings, and hardly any is unknown."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.adapters.carriers import exotel, knowlarity, ozonetel, plivo, tata, telnyx, twilio
from core.adapters.causes import by_number, by_sip, by_word
from core.adapters.platforms import bolna, dograh, elevenlabs, retell, sarvam, vapi
from core.models.calls.endings import ENDINGS

REASONS = Path(__file__).parent / "reasons"
ANSWERED = "completed"
"""Stands for a normal end of which the vendor does not say who ended it."""
Judge = Callable[[str], str | None]


def of_plivo(line: str) -> str | None:
    code, _, name = line.partition(" ")
    return plivo.ending_of_cause(int(code), name, "Unknown")


def of_cause(cause: str) -> str | None:
    return ANSWERED if cause in {"NORMAL_CLEARING", "NORMAL_UNSPECIFIED"} else by_word(cause) or "unknown"


JUDGES: dict[str, tuple[Judge, int]] = {
    "vapi": (vapi.ending_of_reason, 4),
    "retell": (retell.ending_of_reason, 0),
    "bolna": (bolna.ending_of_reason, 0),
    "dograh": (dograh.ending_of_disposition, 0),
    "plivo": (of_plivo, 0),
    "telnyx": (telnyx.ending_of_cause, 1),
    "ozonetel": (ozonetel.ending_of_statuses, 0),
    "causes": (of_cause, 4),
}


@pytest.mark.parametrize("vendor", JUDGES)
def test_every_published_reason_has_an_ending(vendor: str) -> None:
    judge, most_unknown = JUDGES[vendor]
    reasons = (REASONS / f"{vendor}.txt").read_text().splitlines()
    found = {reason: judge(reason) or ANSWERED for reason in reasons}
    assert set(found.values()) <= {*ENDINGS, ANSWERED}
    unknown = [reason for reason, name in found.items() if name == "unknown"]
    print(f"{vendor}: {len(unknown)} of {len(reasons)} reasons are unknown")  # noqa: T201 (shown by pytest -rP)
    assert len(unknown) == most_unknown, unknown


def test_the_list_of_vapi_is_whole() -> None:
    reasons = (REASONS / "vapi.txt").read_text().splitlines()
    assert (len(reasons), len(set(reasons))) == (571, 571)
    assert max(map(len, reasons)) <= 200


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("pipeline-error-openai-401-unauthorized", "provider_error"),
        ("call.in-progress.error-providerfault-openai-llm-failed", "provider_error"),
        ("call.start.error-vapifault-get-org", "platform_error"),
        ("call.start.error-subscription-insufficient-credits", "limit_or_payment"),
        ("assistant-request-returned-no-assistant", "configuration"),
        ("assistant-forwarded-call", "transferred"),
        ("twilio-failed-to-connect-call", "carrier_failed"),
        ("customer-ended-call-during-transfer", "customer_hung_up"),
        ("a-reason-of-next-year", "unknown"),
    ],
)
def test_reasons_of_vapi_are_told_apart_by_whose_fault_they_are(reason: str, name: str) -> None:
    assert vapi.ending_of_reason(reason) == name


@pytest.mark.parametrize(
    ("ending", "name"),
    [
        (plivo.ending_of_cause(4000, "Normal Hangup", "Callee", "outbound"), "customer_hung_up"),
        (plivo.ending_of_cause(4000, "Normal Hangup", "Callee", "inbound"), "agent_goodbye"),
        (plivo.ending_of_cause(4000, "Normal Hangup", "API Request", "outbound"), "agent_goodbye"),
        (plivo.ending_of_cause(3020, None), "declined"),
        (plivo.ending_of_cause(5010, None), "carrier_failed"),
        (plivo.ending_of_cause(6010, None), "no_answer"),
        (plivo.ending_of_cause(9_999, None), "unknown"),
        (telnyx.ending_of_cause("normal_clearing", "callee"), "customer_hung_up"),
        (telnyx.ending_of_cause("normal_clearing", "callee", direction="inbound"), "agent_goodbye"),
        (telnyx.ending_of_cause("unspecified", "unknown", 503), "carrier_failed"),
        (twilio.ending_of_status("failed", 404), "invalid_number"),
        (twilio.ending_of_status("busy", 603), "declined"),
        (twilio.ending_of_status("completed", 200, "machine_start"), "voicemail"),
        (twilio.ending_of_status("completed", 200, "human"), None),
        (exotel.ending_of_status("no-answer"), "no_answer"),
        (exotel.ending_of_status("something-new"), "unknown"),
        (knowlarity.ending_of_type("Missed Call"), "no_answer"),
        (tata.ending_of_reason("USER_BUSY"), "busy"),
        (tata.ending_of_reason("Call disconnected by agent"), "agent_goodbye"),
        (sarvam.ending_of_connectivity("busy", None), "busy"),
        (sarvam.ending_of_connectivity("on the moon", None), "unknown"),
        (elevenlabs.ending_of_reason("end_call tool was called."), "agent_goodbye"),
        (elevenlabs.ending_of_reason("Max duration exceeded"), "max_duration"),
        (bolna.ending_of_reason("Canceled (Out Of Credits)"), "limit_or_payment"),
        (by_sip(486), "busy"),
        (by_sip(608), "spam_blocked"),
        (by_sip(502), "carrier_failed"),
        (by_sip(200), None),
        (by_number(17), "busy"),
        (by_number(16), None),
        (by_number(41), "carrier_failed"),
    ],
)
def test_an_ending_is_told_by_who_hung_up_and_why(ending: str | None, name: str | None) -> None:
    assert ending == name
