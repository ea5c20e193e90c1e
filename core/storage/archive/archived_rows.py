"""Archived records: Parquet files below DATA_DIR/archive/DATABASE, as listed in the catalogue."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from bson import Timestamp
from pyarrow import compute, parquet
from pydantic import ValidationError
from pymongo.database import Database

from core.errors import UserError, one_line
from core.logging_config import get_logger
from core.models.archives import Archived, ArchivePart
from core.models.calls.fields import CALL_FIELDS, Kind
from core.models.definitions import COST_PARTS
from core.settings import get_settings
from core.storage.collections import ARCHIVES, CALLS, TURNS
from core.storage.readable import is_due
from core.types import Document, Period

# Its functions are generated at run time, or untyped.
pc: Any = compute
pq: Any = parquet
CATALOGUE = ARCHIVES
logger = get_logger("database")
_MOMENT = pa.timestamp("ms", tz="UTC")
_STORING = {
    "recorded_at": _MOMENT,
    "version": pa.int64(),
    "schema_version": pa.int32(),
}
_ORIGIN = pa.struct({"amount": pa.float64(), "currency": pa.string(), "rate": pa.float64()})
_ARROW: dict[Kind, pa.DataType] = {
    "moment": _MOMENT,
    "text": pa.string(),
    "number": pa.float64(),
    "count": pa.int64(),
    "flag": pa.bool_(),
    "errors": pa.list_(pa.struct({"type": pa.string(), "fault": pa.string(), "at": _MOMENT})),
    "cost": pa.struct(
        {
            **dict.fromkeys(COST_PARTS, pa.float64()),
            "currency": pa.string(),
            "rate": pa.float64(),
            "original": pa.struct(dict.fromkeys(COST_PARTS, pa.float64())),
            "origins": pa.struct(dict.fromkeys(COST_PARTS, _ORIGIN)),
        }
    ),
    "json": pa.string(),
}
SCHEMAS: dict[Archived, pa.Schema] = {
    CALLS: pa.schema(
        {one.name: _ARROW[one.kind] for one in CALL_FIELDS}
        | _STORING
        | {"state": pa.string(), "sources": pa.string(), "unjoined": pa.bool_()}
    ),
    TURNS: pa.schema(
        {
            "_id": pa.string(),
            "call_id": pa.string(),
            "turn": pa.int64(),
            "start_time": _MOMENT,
            "language": pa.string(),
            "reply_language": pa.string(),
            **dict.fromkeys(
                ("end_of_turn_delay_ms", "asr_ms", "llm_ttft_ms", "tts_ttfb_ms", "e2e_ms"), pa.float64()
            ),
            "interrupted": pa.bool_(),
            **dict.fromkeys(("lead_speech_ms", "agent_speech_ms"), pa.float64()),
            "tool_calls": pa.string(),
            "parts": pa.string(),
            "parts_add_up": pa.bool_(),
            "source": pa.string(),
            "transcript": pa.string(),
            **_STORING,
        }
    ),
}
"""All fields of a record; those of _AS_JSON are stored as text."""
_AS_JSON = frozenset(
    {"sources", "parts", "tool_calls", *(one.name for one in CALL_FIELDS if one.kind == "json")}
)


Missed = list[ArchivePart]
"""Files that could not be read, for callers that go on without them."""
MOST_TURNS = 500
"""Turns of a call that are read to be shown."""


class ArchiveUnreadableError(UserError):
    """A file of the archive is missing or damaged; the text names it and the remedy."""

    def __init__(self, text: str, part: ArchivePart) -> None:
        super().__init__(text)
        self.part = part


class PassingOver:
    """Go on after a file that cannot be read: it is named in the log once an hour and added to ``missed``.

    If that is None, the error goes on.
    """

    def __init__(self, missed: Missed | None) -> None:
        self._missed = missed

    def __enter__(self) -> None:
        """Nothing has failed yet."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """Return whether the error was that of a file, and is dealt with."""
        if self._missed is None or not isinstance(error, ArchiveUnreadableError):
            return False
        self._missed.append(error.part)
        if is_due(CATALOGUE, str(error.part.id)):
            extra = {"day": error.part.day, "reason": str(error)}
            logger.error("Archived calls cannot be read", extra=extra)
        return True


def folder(database: Database[Document]) -> Path:
    """Return where the files of a database are."""
    return get_settings().data_dir / "archive" / database.name


def parts(database: Database[Document], query: Document, missed: Missed | None = None) -> list[ArchivePart]:
    """Return the catalogue's files that match a query, earliest first.

    Raises:
        ArchiveUnreadableError: an entry is not one of ours, so that its records could be overlooked; not if
            there is ``missed``, which is then given that entry.
    """
    found: list[ArchivePart] = []
    for row in database[CATALOGUE].find(query).sort([("first", 1), ("_id", 1)]):
        with PassingOver(missed):
            found.append(_part(row))
    return found


def _part(row: Document) -> ArchivePart:
    fields = {name: value for name, value in row.items() if name != "_id"} | {"id": row["_id"]}
    try:
        return ArchivePart.model_validate(fields)
    except ValidationError as error:
        raise ArchiveUnreadableError(
            f"{row['_id']} in the collection {CATALOGUE} is not an entry of the archive ({one_line(error)}); "
            "delete it if another tool wrote it, else restore a backup",
            ArchivePart.model_construct(**{"day": "unknown"} | fields),
        ) from None


def archived(
    database: Database[Document],
    collection: Archived,
    periods: Sequence[Period],
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Return the archived records that started in any of the half-open periods, in the columns of SCHEMAS.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    schema = SCHEMAS[collection]
    names = list(columns or schema.names)
    if not periods:
        return schema.empty_table().select(names)
    overlaps: list[Document] = [{"first": {"$lt": end}, "last": {"$gte": start}} for start, end in periods]
    within = None
    for start, end in periods:
        one = (pc.field("start_time") >= pa.scalar(start, _MOMENT)) & (
            pc.field("start_time") < pa.scalar(end, _MOMENT)
        )
        within = one if within is None else within | one
    query = {"collection": collection, "$or": overlaps}
    tables = [read_part(database, part, names, within) for part in parts(database, query)]
    return pa.concat_tables([schema.empty_table().select(names), *tables])


def archived_rows(database: Database[Document], collection: Archived, start: datetime, end: datetime) -> int:
    """Return how many records are in the files that overlap [start, end); only the catalogue is read."""
    overlaps = {"collection": collection, "first": {"$lt": end}, "last": {"$gte": start}}
    return sum(part.rows for part in parts(database, overlaps, []))


def find_archived(
    database: Database[Document],
    collection: Archived,
    field: str,
    values: Sequence[str],
    missed: Missed | None = None,
) -> list[Document]:
    """Return the archived records with one of these values, as they were stored.

    Reads ``field`` of every file.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged, and there is no ``missed``.
        PyMongoError: the database does not answer.
    """
    wanted = pc.field(field).isin(pa.array(values, pa.string()))
    rows: list[Document] = []
    for part in parts(database, {"collection": collection}, missed):
        with PassingOver(missed):
            rows += map(to_stored, read_part(database, part, SCHEMAS[collection].names, wanted).to_pylist())
    return rows


def turns_of(database: Database[Document], call_id: str) -> list[Document]:
    """Return the stored turns of a call, in order, 500 at most; archived ones if there are no others.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    rows = list(database[TURNS].find({"call_id": call_id}).sort("turn", 1).limit(MOST_TURNS))
    rows = rows or find_archived(database, TURNS, "call_id", [call_id])
    return sorted(rows, key=_number)[:MOST_TURNS]


