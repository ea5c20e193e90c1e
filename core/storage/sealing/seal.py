"""Seal what is recorded on its way to the database: each value under its lead's key.

Written as steps, like :mod:`core.storage.recording.write`, so that asyncio code and plain code share them.
Keys are read with each batch and never cached, so that a destroyed key is no longer used.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from core.clock import utc_now
from core.logging_config import get_logger
from core.privacy.keys import Kind, kind_of
from core.privacy.sensitive import key_of, phone_index
from core.settings import get_settings
from core.storage.collections import ACTIVE_CALLS, CALLS, DUPLICATE_KEY, LEAD_KEYS
from core.storage.sealing.contents import (
    FIELDS,
    as_text,
    call_of,
    document_of,
    lead_of,
    may_be_personal,
    open_values,
    own_name,
    with_stored_lead,
    with_values,
    without_personal,
)
from core.types import Document

if TYPE_CHECKING:
    from core.privacy.encryption import DataKey, EncryptionService

logger = get_logger("security")
Step = Callable[[], Any]
Rows = dict[str, Document]
"""Rows of ``lead_keys``, by lead."""


def sealed(
    collections: Mapping[str, Any], contents: Sequence[BaseModel]
) -> Generator[Step, Any, list[BaseModel]]:
    """Return records as they are stored; those without personal values cost next to nothing.

    Raises:
        PyMongoError: the database does not answer.
    """
    settings, found = get_settings(), list(contents)
    if settings.blind_index_key is not None:
        found = [with_stored_lead(content) for content in found]
    if not settings.encryption_keys:  # personal values were left out earlier
        return found
    wanted = [
        index for index, content in enumerate(found) if may_be_personal(content) and open_values(content)
    ]
    if not wanted:
        return found
    from core.privacy.encryption import encryption  # noqa: PLC0415 (only where there are keys)

    service = encryption()
    assert service is not None  # noqa: S101 (there are keys)
    lead_keys = collections[LEAD_KEYS]
    owners = yield from _owners(collections, found, wanted)
    rows = yield from rows_of(lead_keys, service, set(owners.values()))
    yield from _note_phones(lead_keys, rows, {index: found[index] for index in wanted}, owners, service)
    keys = {owner: _unwrapped(service, row) for owner, row in rows.items()}
    for index in wanted:
        found[index] = _under(service, keys.get(owners[index]), found[index])
    return found


def _owners(
    collections: Mapping[str, Any], contents: Sequence[BaseModel], wanted: Sequence[int]
) -> Generator[Step, Any, dict[int, str]]:
    """Whose key each record's values are under: its lead's, else the call's own.

    Turns and deliveries name no lead: their call does, in the same batch, while it goes on, or stored.
    """
    leads = {call_of(content): lead for content in contents if (lead := lead_of(content))}
    for name in (ACTIVE_CALLS, CALLS):
        asked = {call_of(contents[index]) for index in wanted if type(contents[index]) in FIELDS} - {""}
        if unknown := sorted(asked - leads.keys()):
            query = {"_id": {"$in": unknown}, "lead_id": {"$type": "string"}}
            rows = yield partial(_leads, collections[name], query)
            leads |= {str(row["_id"]): str(row["lead_id"]) for row in rows}
    return {index: _owner(contents[index], leads) for index in wanted}


def _owner(content: BaseModel, leads: Mapping[str, str]) -> str:
    return lead_of(content) or leads.get(call_of(content)) or own_name(content)


def _leads(collection: Any, query: Document) -> Any:  # noqa: ANN401 (of either sort of client)
    return collection.find(query, {"lead_id": 1}).to_list()


def rows_of(lead_keys: Any, service: "EncryptionService", owners: set[str]) -> Generator[Step, Any, Rows]:  # noqa: ANN401 (of either sort of client)
    """Return the rows of some leads, creating those that do not exist."""
    query = {"lead": {"$in": sorted(owners)}}
    found = yield lambda: lead_keys.find(query).to_list()
    if missing := owners - {row["lead"] for row in found}:
        inserts = [_insert(service, owner) for owner in sorted(missing)]
        try:
            yield lambda: lead_keys.bulk_write(inserts, ordered=False)
        except BulkWriteError as error:
            # Another process was first, and its key is the one that counts.
            if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise
        found = yield lambda: lead_keys.find(query).to_list()
    return {row["lead"]: row for row in found}


def opened(service: "EncryptionService", value: object, document: str, field: str) -> str | None:
    """Return the text to seal for a value: its own, or that of one held under a key of ENCRYPTION_KEYS.

    None if that key is missing.
    """
    from core.privacy.encryption import SealError  # noqa: PLC0415 (only where there are keys)

    name = key_of(value)
    if name is None:
        return as_text(value)
    try:
        return service.decrypt(service.held_key(name), str(value), document=document, field=field)
    except SealError:
        return None


def _insert(service: "EncryptionService", owner: str) -> UpdateOne:
    key, wrapped = service.new_data_key()
    row = {"_id": key.name, "wrapped": wrapped, "created_at": utc_now()}
    return UpdateOne({"lead": owner}, {"$setOnInsert": row}, upsert=True)


def _unwrapped(service: "EncryptionService", row: Document) -> "DataKey | None":
    from core.privacy.encryption import SealError  # noqa: PLC0415 (only where there are keys)

    try:
        return service.unwrap(row["_id"], str(row.get("wrapped")))
    except SealError as error:
        # The key's name does not identify the lead.
        logger.error("The key of a lead cannot be used", extra={"lead_key": row["_id"], "reason": str(error)})  # noqa: TRY400 (the reason is enough)
        return None


def _under(service: "EncryptionService", key: "DataKey | None", content: BaseModel) -> BaseModel:
    if key is None:
        return without_personal(content)
    document = document_of(content)

    def seal(path: str, value: object) -> object:
        text = opened(service, value, document, path)
        return value if text is None else service.encrypt(key, text, document=document, field=path)

    return with_values(content, seal)


def _note_phones(
    lead_keys: Any,  # noqa: ANN401 (of either sort of client)
    rows: Rows,
    contents: Mapping[int, BaseModel],
    owners: Mapping[int, str],
    service: "EncryptionService",
) -> Generator[Step, Any, None]:
    """Store the blind indexes of the phones beside the key, so that they are deleted along with it."""
    if get_settings().blind_index_key is None:
        return
    phones: defaultdict[str, set[str]] = defaultdict(set)
    for index, content in contents.items():
        owner = owners[index]
        if owner in rows:
            phones[owner] |= _phones_in(service, content) - set(rows[owner].get("phones", ()))
    changes = [
        UpdateOne({"_id": rows[owner]["_id"]}, {"$addToSet": {"phones": {"$each": sorted(new)}}})
        for owner, new in phones.items()
        if new
    ]
    if changes:
        yield lambda: lead_keys.bulk_write(changes, ordered=False)


def _phones_in(service: "EncryptionService", content: BaseModel) -> set[str]:
    found: set[str] = set()
    for path, value in open_values(content):
        if kind_of(path.rpartition(".")[2]) is not Kind.PHONE:
            continue
        text = opened(service, value, document_of(content), path)
        said = None if text is None else orjson.loads(text)
        indexes = map(phone_index, said if isinstance(said, list) else [said])
        found |= {index for index in indexes if index is not None}
    return found
