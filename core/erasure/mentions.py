"""Find where texts name a lead: in records of the database, and in files next to it."""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from core.settings import get_settings
from core.storage.collections import ALERT_EVENTS, ALERTS, OUTBOX, SERVICE_MINUTES
from core.storage.recording.spool import Spool
from core.storage.server.connection import DURABLE
from core.types import Document

_ERASED = "(erased)"
SHORTEST_TEXT = 4
"""Shortest text, in letters, that is searched for: shorter ones occur in texts about anybody."""
_TELLING_DIGITS = 8
"""Digits from which on a number cannot be mistaken for a quantity."""
_AS_IT_IS: Final[dict[str, Any]] = {
    "datetime_conversion": DatetimeConversion.DATETIME_AUTO,
    "unicode_decode_error_handler": "replace",
}
"""Text that is no UTF-8 and times that no calendar has, from other tools, hide nobody and stop nothing."""
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument, **_AS_IT_IS)
_LENIENT: CodecOptions[Document] = CodecOptions(tz_aware=True, **_AS_IT_IS)
_OF_IDS = re.compile(r"lead|call", re.IGNORECASE)
"""Keys of fields that hold ids."""


class Names:
    """A lead's names: its id, those of its calls, and further texts; found as whole words only.

    An id that could be any number or word (``7``, ``1024``) is searched for only where an id is expected.
    """

    def __init__(self, ids: Iterable[object], also: Iterable[str] = ()) -> None:
        names = dict.fromkeys(map(str, ids))
        self._plain_ids = {name for name in names if not _is_telling(name)}
        self.texts = tuple(dict.fromkeys([*(name for name in names if _is_telling(name)), *also]))
        self._numbers = any(text.isdecimal() for text in self.texts)
        # Non-ASCII counts as part of a word: half a letter does not end a name.
        self._words = _any_of(self.texts, rb"(?<![\w\x80-\xff-])(?:%b)(?![\w\x80-\xff-])")
        self._fields = _any_of(self._plain_ids, rb'"(?:lead|call)_id": ?"(?:%b)"')

    def within(self, content: bytes) -> bool:
        """Return whether a text contains one of them."""
        return any(one is not None and one.search(content) for one in (self._words, self._fields))

    def within_document(self, document: Mapping[str, Any]) -> bool:
        """Return whether a key, text or number of a document contains one of them, at any depth."""
        # Most documents are skipped without parsing; in binary form, numbers do not look like themselves.
        readable = not self._numbers and not self._plain_ids
        if readable and isinstance(document, RawBSONDocument) and not self.within(bytes(document.raw)):
            return False
        return any(self._is(key, text) for key, text in _texts(document))

    def _is(self, key: str, text: str) -> bool:
        if text in self._plain_ids and _OF_IDS.search(key):
            return True
        return any(self.within(one.encode(errors="replace")) for one in (key, text))

    def without(self, text: str) -> str:
        """Return the text with each of them replaced."""
        if self._words is None:
            return text
        return self._words.sub(_ERASED.encode(), text.encode(errors="replace")).decode(errors="replace")


def _is_telling(name: str) -> bool:
    """Return whether an id found in a text must mean the lead, and not a quantity or a word."""
    return len(name) >= SHORTEST_TEXT and not (name.isdecimal() and len(name) < _TELLING_DIGITS)


def _any_of(texts: Iterable[str], around: bytes) -> re.Pattern[bytes] | None:
    """Return a pattern for the texts, as they are and as JSON escapes them; None without any."""
    spelt = {form for text in texts for form in (text.encode(errors="replace"), _json(text))}
    longest_first = sorted(map(re.escape, spelt), key=len, reverse=True)
    return re.compile(around % b"|".join(longest_first)) if spelt else None


