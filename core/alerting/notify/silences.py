"""The ``silences`` collection."""

from collections.abc import Iterable
from datetime import datetime

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.models.silences import SILENCE_SCHEMA_VERSION, Silence
from core.storage.collections import SILENCES
from core.storage.readable import each_readable
from core.types import Document


def _in_force(now: datetime) -> Document:
    return {"start": {"$lte": now}, "$or": [{"end": None}, {"end": {"$gt": now}}]}


async def current_silences(database: AsyncDatabase[Document], now: datetime) -> list[Silence]:
    """Return the silences that may be active at a given time."""
    return _usable(await database[SILENCES].find(_in_force(now)).to_list())


def all_silences(database: Database[Document]) -> list[Silence]:
    """Return every silence, newest first."""
    return _usable(database[SILENCES].find().sort("start", -1))


def keep_silence(database: Database[Document], silence: Silence) -> None:
    """Store a silence."""
    fields = silence.model_dump(mode="json", exclude={"id", "start", "end"})
    times = {"start": silence.start, "end": silence.end, "version": SILENCE_SCHEMA_VERSION}
    database[SILENCES].replace_one({"_id": silence.id}, fields | times, upsert=True)


def _usable(rows: Iterable[Document]) -> list[Silence]:
    return list(each_readable(rows, _silence, SILENCES))


def _silence(row: Document) -> Silence:
    fields = {key: value for key, value in row.items() if key in Silence.model_fields}
    return Silence.model_validate(fields | {"id": row["_id"]})
