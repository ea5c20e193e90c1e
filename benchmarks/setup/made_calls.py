"""Many generated calls, written fast, for the other benchmarks; reproducible by seed."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from bson import Timestamp
from pymongo.database import Database
from rich.progress import track

from core.models.metrics import CallMetrics
from core.storage.collections import ensure_indexes
from core.storage.recording.records import CALL_KIND, Record
from core.types import Document

BATCH = 10_000
LANGUAGES = np.array(["hinglish", "hindi", "english"])
CAMPAIGNS = np.array(["home-loan", "personal-loan", "balance-transfer", None], dtype=object)
STATUSES = np.array(["completed", "no_answer", "failed"])
ERRORS = ("asr_timeout", "llm_5xx", "tts_timeout")
BUSY_HOURS = np.array([1] * 9 + [5, 9, 12, 10, 7, 8, 9, 11, 12, 9, 6] + [2] * 4, dtype=float)
"""Relative number of calls by hour of the day in India, from midnight."""
IST_SECONDS = 19_800


NOW = Timestamp(0, 0)
"""Replaced by the server's clock."""


def long_ago() -> Timestamp:
    """Return a time of recording an hour ago: calls of the last seconds are read beside the roll-ups."""
    return Timestamp(int(time.time()) - 3_600, 0)


def documents(
    calls: int, end: datetime, days: float, seed: int = 0, recorded_at: Timestamp = NOW
) -> Iterator[list[Document]]:
    """Yield batches of calls as stored, ordered by start, over the ``days`` before ``end``."""
    rng = np.random.default_rng(seed)
    for first, starts in _starts(calls, end, days, rng):
        yield [document | {"recorded_at": recorded_at} for document in _batch(f"{seed}-{first}", starts, rng)]


def fill(
    database: Database[Document],
    calls: int,
    end: datetime | None = None,
    days: float = 90,
    seed: int = 0,
    recorded_at: Timestamp = NOW,
) -> None:
    """Write calls to an empty database, with a progress bar."""
    ensure_indexes(database)
    batches = documents(calls, end or datetime.now(UTC), days, seed, recorded_at)
    for batch in track(batches, f"Writing {calls:,} calls", total=-(-calls // BATCH), transient=True):
        database["calls"].insert_many(batch, ordered=False)


def _starts(
    calls: int, end: datetime, days: float, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray[Any, np.dtype[np.int64]]]]:
    """Yield batches of start times in milliseconds since 1970, more of them in busy hours."""
    span = int(days * 86_400)
    begin = int(end.timestamp()) - span
    hours = (np.arange(begin, begin + span, 900) + IST_SECONDS) // 3600 % 24
    weights = BUSY_HOURS[hours] / BUSY_HOURS[hours].sum()
    quarters = np.sort(rng.choice(len(hours), calls, p=weights))
    starts = (begin + quarters * 900) * 1000 + rng.integers(0, 900_000, calls)
    for first in range(0, calls, BATCH):
        yield first, starts[first : first + BATCH]


def _batch(
    name: str, starts: np.ndarray[Any, np.dtype[np.int64]], rng: np.random.Generator
) -> list[Document]:
    n = len(starts)
    status = rng.choice(STATUSES, n, p=(0.68, 0.27, 0.05))
    talked = status == "completed"
    columns: dict[str, Any] = {
        "lead_id": [f"lead_{number:06d}" for number in rng.integers(0, 400_000, n)],
        "start_time": [datetime.fromtimestamp(start / 1000, UTC) for start in starts],
        "duration_seconds": np.round(
            np.where(talked, rng.lognormal(4.8, 0.5, n), rng.uniform(3, 40, n)), 1
        ).tolist(),
        "status": status.tolist(),
        "direction": rng.choice(["outbound", "inbound"], n, p=(0.86, 0.14)).tolist(),
        "language": rng.choice(LANGUAGES, n, p=(0.47, 0.33, 0.2)).tolist(),
        "campaign": rng.choice(CAMPAIGNS, n).tolist(),
        "attempt": rng.integers(1, 4, n).tolist(),
    }
    for field, median, spread in (
        ("asr_latency_ms", 400, 0.4),
        ("llm_latency_ms", 600, 0.5),
        ("tts_latency_ms", 250, 0.3),
        ("e2e_latency_ms", 1300, 0.4),
    ):
        values = np.round(rng.lognormal(np.log(median), spread, n), 1).tolist()
        columns[field] = [value if spoke else None for value, spoke in zip(values, talked, strict=True)]
    qualified = talked & (rng.random(n) < 0.34)
    turns = np.where(talked, rng.integers(2, 30, n), 0)
    columns |= {
        "total_turns": turns.tolist(),
        "user_turns": (turns // 2).tolist(),
        "qualification_completed": qualified.tolist(),
        "handoff_triggered": (qualified & (rng.random(n) < 0.6)).tolist(),
        "sentiment_score": np.round(np.clip(rng.normal(0.15, 0.35, n), -1, 1), 3).tolist(),
        "cost": [
            {"asr": a, "llm": b, "tts": c, "telephony": d}
            for a, b, c, d in np.round(rng.uniform(0.05, 1.2, (n, 4)), 3).tolist()
        ],
    }
    failing = rng.random(n) < 0.03
    kinds = rng.integers(0, len(ERRORS), n)
    names = list(columns)
    return [
        _document(
            f"{name}-{number}",
            dict(zip(names, row, strict=True)),
            ERRORS[kinds[number]] if failing[number] else None,
        )
        for number, row in enumerate(zip(*columns.values(), strict=True))
    ]


_TEMPLATE = Record(
    CALL_KIND,
    CallMetrics(
        call_id="-", start_time=datetime(2026, 1, 1, tzinfo=UTC), status="failed", direction="inbound"
    ),
    0,
).to_document()
_versions = itertools.count(1)


def _document(key: str, fields: Document, error: str | None) -> Document:
    errors = [{"type": error, "fault": "provider", "at": None}] if error else []
    end = fields["start_time"] + timedelta(seconds=fields["duration_seconds"])
    own = {
        "_id": key,
        "end_time": end,
        "errors": errors,
        "recorded_at": Timestamp(0, 0),
        "version": next(_versions),
    }
    return _TEMPLATE | fields | own
