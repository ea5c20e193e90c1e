"""What doctor says of calls and clocks."""

import asyncio
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.doctor import work
from core.doctor.result import State
from core.models.metrics import CallMetrics
from core.scheduler.heartbeat import beat
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.collections import CALLS
from core.storage.server.connection import close_connections
from core.types import Document


def record(database: Database[Document], *ages: timedelta) -> None:
    """Calls that ended so long ago."""
    fields = {"status": "completed", "direction": "outbound", "duration_seconds": 30}
    calls = [
        CallMetrics.model_validate(
            {"call_id": f"c{n}", "start_time": utc_now() - age - timedelta(seconds=30), **fields}
        )
        for n, age in enumerate(ages)
    ]
    write_calls(database, calls)


@pytest.mark.parametrize("hours", [5.5, 3, 8])
def test_calls_that_all_come_hours_late_are_a_question_about_the_zone(
    database: Database[Document], hours: float
) -> None:
    """So many hours as lie between the machine's zone and TIMEZONE."""
    record(database, *(timedelta(hours=hours, minutes=minutes) for minutes in range(5)))
    found = work.calls(database)
    assert found.state is State.WARN
    assert f"recorded {hours:.1f} h after they ended" in found.text
    assert "is TIMEZONE=Asia/Kolkata right for times recorded without a zone?" in found.remedy


def test_calls_that_came_late_for_another_reason_are_no_question(database: Database[Document]) -> None:
    """A spool, or an import of days past, and some that came at once."""
    record(database, *(timedelta(hours=hours) for hours in (2, 8, 30, 90)))
    assert work.calls(database).state is State.OK
    record(database, timedelta(0), timedelta(hours=5), timedelta(hours=5), timedelta(hours=5))
    assert work.calls(database).state is State.OK


def test_a_version_that_is_yet_to_come_is_named_with_what_to_do(database: Database[Document]) -> None:
    """The machine that recorded it believed in a far year."""
    record(database, timedelta(0), timedelta(0))
    database[CALLS].update_one({"_id": "c1"}, [{"$set": {"version": {"$add": ["$version", 10**15]}}}])
    found = work.calls(database)
    assert found.state is State.WARN
    assert "was ahead for: c1" in found.text
    assert "recording or importing a call again" in found.remedy


def test_a_channel_that_the_running_scheduler_does_not_know_is_named(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was set up after the scheduler was started; one that is set up elsewhere alone is no fault."""

    async def check(*channels: str) -> None:
        await beat(channels)
        await close_connections()

    asyncio.run(check("pager"))
    assert work.scheduler(database).state is State.OK
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0000/B0000/" + "x" * 24)
    get_settings.cache_clear()
    found = work.scheduler(database)
    assert found.state is State.WARN
    assert found.text.endswith("set up here, but not known to it: slack")
    asyncio.run(check("pager", "slack"))
    assert work.scheduler(database).state is State.OK
