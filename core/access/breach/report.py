"""The report on a breach, from what is stored and from the audit log; it changes nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from pymongo.database import Database

from core.access.audit.entries import READS, Entry
from core.access.audit.reading import Wanted, entries
from core.access.audit.subjects import call_subject
from core.access.breach.scope import TAKES_ALL, Scope, period_of
from core.access.breach.tally import LeadRow, Tally
from core.clock import to_utc
from core.storage.archive.archived_rows import SCHEMAS, find_archived, parts, pc, read_part, to_stored
from core.storage.collections import AUDIT, CALLS, LOGS, TURNS
from core.types import Document, Progress

_AT_ONCE = 1_000
_MOMENT = pa.timestamp("ms", tz="UTC")


@dataclass
class Reads:
    """How often somebody accessed the data in question, and when first and last."""

    times: int
    first: datetime
    last: datetime

    def add(self, at: datetime) -> None:
        """Count one more access."""
        self.times, self.first, self.last = self.times + 1, min(self.first, at), max(self.last, at)


@dataclass
class Breach:
    """What a breach affects."""

    scope: Scope
    tally: Tally
    turns: int = 0
    log_lines: int = 0
    reads: dict[tuple[str, str, str], Reads] = field(default_factory=dict)
    """By user, role and action."""
    audited_since: datetime | None = None
    """When the audit log begins; who read before that is unknown."""

    def leads(self) -> Iterator[LeadRow]:
        """Yield the affected leads, ordered by id."""
        return self.tally.each_lead()

    def note(self, entry: Entry) -> None:
        """Count an audit log entry that concerns the data."""
        who = (entry.actor, entry.role, entry.action)
        if who in self.reads:
            self.reads[who].add(entry.at)
        else:
            self.reads[who] = Reads(1, entry.at, entry.at)


def examine(
    database: Database[Document], scope: Scope, since: datetime, tally: Tally, progress: Progress
) -> Breach:
    """Find what is stored about the calls of a scope, and who read them; memory stays bounded.

    Args:
        database: the store.
        scope: which calls.
        since: nobody had read any of them before this time.
        tally: an empty one; the report reads from it for as long as it is open.
        progress: called with what is being read.

    Raises:
        ArchiveUnreadableError: a file of the archive is not on this machine, or damaged.
        PyMongoError: the database does not answer.
    """
    found = Breach(scope, tally)
    for start, end in scope.periods:
        period = {"$gte": start, "$lt": end}
        tally.add_calls(_each(database, CALLS, {"start_time": period}, progress))
        _add_others(database, found, {TURNS: {"start_time": period}, LOGS: {"timestamp": period}}, progress)
    _add_archived(database, found, progress)
    for first in range(0, len(scope.calls), _AT_ONCE):
        named = scope.calls[first : first + _AT_ONCE]
        some = [call_id for call_id in named if not tally.has(call_subject(call_id))]
        tally.add_calls(_each(database, CALLS, {"_id": {"$in": some}}, progress))
        tally.add_calls(find_archived(database, CALLS, "_id", some), archived=True)
        of_some = {"call_id": {"$in": some}}
        _add_others(database, found, {TURNS: of_some, LOGS: of_some}, progress)
        _add_turns(found, find_archived(database, TURNS, "call_id", some))
    oldest = database[AUDIT].find_one({}, {"at": 1}, sort=[("_id", 1)])
    found.audited_since = to_utc(oldest["at"]) if oldest else None
    for done, entry in enumerate(entries(database, Wanted(since=since)), start=1):
        if _concerns(entry, found):
            found.note(entry)
        if done % _AT_ONCE == 0:
            progress("Reading the audit log", done, done)
    return found


def _each(
    database: Database[Document], collection: str, query: Document, progress: Progress
) -> Iterator[Document]:
    total = database[collection].estimated_document_count()
    for done, row in enumerate(database[collection].find(query), start=1):
        if done % _AT_ONCE == 0:
            progress(f"Reading {collection}", done, max(total, done))
        yield row


def _add_others(
    database: Database[Document], found: Breach, queries: dict[str, Document], progress: Progress
) -> None:
    """Count turns and log lines."""
    for name, query in queries.items():
        for row in _each(database, name, query, progress):
            found.turns += name == TURNS
            found.log_lines += name == LOGS
            found.tally.add_fields(name, row)


def _add_archived(database: Database[Document], found: Breach, progress: Progress) -> None:
    """Count what is in the archive, one file at a time."""
    for start, end in found.scope.periods:
        files = parts(database, {"first": {"$lt": end}, "last": {"$gte": start}})
        since, until = (pa.scalar(moment, _MOMENT) for moment in (start, end))
        within = (pc.field("start_time") >= since) & (pc.field("start_time") < until)
        for done, part in enumerate(files):
            progress("Reading the archive", done, len(files))
            table = read_part(database, part, SCHEMAS[part.collection].names, within)
            for batch in table.to_batches(_AT_ONCE):
                rows = map(to_stored, batch.to_pylist())
                if part.collection == CALLS:
                    found.tally.add_calls(rows, archived=True)
                else:
                    _add_turns(found, rows)


def _add_turns(found: Breach, rows: Iterable[Document]) -> None:
    for row in rows:
        found.turns += 1
        found.tally.add_fields(TURNS, row)


def _concerns(entry: Entry, found: Breach) -> bool:
    """Return whether an entry says that somebody saw, or took, some of the data."""
    if entry.action in TAKES_ALL:
        return True
    if entry.action not in READS:
        return False
    period = period_of(entry)
    return found.tally.has(entry.subject) or (period is not None and found.scope.overlaps(period))
