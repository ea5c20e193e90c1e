"""A real month of calls, checked in its own time."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from core.importing import import_file
from core.services.alert_service import CheckReport, check_and_send_alerts
from core.settings import get_settings
from core.storage import get_database
from core.types import Document
from tests.importing.public_calls import MAPPINGS, TECHNION, needs

QUARTER = timedelta(minutes=15)
DAY_RULE = """
[[rules]]
id = "day_failures"
name = "Failures of the day"
metric = "call_failure_rate"
threshold = {threshold}
severity = "critical"
window = "1d"
"""

pytestmark = [pytest.mark.full, needs(TECHNION)]


@pytest.fixture
def january(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Database[Document]:
    monkeypatch.setenv("TIMEZONE", "Asia/Jerusalem")
    get_settings.cache_clear()
    import_file(TECHNION, MAPPINGS / "technion.toml")
    return database


def check(*moments: datetime) -> list[CheckReport]:
    async def inside() -> list[CheckReport]:
        database = get_database()
        return [await check_and_send_alerts(database, at=at, dry_run=True) for at in moments]

    return asyncio.run(inside())


def test_a_share_of_exactly_a_tenth_is_not_above_a_tenth(
    january: Database[Document], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """2 January: 25 of 250 calls failed. A limit of 10 % stays silent, one of 9.9 % does not."""
    rules = tmp_path / "rules.toml"
    monkeypatch.setenv("ALERT_RULES_FILE", str(rules))
    get_settings.cache_clear()
    midnight = datetime(1999, 1, 3, tzinfo=get_settings().tz)
    for threshold, fires in (("0.10", False), ("0.099", True)):
        rules.write_text(DAY_RULE.format(threshold=threshold))
        (report,) = check(midnight)
        assert bool(report.firing) is fires
        assert "10 % (25 of 250 calls)" in report.results[0].line


def test_the_failure_rule_fires_at_the_very_quarters_that_the_calls_say(january: Database[Document]) -> None:
    """Every quarter of an hour of the month, against counts made from the stored calls alone."""
    start = datetime(1998, 12, 31, 22, tzinfo=UTC)
    total: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    for call in january["calls"].find({}, {"end_time": 1, "status": 1}):
        quarter = (call["end_time"] - start) // QUARTER + 1
        total[quarter] += 1
        failed[quarter] += call["status"] == "failed"
    expected = [n for n in range(31 * 96) if total[n] >= 5 and 10 * failed[n] > total[n]]
    reports = check(*(start + n * QUARTER for n in range(31 * 96)))
    fired = [n for n, report in enumerate(reports) if report.firing]
    assert fired == expected
    assert len(fired) > 100
    assert {result.rule.id for report in reports for result in report.firing} == {"call_failure_rate"}
