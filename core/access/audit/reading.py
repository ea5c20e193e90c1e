"""Read the audit log in pages, newest first, filtered by who, what, on what and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from pydantic import ValidationError
from pymongo.cursor import Cursor
from pymongo.database import Database

from core.access.audit.entries import Entry
from core.access.audit.subjects import call_subject, lead_tokens
from core.aggregation.search.call_tables import harmless
from core.settings import get_settings
from core.storage.collections import AUDIT
from core.types import Document

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NEWEST_FIRST = [("at", -1), ("_id", -1)]


@dataclass(frozen=True)
class Wanted:
    """Which entries to read; None matches all."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    """A subject as in the entry, or the id of a call or a lead."""
    since: datetime | None = None
    until: datetime | None = None

    def query(self) -> Document:
        """Return it as a MongoDB query."""
        found: Document = {name: getattr(self, name) for name in ("actor", "action") if getattr(self, name)}
        if self.subject:
            names = {self.subject, call_subject(self.subject), *lead_tokens(self.subject)}
            found["subject"] = {"$in": sorted(names)}
        ends = {"$gte": self.since, "$lt": self.until}
        if at := {name: value for name, value in ends.items() if value is not None}:
            found["at"] = at
        return found


def entries(
    database: Database[Document], wanted: Wanted, *, before: int | None = None, most: int | None = None
) -> Iterator[Entry]:
    """Yield the entries, newest first.

    Args:
        database: the store.
        wanted: which entries.
        before: the last number of the previous page; continue below it.
        most: at most this many.

    Raises:
        PyMongoError: the database does not answer.
    """
    for row in _find(database, wanted, before).limit(most or 0):
        yield _entry(row)


def _entry(row: Document) -> Entry:
    """Return an entry as it is stored, even one that was tampered with.

    Reporting that is verification's job.
    """
    try:
        return Entry.of(row)
    except ValidationError:
        n, at = row["_id"], row.get("at")
        texts = {name: str(row.get(name, "")) for name in ("actor", "role", "action", "subject", "hash")}
        return Entry(
            n=n if isinstance(n, int) and n > 0 else 1,
            at=at if isinstance(at, datetime) else _NEVER,
            about={},
            previous="",
            key="",
            **texts,
        )


def _find(database: Database[Document], wanted: Wanted, before: int | None) -> Cursor[Document]:
    query = wanted.query()
    if before is not None:
        last = database[AUDIT].find_one({"_id": before}, {"at": 1})
        at = last["at"] if last else None
        later: Document = {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": before}}]}
        # If it was pruned in the meantime, nothing comes after it.
        query = {"$and": [query, later, {"at": {"$lte": at}}]} if at else {"_id": {"$lt": 0}}
    return database[AUDIT].find(query).sort(_NEWEST_FIRST)


def actors(database: Database[Document]) -> list[str]:
    """Return the names of all who acted.

    Raises:
        PyMongoError: the database does not answer.
    """
    return sorted(map(str, database[AUDIT].distinct("actor")))


COLUMNS = ("n", "at", "actor", "role", "action", "subject", "about", "previous", "key", "hash")


def csv_row(entry: Entry) -> list[object]:
    """Return an entry's values for a CSV, in the order of COLUMNS; times in TIMEZONE."""
    fields = entry.model_dump()
    fields["at"] = entry.at.astimezone(get_settings().tz).isoformat(timespec="milliseconds")
    fields["about"] = orjson.dumps(entry.about, option=orjson.OPT_SORT_KEYS).decode() if entry.about else ""
    return [harmless(fields[name]) for name in COLUMNS]
