"""Turn what an adapter read from a payload into its delivery, in the same way for all sources."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

from core.adapters.delivery import Delivery, RefusedDeliveryError
from core.adapters.payload import LONGEST_NAME, LONGEST_REASON, Payload
from core.models.calls.endings import ENDINGS, Status
from core.models.calls.reports import CallReport, Role, lenient_facts
from core.models.definitions import COST_PARTS
from core.models.metrics import TurnMetrics
from core.privacy.masking import mask_text
from core.privacy.sensitive import number_within

STARTED, RINGING, ANSWERED, TALKING, ENDED, ANALYSED, PRICED = 10, 20, 30, 40, 50, 60, 70
"""How far a call had progressed when it was reported."""
MOST_MONEY = 1_000_000.0
OWN_SERIES = ("1600", "140")
"""Number series that the regulator reserves for banks, and for telemarketing."""
T = TypeVar("T")
Facts = dict[str, Any]
_LONGEST_ERROR = 160
_MOST_GUESSED = 9
"""Stage of guesses: below any real report of the source, and higher the earlier they are made."""
_HUNG_UP_BY = {
    "customer_hung_up": "customer",
    "declined": "customer",
    "agent_goodbye": "agent",
    "silence": "system",
    "max_duration": "system",
    "carrier_failed": "carrier",
}
_TALKED = frozenset({"customer_hung_up", "agent_goodbye"})
_OF_SERVICES = frozenset({"provider_error", "platform_error"})


_MOBILE = re.compile(r"(?:91|0)?[6-9]\d{9}")


@dataclass(frozen=True)
class Call:
    """Which call a payload is about: our own id if ``known``, else the source's."""

    source: str
    role: Role
    call_id: str
    known: bool


@dataclass(frozen=True)
class Word:
    """What a payload says about a call: how far it was, when that was reported, and whether it is final."""

    event: str
    stage: int
    facts: Facts
    at: datetime | None = None
    final: bool = False
    live: Literal["started", "ended"] | None = None
    turns: tuple[TurnMetrics, ...] = ()
    guesses: Facts = field(default_factory=dict)


def call_of(payload: Payload, source: str, role: Role, own: str | None, *theirs: str) -> Call:
    """Return which call a payload is about.

    Args:
        payload: as received.
        source: who posted it.
        role: what the source is.
        own: our own id of the call, if the source carries it.
        theirs: where the source's own id may be; the first that exists counts.

    Raises:
        RefusedDeliveryError: there is no id at all.
    """
    their_id = first([payload.identifier(path) for path in theirs])
    if own is not None and _is_phone(own):
        payload.refused["our own id"] = "is a phone number, which is never kept"
        own = None
    call_id = own or their_id
    if call_id is None:
        names = [payload.name(path) for path in theirs]
        wrong = [f"{name} {payload.refused[name]}" for name in names if name in payload.refused]
        raise RefusedDeliveryError(wrong[0] if wrong else f"{names[0]} is missing: of which call is this?")
    return Call(source, role, call_id, known=own is not None)


def _is_phone(text: str) -> bool:
    """Return whether an id is an Indian mobile number, however it is written."""
    digits = number_within(text).lstrip("+").replace(" ", "").replace("-", "")
    return _MOBILE.fullmatch(digits) is not None


