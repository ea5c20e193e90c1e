"""Open sealed values: one for somebody who may see it, or all of a call's when it gets another id."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from pymongo.database import Database

from core.privacy.sensitive import HELD, WITHHELD, key_of, lead_ids_of, phone_index
from core.storage.collections import LEAD_KEYS
from core.storage.sealing.contents import TRANSCRIPT
from core.types import Document

if TYPE_CHECKING:
    from core.privacy.encryption import DataKey, EncryptionService

MOST_OWNERS = 1_000
"""Most leads that share one phone."""
Change = Callable[[str, str], str]
"""Takes the path and token of a sealed value, and returns what to put in its place."""


def open_value(database: Database[Document], document: str, path: str, token: str) -> object:
    """Return the content of a sealed value.

    Raises:
        SealError: its key was destroyed or is not in ENCRYPTION_KEYS, or it was changed or moved.
        PyMongoError: the database does not answer.
    """
    service = _service()
    text = service.decrypt(_key(database, service, token), token, document=document, field=path)
    value: object = orjson.loads(text)
    return value


def open_metadata(database: Database[Document], call_id: str, tokens: Mapping[str, str]) -> dict[str, object]:
    """Return the content of a call's sealed values by their paths; what cannot be opened is left out.

    Raises:
        PyMongoError: the database does not answer.
    """
    sealed = [(call_id, path, token) for path, token in tokens.items() if token != WITHHELD]
    return {path: value for _, path, value in _opened(database, sealed)}


def open_transcripts(database: Database[Document], said: Mapping[str, str]) -> dict[str, str]:
    """Return what was said in turns, by the ids of their documents; what cannot be opened is left out.

    Raises:
        PyMongoError: the database does not answer.
    """
    sealed = [(document, TRANSCRIPT, token) for document, token in said.items()]
    return {document: str(value) for document, _, value in _opened(database, sealed)}


def _opened(
    database: Database[Document], sealed: Iterable[tuple[str, str, str]]
) -> Iterator[tuple[str, str, object]]:
    """Yield the content of values, each with its document and path; a key is read once for all under it."""
    from core.privacy.encryption import SealError  # noqa: PLC0415 (only where something is sealed)

    keys: dict[str | None, DataKey] = {}
    for document, path, token in sealed:
        try:
            service, name = _service(), key_of(token)
            if name not in keys:
                keys[name] = _key(database, service, token)
            text = service.decrypt(keys[name], token, document=document, field=path)
        except SealError:
            continue
        yield document, path, orjson.loads(text)


def protected_in(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands for personal values in metadata, by path: a token, or that it was not stored."""
    found: dict[str, str] = {}

    def note(path: str, text: str) -> str:
        found[path] = text
        return text

    _walk(dict(metadata), "metadata", note)
    return found


def owners_with_phone(database: Database[Document], text: str) -> list[str]:
    """Return the leads, and the calls without a lead, that have a phone, as ``lead_keys`` names them.

    Empty if the text is not a phone, or BLIND_INDEX_KEY is not set.

    Raises:
        PyMongoError: the database does not answer.
    """
    index = phone_index(text)
    if index is None:
        return []
    found = database[LEAD_KEYS].find({"phones": index}, {"lead": 1}).limit(MOST_OWNERS)
    return list(dict.fromkeys([*lead_ids_of(text), *(str(row["lead"]) for row in found)]))


def moved(database: Database[Document], call: Document, call_id: str) -> Document:
    """Return a stored call under another id, with its values resealed for that id.

    A value that cannot be opened stays as it is, and will not open under the new id either.

    Raises:
        PyMongoError: the database does not answer.
    """
    move = _mover(database, call["_id"], call_id)
    new = {**call, "_id": call_id}
    if "metadata" in call:
        new["metadata"] = _walk(call["metadata"], "metadata", move)
    if "sources" in call:
        new["sources"] = {name: _said(said, move) for name, said in call["sources"].items()}
    return new


def moved_transcript(database: Database[Document], token: str, document: str, to: str) -> str:
    """Return what was said in a turn, sealed for the turn of another id.

    Raises:
        PyMongoError: the database does not answer.
    """
    return _mover(database, document, to)(TRANSCRIPT, token)


def _mover(database: Database[Document], document: str, to: str) -> Change:
    from core.privacy.encryption import SealError  # noqa: PLC0415 (only where something is sealed)

    def move(path: str, token: str) -> str:
        if token == WITHHELD:
            return token
        try:
            service = _service()
            key = _key(database, service, token)
            text = service.decrypt(key, token, document=document, field=path)
        except SealError:
            return token
        return service.encrypt(key, text, document=to, field=path)

    return move


def _said(said: Document, change: Change) -> Document:
    """Return what a source said, changed; its metadata stands one by one, as ``metadata/phone``."""
    facts = {
        name: _walk(item, name.replace("/", ".", 1), change) if name.startswith("metadata") else item
        for name, item in said["facts"].items()
    }
    return {**said, "facts": facts}


def _walk(value: Any, path: str, change: Change) -> Any:  # noqa: ANN401 (nested data)
    if isinstance(value, dict):
        return {name: _walk(item, f"{path}.{name}", change) for name, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, f"{path}.{index}", change) for index, item in enumerate(value)]
    return change(path, value) if key_of(value) is not None or value == WITHHELD else value


def _service() -> "EncryptionService":
    from core.privacy.encryption import SealError, encryption  # noqa: PLC0415 (only where something is sealed)

    service = encryption()
    if service is None:
        raise SealError("ENCRYPTION_KEYS is not set here; use the value of the process that records calls")
    return service


def _key(database: Database[Document], service: "EncryptionService", token: str) -> "DataKey":
    from core.privacy.encryption import SealError  # noqa: PLC0415 (only where something is sealed)
    from core.storage.sealing.lead_keys import find_key  # noqa: PLC0415 (likewise)

    name = key_of(token)
    if name is None:
        raise SealError("this value is not sealed")
    if name.startswith(HELD):
        return service.held_key(name)
    row = find_key(database, name)
    if row is None:
        raise SealError("its key is missing: the lead was erased, or `keys import` can restore it")
    return service.unwrap(name, row.wrapped)
