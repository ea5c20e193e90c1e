"""The ``silences`` collection."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.logging_config import get_logger
from core.models.silences import SILENCE_SCHEMA_VERSION, Silence
from core.storage.collections import SILENCES
from core.types import Document

logger = get_logger("alerting")


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


def _usable(rows: Iterable[Mapping[str, Any]]) -> list[Silence]:
    silences = []
    for row in rows:
        fields = {key: value for key, value in row.items() if key in Silence.model_fields}
        try:
            silences.append(Silence.model_validate(fields | {"id": row["_id"]}))
        except ValidationError:
            logger.exception("Silence cannot be used", extra={"silence": row["_id"]})
    return silences