def _json(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False)[1:-1].encode(errors="replace")


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 (nested data)
    """Yield each text and number of nested data, with its key."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield name, ""
            yield from _texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, key)
    elif isinstance(value, str | int):
        yield key, str(value)


def naming(database: Database[Document], collection: str, names: Names) -> list[Any]:
    """Return the ids of documents whose keys or values name the lead, at any depth."""
    query: Document = {}
    if collection == SERVICE_MINUTES and not names.texts:
        return []
    if collection == SERVICE_MINUTES:  # one per minute for years, and only its names are text
        one = {"$regex": "|".join(re.escape(text) for text in names.texts)}
        query = {"$or": [{"operation": one}, {"service": one}]}
    documents = database.get_collection(collection, codec_options=_RAW).find(query)
    return [document["_id"] for document in documents if names.within_document(document)]


def alert_queries(database: Database[Document], names: Names) -> dict[str, Document]:
    """Return queries for the documents about alerts that name the lead, by collection.

    The history has no metadata, so there the texts of alerts that name the lead in theirs are searched for.
    """
    found = {name: naming(database, name, names) for name in (ALERTS, ALERT_EVENTS, OUTBOX)}
    told = [
        {"alert_id": alert.get("id", alert.get("_id")), "message": alert.get("message")}
        for name in (ALERTS, OUTBOX)
        for document in database.get_collection(name, codec_options=_LENIENT).find(
            {"_id": {"$in": found[name]}}
        )
        for alert in ([document] if name == ALERTS else _alerts_in(document))
        if names.within_document(alert)
    ]
    also = [{"_id": one["alert_id"], "message": one["message"]} for one in told]
    return {
        ALERT_EVENTS: {"$or": [{"_id": {"$in": found[ALERT_EVENTS]}}, *told]},
        OUTBOX: {"_id": {"$in": found[OUTBOX]}},
        ALERTS: {"$or": [{"_id": {"$in": found[ALERTS]}}, *also]},
    }


def _alerts_in(message: Document) -> list[Document]:
    """Return the alerts in a message of the outbox; none of one that another tool has written."""
    notification = message.get("notification")
    alerts = notification.get("alerts") if isinstance(notification, dict) else None
    return [one for one in alerts if isinstance(one, dict)] if isinstance(alerts, list) else []


def erase_alerts(database: Database[Document], names: Names) -> None:
    """Erase what :func:`alert_queries` finds; alerts themselves last, as they lead to the rest.

    A rule's alert keeps firing: only the words that name the lead are removed, as in a person's comment.
    """
    for name, query in alert_queries(database, names).items():
        collection = database.get_collection(name, write_concern=DURABLE, codec_options=_LENIENT)
        if name == ALERTS:
            for alert in collection.find(query | {"origin": "rule"}):
                if changes := _redacted(alert, names):
                    known = {"_id": alert["_id"], "revision": alert.get("revision")}
                    collection.update_one(known, {"$set": changes})
        collection.delete_many(query | ({"origin": {"$ne": "rule"}} if name == ALERTS else {}))


def _redacted(document: Document, names: Names) -> Document:
    """Return the fields of a document that named the lead, without the name."""
    clean = {key: _clean(value, names) for key, value in document.items()}
    return {key: value for key, value in clean.items() if value != document[key]}


def _clean(value: Any, names: Names) -> Any:  # noqa: ANN401 (nested data)
    if isinstance(value, dict):
        return {key: _clean(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, names) for item in value]
    if not isinstance(value, str | int):
        return value
    clean = names.without(str(value))
    return value if clean == str(value) else clean


def files_naming(names: Names) -> Iterator[tuple[Path, int]]:
    """Return files that name the lead and are not rewritten, with how many of their lines do.

    These are logs and rejected rows of imports: other processes write to them, or people look after them.
    Drafts of the spool may yet become records; the spools of other databases are not examined.
    """
    settings = get_settings()
    folders = [settings.data_dir / name for name in ("logs", "imports")]
    files = [path for folder in folders for path in folder.rglob("*")]
    own = Spool().folder
    files += own.rglob("*.new")
    files += [path for path in own.parent.rglob("*") if own not in path.parents]
    if settings.log_file:
        files += settings.log_file.parent.glob(f"{settings.log_file.name}*")
    for file in sorted({path.absolute() for path in files if path.is_file()}):
        if count := sum(map(names.within, _lines(file))):
            yield file, count


def _lines(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file, decompressed if need be; a damaged one ends where the damage is."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            yield from lines
    except (FileNotFoundError, EOFError, zlib.error, gzip.BadGzipFile):
        return
