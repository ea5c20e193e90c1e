"""Log lines in the database: stored with a time to live (LOG_TO_DATABASE), read by a call's page."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from bson.errors import InvalidDocument
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.write_concern import WriteConcern

from core.logs.sinks.shipper import Lose, RefusedError, Shipper
from core.storage.collections import A_TIME, DUPLICATE_KEY, LOGS
from core.types import Document

MOST_LINES = 1_000
"""Most lines read for one call."""
_LARGEST_LINE = 1_000_000
_INDEX_OPTIONS_DIFFER = 85
_TTL = "timestamp_1"
_BY_CALL = IndexModel([("call_id", ASCENDING), ("timestamp", ASCENDING)])


def call_lines(database: Database[Document], call_id: str) -> list[dict[str, Any]]:
    """Return the stored lines of a call, oldest first, MOST_LINES at most.

    ``timestamp`` (UTC), ``level``, ``component``, ``message`` ….

    Raises:
        PyMongoError: the database does not answer.
    """
    found = database[LOGS].find({"call_id": call_id, "timestamp": A_TIME}, {"_id": False})
    return list(found.sort([("timestamp", ASCENDING), ("_id", ASCENDING)]).limit(MOST_LINES))


class StoredLines(Shipper[list[Document]]):
    """Writes lines to the ``logs`` collection; those the database does not accept are counted."""

    native = True

    def __init__(self, connect: Callable[[], Database[Document]], days: int, lose: Lose) -> None:
        super().__init__("the database", lose)
        self._connect = connect
        self._seconds = days * 86_400

    def _begin(self) -> None:
        super()._begin()
        self._prepared = False

    def prepare(self, lines: list[bytes]) -> list[Document]:
        """Return the lines as documents; one above 1 MB is left out and counted."""
        storable = [line for line in lines if len(line) <= _LARGEST_LINE]
        if len(storable) < len(lines):
            self._done(len(lines) - len(storable), "longer than 1 MB")
        return self._each(storable, _document)

    def send(self, batch: list[Document]) -> None:
        """Store documents; one that an earlier attempt stored has its ``_id`` already and is not repeated.

        Raises:
            PyMongoError: the database does not answer.
            UserError: it is not configured, or cannot be started.
            RefusedError: it accepts none of them.
        """
        database = self._connect()
        if not self._prepared:
            self._prepare(database)
        if not batch:
            return
        try:
            logs = database[LOGS].with_options(write_concern=WriteConcern(w=1))
            logs.insert_many(batch, ordered=False)
        except BulkWriteError as error:
            refused = [
                one for one in error.details.get("writeErrors", []) if one.get("code") != DUPLICATE_KEY
            ]
            if refused:
                self._lose(len(refused), "did not store {} log lines: the database refused them")
        except InvalidDocument:
            raise RefusedError("a line that cannot be stored") from None

    def _prepare(self, database: Database[Document]) -> None:
        logs = database[LOGS]
        logs.create_indexes([_BY_CALL])
        try:
            logs.create_index([("timestamp", ASCENDING)], name=_TTL, expireAfterSeconds=self._seconds)
        except PyMongoError as error:
            if getattr(error, "code", None) != _INDEX_OPTIONS_DIFFER:
                raise
            change = {"keyPattern": {"timestamp": 1}, "expireAfterSeconds": self._seconds}
            database.command({"collMod": LOGS, "index": change})
        self._prepared = True


def _document(line: bytes) -> Document:
    document: Document = orjson.loads(line)
    document["timestamp"] = datetime.fromisoformat(document["timestamp"])
    if "_id" in document:
        document["extra__id"] = document.pop("_id")
    storable: Document = _storable(document)
    return storable


def _storable(value: Any) -> Any:  # noqa: ANN401 (JSON data)
    """Return the same data with what BSON cannot hold as text: integers above 64 bits, names with a NUL."""
    if isinstance(value, dict):
        return {key.replace("\0", "\\0"): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if type(value) is int and value >= 2**63:
        return str(value)
    return value
