"""Who asked not to be called again in a call that is archived: the wish outlives the call in the database."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from pymongo import UpdateOne
from pymongo.database import Database

from core.storage.archive.archived_rows import CATALOGUE, parts, pc, read_part
from core.storage.collections import CALLS, OPT_OUTS
from core.storage.readable import each_readable
from core.storage.server.connection import DURABLE
from core.types import Document

NOTED: Document = {"opt_outs_noted": True}
"""Of a file in the catalogue: the opt-outs in it are noted."""
_AT = "asked_at"


def note_opt_outs(database: Database[Document], calls: Iterable[Mapping[str, Any]]) -> None:
    """Keep, of calls on their way to the archive, which leads asked for no more, and when they first did.

    Raises:
        PyMongoError: the database does not answer.
    """
    asked = [
        UpdateOne({"_id": call["lead_id"]}, {"$min": {_AT: call["start_time"]}}, upsert=True)
        for call in calls
        if isinstance(call.get("lead_id"), str) and _says_so(call.get("compliance"))
    ]
    if asked:
        database.get_collection(OPT_OUTS, write_concern=DURABLE).bulk_write(asked, ordered=False)


def _says_so(said: object) -> bool:
    if isinstance(said, str):
        said = orjson.loads(said)
    return isinstance(said, Mapping) and said.get("opt_out") is True


def note_earlier(database: Database[Document]) -> None:
    """Note the opt-outs in files of the archive that were written before these were noted.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer; the next run continues.
    """
    catalogue = database.get_collection(CATALOGUE, write_concern=DURABLE)
    for part in parts(database, {"collection": CALLS, "opt_outs_noted": {"$ne": True}}):
        perhaps = pc.match_substring(pc.field("compliance"), "opt_out")
        table = read_part(database, part, ["lead_id", "start_time", "compliance"], perhaps)
        note_opt_outs(database, table.to_pylist())
        catalogue.update_one({"_id": part.id, "file": part.file}, {"$set": NOTED})


def archived_opt_outs(
    database: Database[Document], leads: Sequence[str | re.Pattern[str]] | None = None, most: int = 0
) -> dict[str, datetime]:
    """Return when leads first asked not to be called again, in calls that are archived.

    Args:
        database: the store.
        leads: of these, or those that a pattern matches; of all where it is None.
        most: how many at most; 0 is all.

    Raises:
        PyMongoError: the database does not answer.
    """
    query: Document = {} if leads is None else {"_id": {"$in": list(leads)}}
    return dict(each_readable(database[OPT_OUTS].find(query).limit(most), _told, OPT_OUTS))


def _told(row: Document) -> tuple[str, datetime]:
    lead_id, at = row["_id"], row[_AT]
    if not (isinstance(lead_id, str) and isinstance(at, datetime)):
        raise TypeError(_AT)
    return lead_id, at.replace(tzinfo=UTC)


def forget_opt_outs(database: Database[Document], leads: Sequence[str]) -> None:
    """Delete what is noted of some leads.

    Raises:
        PyMongoError: the database does not answer.
    """
    database.get_collection(OPT_OUTS, write_concern=DURABLE).delete_many({"_id": {"$in": list(leads)}})
