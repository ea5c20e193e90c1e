"""Find a lead under every id it is stored by: a phone number is written in many ways."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from pymongo.database import Database

from core.erasure.archived import archived_columns, is_filled, leads_named
from core.privacy.sensitive import ending_of, lead_ids_of, phone_of
from core.storage.archive.archived_rows import parts, pc, read_part
from core.storage.collections import ACTIVE_CALLS, CALLS
from core.types import Document

LEADS_SAID: Document = {"$map": {"input": {"$objectToArray": "$sources"}, "in": "$$this.v.facts.lead_id"}}
"""The lead that each source of a call names, as an expression of an aggregation."""


def leads_known_as(database: Database[Document], lead_id: str, more: Iterable[str] = ()) -> list[str]:
    """Return the ids a lead is stored under: those of its id, and other spellings of the same phone number.

    With BLIND_INDEX_KEY all spellings have one id. Without it, +91 98111 22233 and 09811122233 are stored as
    they were given, and both are this person. Reads the ids of the archive, and all calls with several
    sources, archived ones too.

    Args:
        database: the store.
        lead_id: the lead; of a phone number, any spelling.
        more: ids of leads that are stored elsewhere.

    Raises:
        ArchiveUnreadableError: a file of the archive is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    leads, phone = lead_ids_of(lead_id), phone_of(lead_id)
    if phone is None:
        return leads
    same = sorted({other for other in chain(_like(database, phone), more) if phone_of(other) == phone})
    return list(dict.fromkeys([*leads, *same]))


def _like(database: Database[Document], phone: str) -> Iterator[str]:
    """Yield stored ids that end in the same digits, however they are spaced."""
    pattern = ending_of(phone)
    looks_like = {"$regex": pattern}
    for name in (CALLS, ACTIVE_CALLS):
        yield from database[name].distinct("lead_id", {"lead_id": looks_like})
    of_sources: list[Document] = [
        {"$match": {"sources": {"$type": "object"}}},
        {"$project": {"said": LEADS_SAID}},
        {"$unwind": "$said"},
        {"$match": {"said": looks_like}},
        {"$group": {"_id": "$said"}},
    ]
    yield from (row["_id"] for row in database[CALLS].aggregate(of_sources))
    if is_filled(database):
        ending = re.compile(pattern)
        yield from (one for one in _archived_leads(database) if ending.search(one))


def _archived_leads(database: Database[Document]) -> Iterator[str]:
    for part in parts(database, {"collection": CALLS}):
        ids = read_part(database, part, ["lead_id"])["lead_id"].unique().to_pylist()
        yield from (one for one in ids if one)
    for row in archived_columns(database, ["sources"], pc.field("sources").is_valid()):
        yield from leads_named(row)
