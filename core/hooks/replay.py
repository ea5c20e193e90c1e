"""Replay stored deliveries, once an adapter knows more, or a price has become known."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from pymongo.database import Database

from core.clock import utc_now
from core.hooks.receive import noted, take
from core.hooks.secrets import sources
from core.logging_config import get_logger
from core.privacy.sensitive import WITHHELD, key_of
from core.storage.collections import HOOK_DELIVERIES
from core.storage.hook_deliveries import HookDelivery, HookOutcome, kept_deliveries, replayed
from core.storage.sealing.contents import BODY
from core.storage.sealing.open import open_value
from core.types import Document

logger = get_logger("hooks")
Progress = Callable[[str, int, int], None]
NOT_KEPT = "not kept"
"""Outcome for deliveries without content: there was none, it was too large or damaged, or its key is missing.
"""


def wanted(source: str | None, since: datetime | None, *, refused: bool) -> Document:
    """Return the query for deliveries of a source, since a given time, or only refused ones.

    None matches all.
    """
    query: Document = {}
    if source:
        query["source"] = source
    if since:
        query["received_at"] = {"$gte": since}
    if refused:
        query["outcome"] = HookOutcome.REFUSED
    return query


async def replay_deliveries(
    database: Database[Document], query: Document, progress: Progress
) -> Counter[str]:
    """Read the deliveries of a query again and record what they say; return the number of each outcome.

    Masked values are not recorded. Doing it twice changes nothing.

    Raises:
        PyMongoError: the database does not answer.
    """
    total = database[HOOK_DELIVERIES].count_documents(query)
    became: Counter[str] = Counter()
    for done, note in enumerate(kept_deliveries(database, query), start=1):
        became[await _replay(database, note)] += 1
        progress("Replaying", done, total)
    return became


def _body(database: Database[Document], note: HookDelivery) -> str | None:
    """Return the masked content; None if there was none, it was stored without a key, or its key is gone."""
    from core.privacy.encryption import SealError  # noqa: PLC0415 (only where something is sealed)

    if note.body is None or key_of(note.body) is None:
        return None if note.body == WITHHELD else note.body  # in clear: stored by an earlier version
    try:
        return str(open_value(database, note.id, BODY, note.body))
    except SealError:
        return None


async def _replay(database: Database[Document], note: HookDelivery) -> str:
    source = sources().get(note.source)
    body = _body(database, note)
    if body is None or source is None:
        return NOT_KEPT
    try:
        payload: dict[str, Any] = orjson.loads(body)
    except orjson.JSONDecodeError:
        logger.warning("A kept delivery cannot be read", extra={"id": note.id, "source_name": source.name})
        return NOT_KEPT
    said = await take(source, payload, note.received_at, masks=True)
    if said.is_masked and note.outcome != HookOutcome.REFUSED:
        return str(note.outcome)  # what was recorded when it arrived remains
    again = noted(said, source, note.received_at)
    replayed(database, again.model_copy(update={"id": note.id}), utc_now())
    return str(again.outcome)
