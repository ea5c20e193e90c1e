"""Verify the whole audit log: is every entry there, in its place, and as it was written?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError
from pymongo.database import Database

from core.access.audit.anchor import Head, read_head
from core.access.audit.entries import NO_KEY, Entry, UnknownKeyError, keys, seal
from core.access.audit.prune import pruned_through
from core.storage.collections import AUDIT
from core.types import Document, Progress

_AT_ONCE = 1_000


@dataclass(frozen=True)
class Fault:
    """The first entry that is not as it was written, by its number, and what is wrong with it."""

    n: int
    why: str


@dataclass
class Report:
    """The result of a verification."""

    pruned: int = 0
    """Up to which number old entries were deleted."""
    entries: int = 0
    newest: Entry | None = None
    sealed: int = 0
    """Entries sealed with a key; nobody without it can rewrite them."""
    fault: Fault | None = None
    heads: list[Head] = field(default_factory=list)
    """Entries recorded outside the database that were compared."""

    @property
    def lines(self) -> list[str]:
        """Return the report in words."""
        said = [self._verdict()]
        if self.newest is not None:
            said.append(f"newest: {self.newest.head}, of {self.newest.at:%Y-%m-%d %H:%M:%S} UTC")
        if self.pruned:
            said.append(f"entries up to {self.pruned:,} were deleted for their age, as an entry says")
        if self.sealed < self.entries:
            bare = self.entries - self.sealed
            said.append(
                f"{bare:,} entries are sealed without AUDIT_KEY: who can write to the database could have "
                "written them all anew"
            )
        said += [f"compared with {head.where}: entry {head.n:,}" for head in self.heads]
        if not self.heads:
            said.append("compared with nothing outside of the database: a cut-off end would not show")
        return said

    def _verdict(self) -> str:
        if self.fault is not None:
            return f"BROKEN at entry {self.fault.n:,}: {self.fault.why}"
        return f"whole: {self.entries:,} entries" if self.entries else "whole: no entry yet"


def verify(
    database: Database[Document],
    progress: Progress = lambda _what, _done, _total: None,
    heads: Iterable[Head] = (),
) -> Report:
    """Compare every entry with its seal, and with the one before it; in bounded memory.

    What is checked is the numbers (no gap), the hash of each entry, the chain from each to the next, that no
    entry is sealed without a key after one with a key, and that the end still reaches what was recorded
    outside the database. The first fault ends the walk, since whatever follows it proves nothing.

    Args:
        database: the store.
        progress: called every 1,000 entries.
        heads: entries recorded elsewhere, in addition to those of this DATA_DIR.

    Raises:
        UserError: the head in DATA_DIR cannot be read.
        PyMongoError: the database does not answer.
    """
    own = read_head()
    known = [*heads, *([own] if own else [])]
    report = Report(pruned=pruned_through(database))
    report.heads = [head for head in known if head.n > report.pruned]
    wanted = {head.n: head for head in report.heads}
    total = database[AUDIT].estimated_document_count()
    for entry in _walk(database, report.pruned):
        if isinstance(entry, Fault):
            report.fault = entry
            return report
        report.entries += 1
        report.newest = entry
        report.sealed += entry.key != NO_KEY
        head = wanted.get(entry.n)
        if head is not None and head.hash != entry.hash:
            report.fault = Fault(entry.n, f"another entry was here when {head.where} was written")
            return report
        if report.entries % _AT_ONCE == 0:
            progress("Verifying the audit log", report.entries, max(total, report.entries))
    last = report.newest.n if report.newest else report.pruned
    beyond = max(report.heads, key=lambda head: head.n, default=None)
    if beyond is not None and beyond.n > last:
        report.fault = Fault(last + 1, f"the end is cut off: {beyond.where} knows of entry {beyond.n:,}")
    return report


def _walk(database: Database[Document], pruned: int) -> Iterator[Entry | Fault]:
    """Yield each entry that was not pruned, in order, ending with a Fault at the first one that is wrong."""
    expected, previous = pruned + 1, "" if not pruned else None
    is_sealed = False
    # Numbers sort before every other type of _id, so nothing that is not a number is skipped.
    rows = database[AUDIT].find({"_id": {"$not": {"$lte": pruned}}}, batch_size=_AT_ONCE).sort("_id", 1)
    for row in rows:
        entry = _entry(row)
        if entry is None:
            yield Fault(expected, "it is no entry of the log: changed, or put there by somebody else")
            return
        why = _wrong(entry, expected, previous, is_sealed=is_sealed)
        if why is not None:
            yield Fault(expected, why)
            return
        yield entry
        expected, previous = expected + 1, entry.hash
        is_sealed = entry.key != NO_KEY


def _entry(row: Document) -> Entry | None:
    try:
        return Entry.of(row)
    except (ValidationError, TypeError):
        return None


def _wrong(entry: Entry, expected: int, previous: str | None, *, is_sealed: bool) -> str | None:
    """Return what is wrong with an entry at its place; None if nothing is."""
    if entry.n != expected:
        gone = entry.n - expected
        return f"missing, and {gone - 1:,} after it" if gone > 1 else "missing"
    follows = previous is None or entry.previous == previous
    if is_sealed and entry.key == NO_KEY:
        return "sealed without a key, where the one before has one: written by somebody without AUDIT_KEY"
    try:
        return _WHY[seal(entry) == entry.hash, follows]
    except UnknownKeyError:
        what = "another key" if keys() else "a key"
        return f"sealed with {what} ({entry.key}) that AUDIT_KEY does not have"


_WHY = {
    (True, True): None,
    (True, False): "does not follow the entry before it: one of the two was replaced",
    (False, True): "changed after it was written",
    (False, False): "changed, or moved here from elsewhere",
}
"""By whether an entry matches its seal, and whether it follows the one before it."""
