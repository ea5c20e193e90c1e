"""Process a delivery: its source's adapter reads it, it is recorded, and the outcome is noted."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.adapters.delivery import Delivery, RefusedDeliveryError, Source
from core.clock import utc_now
from core.hooks.masked import masked_body
from core.hooks.payloads import beside
from core.logging_config import get_logger
from core.models.calls.reports import CallReport
from core.privacy.masking import has_mask, mask_text
from core.services.reports import fact, not_ahead, prepared
from core.storage.hook_deliveries import HookDelivery, HookOutcome
from core.storage.recording.active_calls import began, ended, signal_active
from core.storage.recording.recorder import record
from core.storage.recording.records import Fate

if TYPE_CHECKING:
    from pydantic import BaseModel

AHEAD, BEHIND = timedelta(minutes=5), timedelta(hours=1)
"""How far a source's clock may seem to be off before that is mentioned; late deliveries are normal."""
_LONGEST_REASON = 500
_SPOOLED = "the database is away; it goes there by itself"
_LOST = "neither the database nor the disk took it"
_APART = "the database will never take it; it is kept apart, in DATA_DIR/spool"

logger = get_logger("hooks")


@dataclass
class _Said:
    """What an adapter made of a payload, or why it made nothing."""

    delivery: Delivery
    reports: Sequence[CallReport] = ()
    refusal: str | None = None
    is_masked: bool = False
    """Whether the id of a replayed delivery was masked, so that it belongs to no call."""
    fates: Sequence[Fate] = field(default_factory=list)


async def receive(source: Source, payload: Mapping[str, Any], size: int) -> HookDelivery:
    """Record what a payload says; return the note about the outcome, which is stored as well.

    Nothing is raised because of the payload, the adapter or the store. With the outcome ``stored`` or
    ``spooled`` it is durable; with ``refused`` and :func:`should_come_again` it may not be stored at all.
    """
    now = _to_the_millisecond(utc_now())
    said = await take(source, payload, now)
    reports = said.delivery.reports
    ids = {id_ for report in reports for id_ in (report.call_id, fact(report, "provider_call_id")) if id_}
    body = await beside(size, masked_body, payload, source.secrets, ids)
    note = noted(said, source, now).model_copy(update={"size": size, "body": body})
    await record(None, note)
    _tell(note)
    return note


def _to_the_millisecond(moment: datetime) -> datetime:
    """Return the time as the database would, so that a replay has the same one."""
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)


def should_come_again(note: HookDelivery) -> bool:
    """Return whether the sender should retry, because it could not be kept anywhere."""
    return note.reason == _LOST


async def refuse(source: str, reason: str, size: int) -> HookDelivery:
    """Note a body that could not even be parsed."""
    note = HookDelivery(
        received_at=utc_now(), source=source, outcome=HookOutcome.REFUSED, reason=_short(reason), size=size
    )
    await record(None, note)
    _tell(note)
    return note


async def take(source: Source, payload: Mapping[str, Any], now: datetime, *, masks: bool = False) -> _Said:
    """Read a payload and record what it says.

    Args:
        source: who sent it.
        payload: what was posted.
        now: when it arrived.
        masks: whether it was masked; then values with a mask in them are not recorded.
    """
    try:
        delivery = source.read(payload)
    except RefusedDeliveryError as error:
        return _Said(Delivery(event=""), refusal=str(error))
    except Exception as error:
        logger.exception("A webhook's adapter failed", extra={"source": source.name})
        return _Said(
            Delivery(event=""), refusal=f"the adapter failed ({type(error).__name__}); replay it later"
        )
    reports = [not_ahead(report, now) for report in delivery.reports]
    turns = list(delivery.turns)
    if masks:
        reports, turns, refusal = _unmasked(reports, turns)
        if refusal:
            return _Said(delivery, refusal=refusal, is_masked=True)
    reports = await prepared(reports)
    whole = {old.call_id: new.call_id for old, new in zip(delivery.reports, reports, strict=True)}
    turns = [turn.model_copy(update={"call_id": whole.get(turn.call_id, turn.call_id)}) for turn in turns]
    records: list[BaseModel] = [*reports, *turns]
    fates = await asyncio.gather(*(record(None, one) for one in records))
    await _signal(delivery, reports)
    return _Said(delivery, reports, fates=fates)


