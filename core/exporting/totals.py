"""Totals of all calls that only ever rise, kept in the database; counters are read from them.

Each day keeps the highest sums it ever had, and the totals add up all days. A corrected call moves from one
sum to another within its day, an erased call takes nothing away, and a change to a past day does not delay
other days. Reading the totals means reading one document, however many calls there are.

The scheduler adds the days that were rolled up again. If it is killed at any point, no day is counted twice:
a single write stores the new totals together with the days they include (``taking``), which are then stored
on their own.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from core.aggregation.rollups.cells import MEASURES
from core.aggregation.rollups.codec import SCHEMA_VERSION, cells_of_documents, projection
from core.exporting.catalogue import ERRORS, MOST_ERROR_TYPES, OTHER
from core.exporting.sums import Key, Sums, error_label, sums_of
from core.models.values import MOST_TOTAL
from core.settings import get_settings
from core.storage.collections import A_TIME, DUPLICATE_KEY, EXPORTED_DAYS, EXPORTED_TOTALS, ROLLUPS_DAILY
from core.storage.readable import each_readable
from core.storage.server.connection import DURABLE, server_time
from core.types import Document

OVERLAP = timedelta(minutes=10)
"""Days rolled up this recently are checked again: one may have arrived late, or a clock been set back."""
_DAYS_AT_ONCE = 50
_ID = "calls"
_PACKING = 3


@dataclass(frozen=True)
class Totals:
    """The totals, since when they are kept, and up to which roll-up they include days.

    ``floor`` is what was published before the days' zone changed; nothing below it is ever published again.
    """

    zone: str
    since: datetime
    sums: Sums = field(default_factory=dict)
    floor: Sums = field(default_factory=dict)
    until: datetime | None = None
    revision: int = 0

    @property
    def published(self) -> Sums:
        """Return what is published."""
        return self.floor | {
            key: value for key, value in self.sums.items() if value > self.floor.get(key, 0.0)
        }


def read_totals(database: Database[Document]) -> Totals | None:
    """Return the present totals; None before the first roll-up, or if they cannot be read.

    Raises:
        PyMongoError: the database does not answer.
    """
    rows = database[EXPORTED_TOTALS].find({"_id": _ID}, {"taking": 0})
    return next(each_readable(rows, _totals_of, EXPORTED_TOTALS), None)


def advance_totals(database: Database[Document]) -> int:
    """Add the days that were rolled up since the last time to the totals; return how many changed them.

    Raises:
        PyMongoError: the database does not answer; the next run does what is left.
    """
    totals, now = _begin(database), server_time(database)
    late = now - OVERLAP
    if totals.since > now:  # the server's clock was ahead when they were begun
        totals = replace(totals, since=now)
    query: Document = {"zone": totals.zone, "schema_version": SCHEMA_VERSION, "calls": {"$gt": 0}}
    query["read_at"] = A_TIME
    if totals.until is not None:
        query["read_at"] = {"$gte": min(totals.until, late)}
    found = list(database[ROLLUPS_DAILY].find(query, {"read_at": 1}).sort("read_at", 1))
    taken = 0
    for first in range(0, len(found), _DAYS_AT_ONCE):
        part = found[first : first + _DAYS_AT_ONCE]
        ids = [row["_id"] for row in part]
        before = _stored_days(database, ids)
        if before is None:
            _count_again(database, totals)
            return taken
        sums, days = _take_in(database, totals, ids, before)
        if days or totals.until != part[-1]["read_at"]:
            later = replace(totals, sums=sums, until=part[-1]["read_at"], revision=totals.revision + 1)
            if not _store(database, later, days):
                return taken  # another scheduler is doing it
            totals = later
        taken += len(days)
    return taken


def _begin(database: Database[Document]) -> Totals:
    """Return the totals in today's zone, after storing the days they include."""
    zone = get_settings().timezone
    row = database[EXPORTED_TOTALS].find_one({"_id": _ID})
    if row is None:
        return Totals(zone, server_time(database))
    totals, taking = next(each_readable([row], _with_days, EXPORTED_TOTALS), (None, []))
    if totals and totals.zone == zone:
        _write_days(database, totals.revision, taking)
        return totals
    database[EXPORTED_DAYS].delete_many({})  # all of them are counted again
    if totals:
        return replace(totals, zone=zone, floor=totals.published, sums={}, until=None)
    database[EXPORTED_TOTALS].delete_one({"_id": _ID, "revision": row.get("revision")})
    return Totals(zone, server_time(database))


def _with_days(row: Document) -> tuple[Totals, list[tuple[str, bytes]]]:
    return _totals_of(row), [(name, bytes(sums)) for name, sums in row["taking"]]


def _stored_days(database: Database[Document], ids: Sequence[str]) -> dict[str, Sums] | None:
    """Return what these days gave to the totals; None if one of them cannot be read."""
    rows = list(database[EXPORTED_DAYS].find(_any_of(ids)))
    days = dict(each_readable(rows, _stored_day, EXPORTED_DAYS))
    return days if len(days) == len(rows) else None


