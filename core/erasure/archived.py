"""Whose the archived calls are: every lead's that the call itself or any of its sources names."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
import pyarrow as pa
from pymongo.database import Database

from core.storage.archive.archived_rows import CATALOGUE, parts, pc, read_part
from core.storage.collections import CALLS
from core.types import Document


def archived_of(database: Database[Document], leads: Sequence[str]) -> list[str]:
    """Return the ids of the leads' archived calls, even if only one source names the lead.

    Reads the calls with several sources of every file: erasing is rare, and must not miss any.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    if not is_filled(database):
        return []
    perhaps = pc.field("lead_id").isin(pa.array(leads, pa.string())) | pc.field("sources").is_valid()
    rows = archived_columns(database, ["_id", "lead_id", "sources"], perhaps)
    return [row["_id"] for row in rows if not leads_named(row).isdisjoint(leads)]


def archived_columns(
    database: Database[Document],
    columns: Sequence[str],
    where: Any = None,  # noqa: ANN401 (an expression of pyarrow.compute)
) -> Iterator[Document]:
    """Yield some columns of the archived calls, optionally only of those for which the expression holds.

    Raises:
        ArchiveUnreadableError: a file is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    for part in parts(database, {"collection": CALLS}):
        yield from read_part(database, part, columns, where).to_pylist()


def leads_named(row: Document) -> set[str]:
    """Return the leads that an archived call is of, by its own field and by those of its sources."""
    sources = orjson.loads(row["sources"]).values() if row.get("sources") else ()
    said = (source.get("facts", {}).get("lead_id") for source in sources)
    return {lead for lead in (row.get("lead_id"), *said) if isinstance(lead, str)}


def texts(ids: Iterable[object]) -> list[str]:
    """Return those ids that the archive can hold: what other tools have stored may be of any type."""
    return [one for one in ids if isinstance(one, str)]


def is_filled(database: Database[Document]) -> bool:
    """Return whether anything is archived; without an archive, PyArrow need not be asked."""
    return database[CATALOGUE].find_one({}, {"_id": 1}) is not None
