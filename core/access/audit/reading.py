"""Reading the audit log: pages, the newest first, narrowed by who, what, to what and when."""

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
    """Which entries; None lets all pass."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    """An id as an entry has it, a call's id, or a lead's."""
    since: datetime | None = None
    until: datetime | None = None

    def query(self) -> Document:
        """The same as MongoDB asks it."""
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
    """Yield the entries, the newest first.

    Args:
        database: the store.
        wanted: which.
        before: a page's last number: go on after it.
        most: so many at most.

    Raises:
        PyMongoError: the database does not answer.
    """
    for row in _find(database, wanted, before).limit(most or 0):
        yield _entry(row)


def _entry(row: Document) -> Entry:
    """An entry as it is stored, also one that somebody changed into none: verifying tells."""
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
        # Where it was let go meanwhile, there is nothing after it.
        query = {"$and": [query, later, {"at": {"$lte": at}}]} if at else {"_id": {"$lt": 0}}
    return database[AUDIT].find(query).sort(_NEWEST_FIRST)


def actors(database: Database[Document]) -> list[str]:
    """Return who acted, by name.

    Raises:
        PyMongoError: the database does not answer.
    """
    return sorted(map(str, database[AUDIT].distinct("actor")))


COLUMNS = ("n", "at", "actor", "role", "action", "subject", "about", "previous", "key", "hash")


def csv_row(entry: Entry) -> list[object]:
    """Return the values of an entry for a CSV, in the order of COLUMNS; times in TIMEZONE."""
    fields = entry.model_dump()
    fields["at"] = entry.at.astimezone(get_settings().tz).isoformat(timespec="milliseconds")
    fields["about"] = orjson.dumps(entry.about, option=orjson.OPT_SORT_KEYS).decode() if entry.about else ""
    return [harmless(fields[name]) for name in COLUMNS]
