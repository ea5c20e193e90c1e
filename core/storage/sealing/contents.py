"""Which parts of a record are personal, and the record with them sealed, held, or left out."""

from collections import Counter
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel

from core.logging_config import get_logger
from core.models.calls.reports import CallReport
from core.models.metrics import CallMetrics, TurnMetrics
from core.privacy import sensitive
from core.privacy.sensitive import HELD, WITHHELD, Change, key_of, personal_in, replaced, stored_lead_id
from core.settings import get_settings
from core.storage.hook_deliveries import HookDelivery
from core.threads import fork_safe_lock

Content = TypeVar("Content", bound=BaseModel)
OF_CALL = "call:"
"""Prefix of a key's owner if no lead is known: the key is the call's own."""
TRANSCRIPT, BODY = "transcript", "body"
FIELDS: dict[type[BaseModel], str] = {TurnMetrics: TRANSCRIPT, HookDelivery: BODY}
"""For records without metadata, the one field that is personal as a whole."""

logger = get_logger("security")
_withheld: Counter[str] = Counter()
_guard = fork_safe_lock()


def withheld_values() -> int:
    """Return how many personal values this process left out for want of a key."""
    return sum(_withheld.values())


def lead_of(content: BaseModel) -> str | None:
    """Return the lead a record names; turns name none."""
    return getattr(_facts(content), "lead_id", None)


def call_of(content: BaseModel) -> str:
    """Return the id of the call a record is about; "" for a delivery that is not about a call."""
    return str(getattr(content, "call_id", None) or "")


def own_name(content: BaseModel) -> str:
    """Return the owner of the key for a record whose lead is unknown: its call, or its source."""
    call = call_of(content)
    return f"{OF_CALL}{call}" if call else f"source:{getattr(content, 'source', '')}"


def document_of(content: BaseModel) -> str:
    """Return the id of the document that a record becomes part of."""
    if isinstance(content, HookDelivery):
        return content.id
    return turn_id(content.call_id, content.turn) if isinstance(content, TurnMetrics) else call_of(content)


def turn_id(call_id: str, turn: int) -> str:
    """Return the id of a turn's document."""
    return f"{call_id}:{turn}"


def may_be_personal(content: BaseModel) -> bool:
    """Return whether a record needs a closer look; costs next to nothing."""
    kind = type(content)
    if kind is TurnMetrics or kind is HookDelivery:
        return bool(getattr(content, FIELDS[kind]))
    metadata = content.metadata if type(content) is CallMetrics else _metadata(content)
    return sensitive.may_be_personal(metadata) if metadata else False


def open_values(content: BaseModel) -> list[tuple[str, Any]]:
    """Return the personal values of a record that are not under their lead's key yet, each with its path."""
    if field := FIELDS.get(type(content)):
        said = getattr(content, field)
        return [] if not said or said == WITHHELD or _is_final(said) else [(field, said)]
    return [(path, value) for path, value in personal_in(_metadata(content)) if not _is_final(value)]


def with_values(content: Content, change: Change) -> Content:
    """Return a record with each of :func:`open_values` replaced; the same object if there are none."""
    if type(content) in FIELDS:
        said = open_values(content)
        return _updated(content, {path: change(path, value) for path, value in said}) if said else content
    metadata = _metadata(content)
    if not metadata:
        return content
    new = replaced(metadata, lambda path, value: value if _is_final(value) else change(path, value))
    return content if new is metadata else _updated(content, {"metadata": new})


def with_stored_lead(content: Content) -> Content:
    """Return a record with its lead_id in the form it may be stored in: for a phone, its blind index."""
    facts = _facts(content)
    lead_id = getattr(facts, "lead_id", None)
    if lead_id is None or get_settings().blind_index_key is None:
        return content
    stored = stored_lead_id(lead_id)
    return content if stored == lead_id else _updated(content, {"lead_id": stored})


def for_disk(content: Content) -> Content:
    """Return a record in the form it may have on this machine's disk before its lead's key is known."""
    content = with_stored_lead(content)
    if not get_settings().encryption_keys:
        return without_personal(content)
    if not open_values(content):
        return content
    from core.privacy.encryption import encryption  # noqa: PLC0415 (only where there are keys)

    service, document = encryption(), document_of(content)
    assert service is not None  # noqa: S101 (there are keys)
    holding = service.holding

    def hold(path: str, value: object) -> object:
        if key_of(value) is not None:
            return value
        return service.encrypt(holding, as_text(value), document=document, field=path)

    return with_values(content, hold)


def without_personal(content: Content) -> Content:
    """Return a record with its personal values left out; they are counted, and each field is logged once.

    What is kept of a webhook stays: it was masked before, and a delivery without content cannot be replayed.
    """
    if isinstance(content, HookDelivery):
        return content

    def withhold(path: str, value: object) -> object:
        if key_of(value) is not None:  # sealed at a time when there was a key
            return value
        _count(path)
        return WITHHELD

    return with_values(content, withhold)


def as_text(value: object) -> str:
    """Return any value as the text that is sealed."""
    return orjson.dumps(value).decode()


def _count(path: str) -> None:
    with _guard:
        _withheld[path] += 1
        first = _withheld[path] == 1
    if first:
        text = "A personal value is not stored: ENCRYPTION_KEYS has no key for it"
        logger.warning(text, extra={"field": path})


def _is_final(value: object) -> bool:
    name = key_of(value)
    return name is not None and not name.startswith(HELD)


def _facts(content: BaseModel) -> BaseModel | None:
    if isinstance(content, CallMetrics):
        return content
    return content.facts if isinstance(content, CallReport) else None


def _metadata(content: BaseModel) -> dict[str, Any] | None:
    facts = _facts(content)
    return None if facts is None else facts.metadata  # type: ignore[attr-defined]  # of calls and of reports


def _updated(content: Content, fields: dict[str, Any]) -> Content:
    if isinstance(content, CallReport):
        return content.model_copy(update={"facts": content.facts.model_copy(update=fields)})
    return content.model_copy(update=fields)