def _number(turn: Document) -> float:
    """Return the number of a turn; one that has none, as other tools may write it, comes last."""
    return turn["turn"] if isinstance(turn.get("turn"), int | float) else float("inf")


def read_part(
    database: Database[Document],
    part: ArchivePart,
    columns: Sequence[str],
    where: Any = None,  # noqa: ANN401 (an expression of pyarrow.compute)
) -> pa.Table:
    """Return rows of one file, optionally only those for which the expression holds.

    Raises:
        ArchiveUnreadableError: it is not on this machine, or damaged.
    """
    path = folder(database) / part.file
    try:
        # Older files have fewer columns; reading with the schema leaves the missing ones empty.
        return pq.read_table(
            path,
            columns=list(columns),
            filters=where,
            schema=SCHEMAS[part.collection],
            page_checksum_verification=True,
        )
    except FileNotFoundError:
        # It may have been rewritten since the catalogue was read.
        row = database[CATALOGUE].find_one({"_id": part.id})
        if row is None:
            return SCHEMAS[part.collection].empty_table().select(list(columns))
        if row["file"] != part.file:
            return read_part(database, part.model_copy(update={"file": row["file"]}), columns, where)
        raise ArchiveUnreadableError(
            f"archived calls of {part.day} are not on this machine ({path} is missing): "
            "restore the file, or set DATA_DIR to that of the machine that archives",
            part,
        ) from None
    except (OSError, pa.ArrowException) as error:
        raise ArchiveUnreadableError(f"{path} is damaged; restore it from a backup", part) from error


def to_row(document: Mapping[str, Any]) -> Document:
    """Return a stored record as a row of SCHEMAS."""
    row = {**document, "recorded_at": document["recorded_at"].as_datetime()}
    for name in _AS_JSON & row.keys():
        row[name] = orjson.dumps(row[name]).decode()
    if old := row.pop("error_types", ()):  # schema version 1
        row["errors"] = [*row.get("errors", ()), *({"type": one} for one in old)]
    return row


def to_stored(row: Mapping[str, Any]) -> Document:
    """Return a row of SCHEMAS as the record it was; empty fields are left out."""
    document: Document = _without_nulls(row)
    document["recorded_at"] = Timestamp(row["recorded_at"], 0)
    for name in _AS_JSON & document.keys():
        document[name] = orjson.loads(document[name])
    return document


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 (nested data)
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
