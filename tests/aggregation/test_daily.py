"""The stored figures of days, as other tools read them from MongoDB."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pymongo.database import Database

from core.aggregation.daily import refresh_days
from core.models.definitions import COUNTS, RATES
from core.storage.calls import write_calls
from core.storage.collections import DAILY_METRICS
from core.types import Document
from tests.api.test_routes import call

PAGE = Path(__file__).resolve().parents[2] / "docs" / "integrations" / "grafana" / "README.md"
MIDNIGHT = datetime(2024, 10, 23, 18, 30, tzinfo=UTC)
"""In India."""


def stored(database: Database[Document]) -> list[Document]:
    """Two days of calls, as they are kept."""
    calls = [call(n, MIDNIGHT + timedelta(hours=20 * n), e2e_latency_ms=900) for n in range(3)]
    write_calls(database, calls)
    refresh_days(database)
    return list(database[DAILY_METRICS].find().sort("_id", 1))


def test_a_day_has_its_first_moment_as_a_date(database: Database[Document]) -> None:
    """Beside the text: tools that draw over time take no text for one."""
    days = stored(database)
    assert [day["date"] for day in days] == ["2024-10-24", "2024-10-25"]
    assert [day["start"] for day in days] == [MIDNIGHT, MIDNIGHT + timedelta(days=1)]


def test_every_field_of_a_day_is_documented(database: Database[Document]) -> None:
    """Counts and rates are those of the definitions; each other field has its name in the table."""
    table = "\n".join(line for line in PAGE.read_text().splitlines() if line.startswith("| `"))
    named = set(re.findall(r"`(\w+)`", table))
    assert stored(database)[0].keys() - COUNTS.keys() - RATES.keys() <= named


def test_the_documented_question_is_answered(database: Database[Document]) -> None:
    """With times as dates, the newest first."""
    stored(database)
    (question,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    rows = list(database[DAILY_METRICS].aggregate(json.loads(question)))
    assert [(row["time"], row["calls"]) for row in rows] == [
        (MIDNIGHT + timedelta(days=1), 1),
        (MIDNIGHT, 2),
    ]
    assert 890 < rows[0]["p95_ms"] < 910
