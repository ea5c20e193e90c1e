"""Calls and leads of a breach, counted on disk: memory stays the same however many there are."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

from core.access.audit.subjects import call_subject, lead_tokens
from core.clock import to_utc
from core.settings import get_settings
from core.types import dotted

MOST_FIELDS = 300
"""Most field names counted separately; metadata may have any number."""
OTHERS = "(further fields)"
_TECHNICAL = frozenset(
    {
        *(
            "_id",
            "version",
            "recorded_at",
            "schema_version",
            "state",
            "unjoined",
            "usage",
            "cost",
            "silences",
        ),
        *("asr_latency_ms", "llm_latency_ms", "tts_latency_ms", "e2e_latency_ms", "agent", "agent_version"),
        *("total_turns", "user_turns", "interruptions", "agent_interruptions", "errors", "fault", "parts"),
        *("asr_ms", "llm_ttft_ms", "tts_ttfb_ms", "e2e_ms", "end_of_turn_delay_ms", "parts_add_up", "source"),
        *("lead_speech_ms", "agent_speech_ms", "tool_calls"),
        *("level", "component", "trace_id", "span_id", "turn", "interrupted"),
    }
)
"""Fields about machines; any other could identify a person."""


@dataclass(frozen=True)
class LeadRow:
    """A lead, and what is stored of it."""

    lead_id: str
    calls: int
    first: datetime
    last: datetime


class Tally:
    """What is counted, and the calls and leads it covers: an SQLite database that is deleted when closed."""

    def __init__(self) -> None:
        self.calls = self.archived = self.nameless = 0
        self.fields: dict[str, Counter[str]] = {}
        self.days: Counter[date] = Counter()
        # "" makes a private temporary file that SQLite deletes.
        self._rows = sqlite3.connect("", check_same_thread=False)
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute("CREATE TABLE subjects (name TEXT PRIMARY KEY) WITHOUT ROWID")
        self._rows.execute(
            "CREATE TABLE leads (id TEXT PRIMARY KEY, calls INT, first REAL, last REAL) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._rows.close()

    def add_calls(self, rows: Iterable[Mapping[str, Any]], *, archived: bool = False) -> None:
        """Count calls; one that was counted before is not counted again."""
        for row in rows:
            if not self._is_new(call_subject(str(row["_id"]))):
                continue
            self.calls += 1
            self.archived += archived
            start = to_utc(row["start_time"])
            self.days[start.astimezone(get_settings().tz).date()] += 1
            self.add_fields("calls", row)
            self._add_lead(row.get("lead_id"), start)

    def add_fields(self, collection: str, row: Mapping[str, Any]) -> None:
        """Count which fields of a document have a value."""
        counts = self.fields.setdefault(collection, Counter())
        for name, value in dotted(row):
            if value in (None, "", [], {}) or name.partition(".")[0] in _TECHNICAL:
                continue
            counts[name if name in counts or len(counts) < MOST_FIELDS else OTHERS] += 1

    def has(self, subject: str) -> bool:
        """Return whether an audit log entry is about one of the calls, or one of their leads."""
        with closing(self._rows.execute("SELECT 1 FROM subjects WHERE name = ?", (subject,))) as found:
            return found.fetchone() is not None

    @property
    def leads(self) -> int:
        """Return how many leads there are."""
        with closing(self._rows.execute("SELECT count(*) FROM leads")) as found:
            return int(found.fetchone()[0])

    def each_lead(self) -> Iterator[LeadRow]:
        """Yield the leads, ordered by id."""
        zone = get_settings().tz
        with closing(self._rows.execute("SELECT id, calls, first, last FROM leads ORDER BY id")) as found:
            for lead_id, calls, first, last in found:
                ends = (datetime.fromtimestamp(moment, zone) for moment in (first, last))
                yield LeadRow(lead_id, calls, *ends)

    def _is_new(self, subject: str) -> bool:
        with closing(self._rows.execute("INSERT OR IGNORE INTO subjects VALUES (?)", (subject,))) as done:
            return done.rowcount > 0

    def _add_lead(self, lead_id: object, start: datetime) -> None:
        if not isinstance(lead_id, str):
            self.nameless += 1
            return
        at = start.timestamp()
        self._rows.execute(
            "INSERT INTO leads VALUES (?, 1, ?, ?) ON CONFLICT (id) DO UPDATE SET calls = calls + 1, "
            "first = min(first, excluded.first), last = max(last, excluded.last)",
            (lead_id, at, at),
        )
        names = [(name,) for name in lead_tokens(lead_id)]
        self._rows.executemany("INSERT OR IGNORE INTO subjects VALUES (?)", names)
