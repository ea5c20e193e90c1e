"""Periods of made-up calls as cubes, with or without something wrong in them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.aggregation.cube import Cube
from core.aggregation.rollups.call_frames import CALL_SCHEMA
from core.aggregation.rollups.rollup import cells_of, pc

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.str_]
INDIA = ZoneInfo("Asia/Kolkata")
DAY = datetime(2024, 10, 22, tzinfo=INDIA).astimezone(UTC)
"""A Tuesday."""
WEEK_BEFORE = DAY - timedelta(days=7)
LANGUAGES = ("hindi", "english", "hinglish")


@dataclass(frozen=True)
class Outage:
    """Calls, of one language or of all, fail with an error from one local time of the day to another."""

    start: str
    end: str
    language: str = ""
    failing: float = 0.7
    slower: float = 1.0

    def hits(self, hours: Floats, languages: Texts) -> Bools:
        """Which calls suffer from it; ``hours`` are local."""
        first, last = (int(text[:2]) + int(text[3:]) / 60 for text in (self.start, self.end))
        found: Bools = (hours >= first) & (hours < last)
        of_it: Bools = languages == self.language
        return found & of_it if self.language else found


NOTHING = Outage("00:00", "00:00")


def calls(start: datetime, n: int, seed: int, outage: Outage = NOTHING) -> pa.Table:
    """So many calls of a day: of three languages, in two campaigns, 5 % of them fail."""
    random = np.random.default_rng(seed)
    languages = random.choice(LANGUAGES, n, p=(0.5, 0.3, 0.2))
    hours = np.sort(random.uniform(0, 24, n))
    hit = outage.hits(hours, languages)
    failed = random.random(n) < np.where(hit, outage.failing, 0.05)
    status = np.where(failed, "failed", np.where(random.random(n) < 0.3, "no_answer", "completed"))
    columns = {
        "_id": [f"{seed}-{number}" for number in range(n)],
        "start_time": [start + timedelta(hours=hour) for hour in hours.tolist()],
        "language": languages.tolist(),
        "campaign": random.choice(("diwali", "top-up"), n).tolist(),
        "direction": ["outbound"] * n,
        "status": status.tolist(),
        "errors": [[{"type": "llm_timeout", "fault": "provider"}] if one else [] for one in failed],
        "llm_latency_ms": random.lognormal(6.5, 0.4, n) * np.where(hit, outage.slower, 1.0),
        "qualification_completed": (status == "completed") & (random.random(n) < 0.4),
        "cost_llm": np.ones(n),
        "cost_telephony": np.full(n, 1.5),
    }
    arrays = [
        pa.array(columns[name], kind) if name in columns else pa.nulls(n, kind)
        for name, kind in CALL_SCHEMA.items()
    ]
    return pa.Table.from_arrays(arrays, names=list(CALL_SCHEMA))


@cache
def period(start: datetime, n: int, seed: int, outage: Outage = NOTHING, read_after: float = 24.0) -> Cube:
    """A day of calls as a cube, read so many hours after it began."""
    end = start + timedelta(hours=min(read_after, 24.0))
    table = calls(start, n, seed, outage)
    table = table.filter(pc.less(table["start_time"], end))
    read_at = start + timedelta(hours=read_after)
    return Cube(start, end, INDIA, "15min", cells_of(table), read_at=read_at)
