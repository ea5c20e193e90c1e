"""The choices filters offer: the languages and campaigns that calls have."""

from typing import Literal

from bson import Timestamp
from pymongo.database import Database

from core.aggregation.rollups.cells import OTHER
from core.aggregation.rollups.codec import SCHEMA_VERSION, values_of_documents
from core.aggregation.rollups.read import LATE
from core.aggregation.rollups.refresh import days_key, windows_key
from core.models.definitions import DIMENSIONS
from core.settings import get_settings
from core.storage import rollup_store
from core.storage.collections import CALLS, ROLLUPS_CAMPAIGNS, ROLLUPS_DAILY
from core.types import Document

_DOCUMENTS = 400
"""One document is a day: values that do not occur in the newest 400 days with calls are no longer offered."""


def languages(database: Database[Document]) -> list[str]:
    """Return the languages of the calls, in alphabetical order."""
    return _values(database, "language")


def campaigns(database: Database[Document]) -> list[str]:
    """Return the campaigns of the calls, in alphabetical order."""
    return _values(database, "campaign")


def _values(database: Database[Document], dimension: Literal["language", "campaign"]) -> list[str]:
    """Return a dimension's values, from the newest days of the roll-ups and from calls recorded since."""
    zone = get_settings().timezone
    until = rollup_store.until(database, windows_key(), days_key(zone))
    if {windows_key(), days_key(zone)} - until.keys():
        return _sorted(database[CALLS].distinct(dimension))
    query = {"_id": {"$gte": f"{zone}:", "$lt": f"{zone}:~"}, "schema_version": SCHEMA_VERSION}
    collection = ROLLUPS_CAMPAIGNS if dimension == "campaign" else ROLLUPS_DAILY
    rows = database[collection].find(query, {"words": 1, "codes": 1}).sort("_id", -1).limit(_DOCUMENTS)
    recorded = {"recorded_at": {"$gte": Timestamp(min(until.values()) - LATE, 0)}}
    new = database[CALLS].distinct(dimension, recorded)
    return _sorted([*values_of_documents(rows, DIMENSIONS.index(dimension), collection), *new])


def _sorted(values: list[object]) -> list[str]:
    # Other tools may have stored a value that is no text. No call has OTHER: it stands for values that a
    # day's roll-up did not keep apart.
    texts = (value for value in values if isinstance(value, str))
    return sorted({text for text in texts if text and text != OTHER})