def _count_again(database: Database[Document], totals: Totals) -> None:
    """Have the next run count every day again; until then, the totals stay as they are.

    The totals first: if the days are not deleted, the next run is back here.
    """
    again = replace(totals, floor=totals.published, sums={}, until=None, revision=totals.revision + 1)
    if _store(database, again, {}):
        database[EXPORTED_DAYS].delete_many({})


def _take_in(
    database: Database[Document], totals: Totals, ids: Sequence[str], before: Mapping[str, Sums]
) -> tuple[Sums, dict[str, Sums]]:
    """Return the totals including these days, and the sums of those that rose.

    ``before`` holds what the days gave to the totals.
    """
    higher: dict[str, Sums] = {}
    sums = dict(totals.sums)
    types = {key for key in (*totals.floor, *sums) if key[0] == ERRORS.name}
    rows = database[ROLLUPS_DAILY].find(_any_of(ids) | {"calls": {"$gt": 0}}, projection(MEASURES))
    for day, now in each_readable(rows, _day_of, ROLLUPS_DAILY):
        known = before.get(day, {})
        rose = {key: value for key, value in now.items() if value > known.get(key, 0.0)}
        for key, value in rose.items():
            name = _bounded(key, types)
            # The rise first: added and taken away in turn, rounding could let the total fall by a hair.
            sums[name] = sums.get(name, 0.0) + (value - known.get(key, 0.0))
        if rose:
            higher[day] = known | rose
    return sums, higher


def _stored_day(row: Document) -> tuple[str, Sums]:
    return row["_id"], unpacked(row["sums"])


def _day_of(row: Document) -> tuple[str, Sums]:
    return row["_id"], sums_of(cells_of_documents([row], [row["start"]], MEASURES))


def _any_of(ids: Sequence[str]) -> Document:
    return {"_id": {"$in": list(ids)}}


def _bounded(key: Key, types: set[Key]) -> Key:
    """Return the key, or that of ``other`` if there are already too many ``types`` of errors."""
    if key[0] != ERRORS.name or key in types:
        return key
    name = key if len(types) < MOST_ERROR_TYPES else (ERRORS.name, OTHER)
    types.add(name)
    return name


def _store(database: Database[Document], totals: Totals, days: dict[str, Sums]) -> bool:
    """Store totals and the days that are new in them; return False if another process did in the meantime."""
    taking = [[name, packed(sums)] for name, sums in days.items()]
    row = {
        "zone": totals.zone,
        "since": totals.since,
        "until": totals.until,
        "revision": totals.revision,
        "sums": packed(totals.sums),
        "floor": packed(totals.floor),
        "taking": taking,
    }
    kept = database.get_collection(EXPORTED_TOTALS, write_concern=DURABLE)
    try:
        kept.update_one({"_id": _ID, "revision": totals.revision - 1}, {"$set": row}, upsert=True)
    except DuplicateKeyError:
        return False
    _write_days(database, totals.revision, taking)
    return True


def _write_days(database: Database[Document], revision: int, taking: Iterable[Sequence[Any]]) -> None:
    changes = [
        UpdateOne(
            {"_id": name, "revision": {"$lt": revision}},
            {"$set": {"sums": sums, "revision": revision}},
            upsert=True,
        )
        for name, sums in taking
    ]
    if not changes:
        return
    try:
        database.get_collection(EXPORTED_DAYS, write_concern=DURABLE).bulk_write(changes, ordered=False)
    except BulkWriteError as error:  # those stored in this revision, or a later one
        if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
            raise


def _totals_of(row: Document) -> Totals:
    if not isinstance(row["revision"], int) or not 0 <= row["revision"] <= MOST_TOTAL:
        raise ValueError("the revision of the totals is no count")
    return Totals(
        str(row["zone"]),
        row["since"].astimezone(UTC),
        unpacked(row["sums"]),
        unpacked(row["floor"]),
        row["until"].astimezone(UTC) if row["until"] else None,
        row["revision"],
    )


def packed(sums: Sums) -> bytes:
    """Return sums in their stored form: compressed JSON, a tenth of their size as a document."""
    return zlib.compress(orjson.dumps([[*key, value] for key, value in sums.items()]), _PACKING)


def unpacked(stored: bytes) -> Sums:
    """Return sums from their stored form; personal types of errors that were named before count as ``other``.

    Raises:
        ValueError, TypeError: it is something else.
    """
    try:
        rows = orjson.loads(zlib.decompress(stored))
    except zlib.error:
        raise ValueError("no sums") from None
    sums: Sums = {}
    for name, *labels, value in rows:
        key = (name, error_label(labels[0])) if name == ERRORS.name else (name, *labels)
        sums[key] = sums.get(key, 0.0) + value
    return sums
