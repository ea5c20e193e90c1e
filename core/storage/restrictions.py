"""Leads whose data must be kept for a while but shown to nobody: their calls count, and appear on no list."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pymongo.database import Database

from core.clock import utc_now
from core.storage.collections import RESTRICTIONS
from core.storage.readable import each_readable
from core.storage.server.connection import DURABLE
from core.types import Document

KNOWN_SECONDS = 2.0
"""How long a process may not know yet about a lead that another one has hidden."""
LONGEST_REASON = 500
_known: dict[tuple[int, str], tuple[float, list[str]]] = {}


class Restriction(BaseModel):
    """A hidden lead: since when, until when it is kept, and why. Times in UTC."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    lead_id: str = Field(alias="_id", min_length=1, max_length=256)
    since: datetime = Field(default_factory=utc_now)
    until: datetime
    reason: str = Field(min_length=1, max_length=LONGEST_REASON)
    by: str


def restrict(database: Database[Document], restriction: Restriction) -> None:
    """Hide a lead from now on; a hidden one gets the new end and reason.

    Raises:
        PyMongoError: the database does not answer.
    """
    row = restriction.model_dump(by_alias=True)
    changes = {"$set": {name: row[name] for name in ("until", "reason", "by")}}
    known = {"_id": row["_id"]}
    _collection(database).update_one(known, changes | {"$setOnInsert": {"since": row["since"]}}, upsert=True)
    _known.clear()


def lift(database: Database[Document], lead_ids: Sequence[str]) -> bool:
    """Show a lead again, under all its ids; False if it was not hidden.

    Raises:
        PyMongoError: the database does not answer.
    """
    _known.clear()
    return bool(_collection(database).delete_many({"_id": {"$in": list(lead_ids)}}).deleted_count)


def restrictions(database: Database[Document], due: datetime | None = None) -> list[Restriction]:
    """Return the hidden leads, or only those whose time is up at a given moment.

    A row that cannot be read is logged and left out; its lead stays hidden.

    Raises:
        PyMongoError: the database does not answer.
    """
    query: Document = {} if due is None else {"until": {"$lte": due}}
    rows = database[RESTRICTIONS].find(query).sort("until", 1)
    return list(each_readable(rows, Restriction.model_validate, RESTRICTIONS))


def restriction_of(database: Database[Document], lead_ids: Sequence[str]) -> Restriction | None:
    """Return why a lead is hidden, given one of its ids; None if it is not.

    Raises:
        PyMongoError: the database does not answer.
    """
    row = database[RESTRICTIONS].find_one({"_id": {"$in": list(lead_ids)}})
    return None if row is None else Restriction.model_validate(row)


def hidden_leads(database: Database[Document]) -> list[str]:
    """Return the ids of hidden leads; the answer may be up to 2 s old.

    Raises:
        PyMongoError: the database does not answer.
    """
    key, now = (id(database.client), database.name), time.monotonic()
    at, leads = _known.get(key, (-KNOWN_SECONDS, []))
    if now - at >= KNOWN_SECONDS:
        leads = [str(row["_id"]) for row in database[RESTRICTIONS].find({}, {"_id": 1})]
        _known[key] = now, leads
    return leads


def visible(database: Database[Document], query: Document) -> Document:
    """Return the query restricted to calls whose lead is not hidden.

    Raises:
        PyMongoError: the database does not answer.
    """
    hidden = hidden_leads(database)
    return {"$and": [query, {"lead_id": {"$nin": hidden}}]} if hidden else query


def is_hidden(database: Database[Document], call: Document) -> bool:
    """Return whether a stored call belongs to a hidden lead.

    Raises:
        PyMongoError: the database does not answer.
    """
    return call.get("lead_id") in hidden_leads(database)


def _collection(database: Database[Document]) -> Any:  # noqa: ANN401 (a collection)
    return database.get_collection(RESTRICTIONS, write_concern=DURABLE)