def told(payload: Payload, call: Call, word: Word) -> Delivery:
    """Return the delivery of one report on a call; invalid values are listed in it."""
    facts, refused = lenient_facts(word.facts)
    at = word.at or first(word.facts.get(name) for name in ("end_time", "answered_at", "start_time"))
    reports = []
    if any(value is not None for value in word.guesses.values()):
        guesses, wrong = lenient_facts(word.guesses)
        refused |= wrong
        reports.append(_report(call, guesses, stage=_MOST_GUESSED - word.stage // 10, at=at))
    reports.append(_report(call, facts, stage=word.stage, at=at, final=word.final))
    return Delivery(
        event=word.event[:LONGEST_NAME],
        reports=tuple(reports),
        turns=word.turns,
        live=word.live,
        unknown=payload.unknown(),
        refused=payload.refused | refused,
    )


def nothing(event: str) -> Delivery:
    """Return the delivery of an event that is not about a call."""
    return Delivery(event=event[:LONGEST_NAME])


def event_of(payload: Payload, path: str) -> str:
    """Return the name of an event.

    Raises:
        RefusedDeliveryError: there is none.
    """
    event = payload.text(path, LONGEST_NAME)
    if event is None:
        raise RefusedDeliveryError(f"{payload.name(path)} is missing: what is this about?")
    return event


def _report(call: Call, facts: Any, *, stage: int, at: datetime | None, final: bool = False) -> CallReport:  # noqa: ANN401 (facts of a made model)
    when = {} if at is None else {"at": at}
    return CallReport(
        call_id=call.call_id,
        source=call.source,
        role=call.role,
        stage=stage,
        final=final,
        known_call=call.known,
        facts=facts,
        **when,
    )


def ending(
    end_reason: str | None, raw: str | None = None, *, answered: bool | None = None, failed: bool = False
) -> Facts:
    """Return the facts of how a call ended.

    Args:
        end_reason: one of ENDINGS; None if the source does not say.
        raw: the source's own words.
        answered: whether the call was answered; None if unknown.
        failed: whether the source says the call failed, whatever the reason.
    """
    if answered is False and end_reason in _TALKED:
        end_reason = "no_answer"
    known = ENDINGS[end_reason] if end_reason else None
    status: Status = known.status if known else "completed"
    if answered and end_reason == "cancelled":
        status = "completed"
    elif status == "completed" and failed:
        status = "failed"
    elif status == "completed" and answered is False:
        status = "no_answer"
    facts: Facts = {"status": status, "end_reason": end_reason, "fault": known.fault if known else None}
    if raw and raw != end_reason:
        facts["end_reason_raw"] = mask_text(raw)[:LONGEST_REASON]
    facts["hangup_by"] = _HUNG_UP_BY.get(end_reason or "")
    if end_reason in _OF_SERVICES:
        facts["errors"] = [
            {"type": mask_text(raw or end_reason)[:_LONGEST_ERROR], "fault": known and known.fault}
        ]
    return facts


def cost(currency: str, parts: Mapping[str, float | None], total: float | None = None) -> Facts | None:
    """Return what a call cost in a currency, by part; None if nothing is known.

    What ``total`` has above its parts is the platform's if that is not among them, else ``other``. Amounts
    above MOST_MONEY are mistakes and left out.
    """
    known = {
        part: amount
        for part, amount in parts.items()
        if part in COST_PARTS and amount is not None and amount <= MOST_MONEY
    }
    if total is not None and total <= MOST_MONEY:
        rest, part = round(total - sum(known.values()), 6), "other" if "platform" in known else "platform"
        if rest > 0 or not known:
            known[part] = round(known.get(part, 0.0) + rest, 6)
    return {**known, "currency": currency} if known else None


def links(**found: str | None) -> Facts | None:
    """Return where recording, transcript and trace are kept; None if nothing is known."""
    return {name: link for name, link in found.items() if link} or None


def telephony(provider: str | None, calling_number: object = None) -> Facts | None:
    """Return the call's carrier and whether the calling number is in a reserved series; never the number."""
    digits = "".join(filter(str.isdecimal, str(calling_number)[:32])).lstrip("0").removeprefix("91")
    series = first(name for name in OWN_SERIES if digits.startswith(name))
    known = {"provider": provider, "number_series": series}
    return {name: value for name, value in known.items() if value} or None


_MINE: dict[str, int] = {"lead_id": 256, "campaign": 128, "purpose": 64}


def own_fields(*parts: Payload) -> Facts:
    """Return the user's own fields of a call under our names; the first part that has one counts.

    ``lead_id``, ``campaign``, ``purpose`` and ``attempt``, ``qualification`` and ``qualification_completed``.
    """
    found: Facts = {name: first(part.text(name, most) for part in parts) for name, most in _MINE.items()}
    found["attempt"] = first(part.count("attempt") for part in parts)
    found["qualification"] = first(part.text("qualification", 64) for part in parts)
    found["qualification_completed"] = first(part.flag("qualification_completed") for part in parts)
    return {name: value for name, value in found.items() if value is not None}


def own_id(payload: Payload, path: str) -> tuple[str | None, Payload]:
    """Return our own id of a call from a free-text field, and the other fields in it.

    The id is the whole text, or ``call_id`` in it if it is a JSON object.
    """
    whole, part = payload.get(path), payload.part(path)
    if isinstance(whole, Mapping) or (isinstance(whole, str) and whole.lstrip().startswith("{")):
        return part.identifier("call_id"), part
    return payload.identifier(path), part


def first(values: Iterable[T | None]) -> T | None:
    """Return the first value that is not None."""
    return next((value for value in values if value is not None), None)
