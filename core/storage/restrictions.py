"""Leads whose data must be kept for a while but shown to nobody: their calls count, and appear on no list."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymongo.database import Database

from core.clock import utc_now
from core.errors import UserError, one_line
from core.privacy.sensitive import person_of, phone_of, usual_spellings
from core.storage.collections import RESTRICTIONS
from core.storage.readable import each_readable
from core.storage.server.connection import DURABLE
from core.types import Document

KNOWN_SECONDS = 2.0
"""How long a process may not know yet about a lead that another one has hidden."""
LONGEST_REASON = 500
LONGEST_ID = 256
MOST_SPELLINGS = 25_000
"""Most spellings of hidden phones that a query leaves out, shared among them: more would slow every list."""
_FEWEST_SPELLINGS = 7
"""How many of each phone are left out however many phones are hidden: those in one piece."""


@dataclass(frozen=True)
class _Hidden:
    """The hidden leads: who they are, and the ids that queries leave out."""

    persons: frozenset[str] = frozenset()
    ids: tuple[str, ...] = ()

    def cover(self, lead_id: object) -> bool:
        return isinstance(lead_id, str) and bool(self.persons) and person_of(lead_id) in self.persons


_known: dict[tuple[int, str], tuple[float, _Hidden]] = {}


class RestrictionUnreadableError(UserError):
    """Until when a hidden lead must be kept cannot be read; the text names the remedy."""


class Restriction(BaseModel):
    """A hidden lead: since when, until when it is kept, and why. Times in UTC."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    lead_id: str = Field(alias="_id", min_length=1, max_length=LONGEST_ID)
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
    """Show a lead again, under all its ids and spellings; False if it was not hidden.

    Raises:
        PyMongoError: the database does not answer.
    """
    _known.clear()
    rows = restricted_ids(database, lead_ids)
    return bool(_collection(database).delete_many({"_id": {"$in": rows}}).deleted_count)


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
    """Return why a lead is hidden, given one of its ids in any spelling; None if it is not.

    Where its spellings were hidden for different times, the longest counts.

    Raises:
        RestrictionUnreadableError: there is nothing that says for how long.
        PyMongoError: the database does not answer.
    """
    rows = database[RESTRICTIONS].find({"_id": {"$in": restricted_ids(database, lead_ids)}})
    row = next(rows.sort("until", -1).limit(1), None)
    try:
        return None if row is None else Restriction.model_validate(row)
    except ValidationError as error:
        raise RestrictionUnreadableError(
            f"it is hidden, but until when cannot be read ({one_line(error)}): show-lead shows it again"
        ) from None


def restricted_ids(database: Database[Document], lead_ids: Sequence[str]) -> list[str]:
    """Return the ids, in any spelling, under which a lead is hidden.

    Raises:
        PyMongoError: the database does not answer.
    """
    persons = {person_of(lead) for lead in lead_ids}
    return [one for one in _ids(database) if person_of(one) in persons]


def hidden_leads(database: Database[Document]) -> tuple[str, ...]:
    """Return the ids of hidden leads, with the usual spellings of phones; it may be up to 2 s old.

    For queries, which cannot compare phones; :func:`hiding` also knows rare spellings.

    Raises:
        PyMongoError: the database does not answer.
    """
    return _hidden(database).ids


def hiding(database: Database[Document]) -> Callable[[object], bool]:
    """Return a function that says of an id, in any spelling, whether its lead is hidden; up to 2 s old.

    Raises:
        PyMongoError: the database does not answer.
    """
    return _hidden(database).cover


def _hidden(database: Database[Document]) -> _Hidden:
    key, now = (id(database.client), database.name), time.monotonic()
    at, hidden = _known.get(key, (-KNOWN_SECONDS, _Hidden()))
    if now - at >= KNOWN_SECONDS:
        hidden = _hidden_as(_ids(database))
        _known[key] = now, hidden
    return hidden


def _hidden_as(ids: Sequence[str]) -> _Hidden:
    # Of a phone and its blind index, which does not tell the phone, the phone comes last and stays.
    persons = {person_of(one): one for one in sorted(ids, key=lambda one: phone_of(one) is not None)}
    share = max(_FEWEST_SPELLINGS, MOST_SPELLINGS // max(1, len(persons)))
    usual = (one for lead in persons.values() for one in islice(usual_spellings(lead), share + 1))
    return _Hidden(frozenset(persons), tuple(dict.fromkeys([*ids, *persons, *usual])))


def _ids(database: Database[Document]) -> list[str]:
    return [str(row["_id"]) for row in database[RESTRICTIONS].find({}, {"_id": 1})]


def visible(database: Database[Document], query: Document) -> Document:
    """Return the query restricted to calls whose lead is not hidden.

    Raises:
        PyMongoError: the database does not answer.
    """
    hidden = hidden_leads(database)
    return {"$and": [query, {"lead_id": {"$nin": list(hidden)}}]} if hidden else query


def is_hidden(database: Database[Document], call: Document) -> bool:
    """Return whether a stored call belongs to a hidden lead.

    Raises:
        PyMongoError: the database does not answer.
    """
    return hiding(database)(call.get("lead_id"))


def _collection(database: Database[Document]) -> Any:  # noqa: ANN401 (a collection)
    return database.get_collection(RESTRICTIONS, write_concern=DURABLE)
