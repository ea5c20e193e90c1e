"""The keys of leads, wrapped, in the collection ``lead_keys``: never in a backup, destroyed by an erasure.

That is why nobody can open what an older backup or archive still holds about an erased lead.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymongo import UpdateOne
from pymongo.database import Database

from core.errors import UserError
from core.files import new_private, sync
from core.privacy.encryption import EncryptionService, SealError
from core.storage.collections import CALLS, LEAD_KEYS
from core.storage.readable import each_readable
from core.storage.receipts import Receipts
from core.storage.sealing.contents import OF_CALL
from core.storage.server.connection import DURABLE
from core.types import Document, Progress, counted

AT_ONCE = 1_000


class LeadKey(BaseModel):
    """A lead's key, wrapped, as it is stored and exported."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: str = Field(alias="_id", pattern=r"^[0-9a-f]{32}$")
    lead: str = Field(min_length=1, max_length=300)
    wrapped: str = Field(pattern=r"^key:1:")
    created_at: datetime
    phones: list[str] = Field(default_factory=list, description="Blind indexes of the phones sealed under it")
    of: str | None = Field(
        default=None, max_length=300, description="Whose a call's own key is, once its lead is known"
    )


def find_key(database: Database[Document], name: str) -> LeadKey | None:
    """Return the key of that name; None if it was destroyed.

    Raises:
        SealError: it is stored in a form that cannot be read.
        PyMongoError: the database does not answer.
    """
    row = database[LEAD_KEYS].find_one({"_id": name})
    try:
        return None if row is None else LeadKey.model_validate(row)
    except ValidationError:
        raise SealError("its key cannot be read: it was changed") from None


def destroy_keys(database: Database[Document], owners: Collection[str]) -> int:
    """Destroy the keys of some leads and calls, and of calls noted as theirs; return how many there were.

    Raises:
        PyMongoError: the database does not answer.
    """
    keys = database.get_collection(LEAD_KEYS, write_concern=DURABLE)
    return keys.delete_many(_of(owners)).deleted_count


def keyed(database: Database[Document], owners: Collection[str]) -> list[str]:
    """Return those of some leads and calls that have a key, and the calls with a key noted as theirs.

    Raises:
        PyMongoError: the database does not answer.
    """
    return database[LEAD_KEYS].distinct("lead", _of(owners))


def note_leads(database: Database[Document], leads: Mapping[str, str]) -> None:
    """Note on keys that calls have of their own whose they are, before the calls leave the database.

    What was said before a call's lead was known is under such a key. With the note it goes with the lead,
    even if nothing else tells any more whose call it was.

    Args:
        database: the store.
        leads: the leads of some calls, by the calls' ids.

    Raises:
        PyMongoError: the database does not answer.
    """
    ids, keys = list(leads), database.get_collection(LEAD_KEYS, write_concern=DURABLE)
    for first in range(0, len(ids), AT_ONCE):
        names = [f"{OF_CALL}{call_id}" for call_id in ids[first : first + AT_ONCE]]
        found = keys.find({"lead": {"$in": names}}, {"lead": 1}).to_list()
        if changes := [
            UpdateOne({"_id": row["_id"]}, {"$set": {"of": leads[row["lead"].removeprefix(OF_CALL)]}})
            for row in found
        ]:
            keys.bulk_write(changes, ordered=False)


def note_all_leads(database: Database[Document]) -> None:
    """Note whose the keys of calls are, for every call in the database.

    Raises:
        PyMongoError: the database does not answer.
    """
    query: Document = {"lead": {"$regex": f"^{OF_CALL}"}, "of": {"$exists": False}}
    names = (str(row["lead"]).removeprefix(OF_CALL) for row in database[LEAD_KEYS].find(query, {"lead": 1}))
    while ids := list(islice(names, AT_ONCE)):
        known = database[CALLS].find({"_id": {"$in": ids}, "lead_id": {"$type": "string"}}, {"lead_id": 1})
        note_leads(database, {str(row["_id"]): str(row["lead_id"]) for row in known})


def _of(owners: Collection[str]) -> Document:
    names = {"$in": sorted(owners)}
    return {"$or": [{"lead": names}, {"of": names}]}


def wrapped_with(database: Database[Document]) -> dict[str, int]:
    """Return how many leads' keys each key of ENCRYPTION_KEYS wraps, by name.

    Raises:
        PyMongoError: the database does not answer.
    """
    by = {"$arrayElemAt": [{"$split": ["$wrapped", ":"]}, 2]}
    readable = {"$match": {"wrapped": {"$regex": "^key:1:"}}}
    counts = {"$group": {"_id": by, "n": {"$sum": 1}}}
    found = database[LEAD_KEYS].aggregate([readable, counts, {"$sort": {"_id": 1}}])
    return {str(row["_id"]): row["n"] for row in found}


