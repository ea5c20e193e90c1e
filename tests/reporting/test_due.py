"""When reports go out, and what they are about."""

import asyncio
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pymongo.database import Database

from core.reporting.due import Sending
from core.reporting.span import Span
from core.scheduler import jobs
from core.storage.server.connection import server_time
from core.types import Document
from tests.alerting.notify.test_outbox import Tap

INDIA = ZoneInfo("Asia/Kolkata")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=INDIA)


@pytest.mark.parametrize(
    ("when", "now", "span"),
    [
        ("09:00", "2024-10-25T09:00", Span(date(2024, 10, 24))),
        ("09:00", "2024-10-25T20:59", Span(date(2024, 10, 24))),
        ("09:00", "2024-10-25T08:59", None),
        ("09:00", "2024-10-25T21:01", None),
        ("mon 07:30", "2024-10-28T07:30", Span(date(2024, 10, 21), 7)),
        ("mon 07:30", "2024-10-29T09:00", None),
    ],
)
def test_a_report_is_of_the_day_or_week_before(when: str, now: str, span: Span | None) -> None:
    """One that would come half a day late, as where it was just set up, does not come."""
    assert Sending.parse(when, INDIA).span(at(now)) == span


def test_slots_turn_at_the_time_of_day_and_once_a_week() -> None:
    """The scheduler runs a job once in each slot."""
    daily, weekly = Sending.parse("09:00", INDIA), Sending.parse("mon 09:00", INDIA)
    assert daily.slot(at("2024-10-25T09:00")) == daily.slot(at("2024-10-25T08:59")) + 1
    assert weekly.slot(at("2024-10-28T09:00")) == weekly.slot(at("2024-10-28T08:59")) + 7
    assert weekly.slot(at("2024-11-04T08:59")) == weekly.slot(at("2024-10-28T09:00"))


def test_spans_have_names_that_people_use() -> None:
    """In the subject of the mail."""
    assert Span(date(2024, 10, 24)).words == "Thursday 24 October 2024"
    assert Span(date(2024, 10, 21), 7).words == "21 to 27 October 2024"
    assert Span(date(2024, 10, 28), 7).words == "28 October to 3 November 2024"


@pytest.mark.parametrize("behind", [timedelta(seconds=2), timedelta(minutes=30), timedelta(days=400)])
def test_a_report_goes_out_by_the_clock_its_slot_is_of(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, behind: timedelta
) -> None:
    """By a clock of this machine that is behind the server's, it would seem a day late, and not be sent."""
    now = server_time(database).astimezone(INDIA)
    sending = Sending(now.replace(tzinfo=None) - datetime.combine(now.date(), time()), INDIA)
    monkeypatch.setattr(jobs, "utc_now", lambda: now - behind, raising=False)
    tap = Tap("email", people=("asha",))
    monkeypatch.setattr(jobs, "configured_channels", lambda _: {"email": tap})
    asyncio.run(jobs.report(sending))
    assert [name for name, _ in tap.got] == ["asha"]
    assert database["outbox"].distinct("stream") == [f"report-day-{now.date() - timedelta(days=1)}"]