def _unmasked(reports: list[CallReport], turns: list[Any]) -> tuple[list[CallReport], list[Any], str | None]:
    """Return the reports without masked facts; if the call's id is masked, none, and why."""
    if any(has_mask(report.call_id) for report in reports):
        return [], [], "its id was masked: it can only be sent again"
    kept = [report.model_copy(update={"facts": _without_masks(report.facts)}) for report in reports]
    return kept, turns, None


def _without_masks(facts: Any) -> Any:  # noqa: ANN401 (CallFacts, a model made of another)
    given = facts.model_dump(exclude_none=True)
    masked = {name: None for name, value in given.items() if has_mask(str(value))}
    return facts.model_copy(update=masked)


async def _signal(delivery: Delivery, reports: Sequence[CallReport]) -> None:
    if delivery.live is None or not reports:
        return
    first = reports[0]
    if delivery.live == "ended":
        await signal_active(None, ended(first.call_id))
        return
    about = {name: fact(first, name) for name in ("lead_id", "direction", "language", "campaign")}
    await signal_active(None, began(first.call_id, **{name: value for name, value in about.items() if value}))


def noted(said: _Said, source: Source, now: datetime) -> HookDelivery:
    """Return the note about a delivery's outcome."""
    delivery, (outcome, reason) = said.delivery, _outcome(said)
    endings = [ending for report in said.reports if (ending := fact(report, "end_reason"))]
    return HookDelivery(
        received_at=now,
        source=source.name,
        event=mask_text(delivery.event)[:128],
        outcome=outcome,
        reason=_short(reason) if reason else None,
        remark=_remark(said.reports, now),
        call_id=next((report.call_id for report in said.reports), None),
        ending=endings[-1] if endings else None,
        unknown=tuple(mask_text(name) for name in delivery.unknown),
        left_out=tuple(_short(f"{name} {why}") for name, why in delivery.refused.items()),
    )


def _outcome(said: _Said) -> tuple[HookOutcome, str | None]:
    """Return what became of a delivery, by the worst fate of its reports, and the reason if there is one."""
    if said.refusal is not None:
        return HookOutcome.REFUSED, said.refusal
    if not said.fates:
        return HookOutcome.IGNORED, None
    if Fate.LOST in said.fates:
        return HookOutcome.REFUSED, _LOST
    if Fate.REFUSED in said.fates:
        return HookOutcome.REFUSED, _APART
    if Fate.SPOOLED in said.fates:
        return HookOutcome.SPOOLED, _SPOOLED
    return HookOutcome.STORED, None


def _remark(reports: Sequence[CallReport], now: datetime) -> str | None:
    """Return a remark if a delivery's times are far from this machine's clock."""
    told = (fact(report, name) for report in reports for name in ("start_time", "answered_at", "end_time"))
    moments = [moment for moment in told if moment]
    if not moments:
        return None
    off = max(moments) - now
    if off > AHEAD:
        return f"its times are {_span(off)} ahead of the clock here: is a zone or a clock wrong?"
    if off < -BEHIND:
        return (
            f"its times are {_span(-off)} behind the clock here: it came late, or a zone or a clock is wrong"
        )
    return None


def _span(length: timedelta) -> str:
    hours = length.total_seconds() / 3_600
    return f"{hours / 24:,.1f} days" if hours >= 36 else f"{hours:,.1f} h"  # noqa: PLR2004 (a day and a half)


def _short(text: str) -> str:
    return mask_text(text)[:_LONGEST_REASON]


def _tell(note: HookDelivery) -> None:
    extra = {
        name: getattr(note, name) for name in ("source", "event", "outcome", "call_id", "reason", "remark")
    }
    said = {f"hook_{name}" if name == "source" else name: value for name, value in extra.items() if value}
    if note.outcome == HookOutcome.REFUSED or note.remark:
        logger.warning("Webhook %s", note.outcome, extra=said)
    else:
        logger.info("Webhook %s", note.outcome, extra=said)