def rotate(database: Database[Document], service: EncryptionService, progress: Progress) -> int:
    """Rewrap every lead's key with the first key of ENCRYPTION_KEYS; return how many were rewrapped.

    Each result is opened and compared before it replaces the old one. If the process is killed at any point,
    the next run continues.

    Raises:
        SealError: a key is wrapped by one that is not in ENCRYPTION_KEYS; the others were rewrapped.
        PyMongoError: the database does not answer.
    """
    keys = database.get_collection(LEAD_KEYS, write_concern=DURABLE)
    left: Document = {"wrapped": {"$not": {"$regex": f"^key:1:{service.first}:"}}}
    total, done, failed = keys.count_documents(left), 0, list[SealError]()
    last = ""
    while rows := keys.find(left | {"_id": {"$gt": last}}).sort("_id", 1).limit(AT_ONCE).to_list():
        last = str(rows[-1]["_id"])
        changes = []
        for row in rows:
            try:
                changes.append(_rewrapped(service, row))
            except SealError as error:
                failed.append(error)
        if changes:
            done += keys.bulk_write(changes, ordered=False).modified_count
        progress("Wrapping keys", done, max(total, done))
    if failed:
        raise SealError(f"{counted(len(failed), 'key')} not rewrapped: {failed[0]}")
    return done


def _rewrapped(service: EncryptionService, row: Document) -> UpdateOne:
    wrapped = str(row.get("wrapped"))
    new = service.rewrap(row["_id"], wrapped)
    if service.unwrap(row["_id"], new) != service.unwrap(row["_id"], wrapped):
        raise SealError("a key does not open as it was wrapped")
    return UpdateOne({"_id": row["_id"], "wrapped": wrapped}, {"$set": {"wrapped": new}})


def export_keys(database: Database[Document], file: Path) -> int:
    """Write all keys that can be read, wrapped as they are, to a new file; return how many there are.

    Raises:
        UserError: the file exists, or cannot be written.
        PyMongoError: the database does not answer.
    """
    count = 0
    try:
        with new_private(file) as out:
            rows = database[LEAD_KEYS].find().sort("_id", 1)
            for key in each_readable(rows, LeadKey.model_validate, LEAD_KEYS):
                out.write(key.model_dump_json(by_alias=True).encode() + b"\n")
                count += 1
        sync(file)
    except OSError as error:
        remedy = "; name a new file" if isinstance(error, FileExistsError) else ""
        raise UserError(f"{file} cannot be written: {error.strerror}{remedy}") from None
    return count


class Imported(BaseModel):
    """The result of importing a file of keys."""

    stored: int = 0
    there: int = 0
    """Keys of leads that already had one."""
    erased: int = 0
    """Keys of leads that have been erased; they stay destroyed."""

    def plus(self, other: Self) -> "Imported":
        """Return the sum of both."""
        return Imported(
            **{name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields}
        )


def import_keys(database: Database[Document], file: Path, progress: Progress) -> Imported:
    """Store the keys of a file, except for leads that have one or were erased since.

    Return what became of them.

    Raises:
        UserError: the file cannot be read, or was not written by :func:`export_keys`; nothing was stored.
        PyMongoError: the database does not answer; import it again.
    """
    try:
        keys = [LeadKey.model_validate_json(line) for line in file.read_bytes().splitlines()]
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError:
        raise UserError(f"{file} is not a key file, or is damaged; nothing was stored") from None
    done, receipts = Imported(), Receipts()
    for first in range(0, len(keys), AT_ONCE):
        some = keys[first : first + AT_ONCE]
        good = [key for key in some if not receipts.covers(key.lead, key.created_at)]
        done = done.plus(_store(database, good)).plus(Imported(erased=len(some) - len(good)))
        progress("Importing keys", first + len(some), len(keys))
    return done


def _store(database: Database[Document], some: Sequence[LeadKey]) -> Imported:
    if not some:
        return Imported()
    inserts = [
        UpdateOne(
            {"lead": key.lead}, {"$setOnInsert": key.model_dump(by_alias=True, exclude={"lead"})}, upsert=True
        )
        for key in some
    ]
    keys = database.get_collection(LEAD_KEYS, write_concern=DURABLE)
    stored = keys.bulk_write(inserts, ordered=False).upserted_count
    return Imported(stored=stored, there=len(some) - stored)
