"""A report says what Overview says, to whoever takes it, once."""

import asyncio
import shutil
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pymongo.database import Database
from typer.testing import CliRunner

from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.story.read import Periods, story_of
from core.alerting.rules.target_store import save_target
from core.alerting.rules.targets import Target
from core.cli import app
from core.models.alerts import Severity
from core.models.metrics import CallMetrics
from core.reporting.message import brief, report_message, text
from core.reporting.page import page
from core.reporting.pdf import BROWSERS
from core.reporting.read import Report, read_report
from core.reporting.send import send_report
from core.reporting.span import Span
from core.scheduler.jobs import all_jobs
from core.settings import get_settings
from core.storage import get_database
from core.storage.calls import write_calls
from core.storage.collections import ALERT_EVENTS
from core.types import Document
from tests.alerting.notify.test_outbox import Tap

DAY = Span(date(2024, 10, 24))


@pytest.fixture
def busy(database: Database[Document]) -> Database[Document]:
    """Two Thursdays of calls; on the second one Tamil calls fail from noon to two."""
    earlier = _calls(DAY.before.before)[0]  # so that all of the compared day has data
    write_calls(database, [earlier, *_calls(DAY.before), *_calls(DAY)])
    fired = {"at": DAY.bounds[0] + timedelta(hours=12), "event": "firing", "alert_id": "a", "key": "a"}
    database[ALERT_EVENTS].insert_one(fired | {"name": "<b>Failures</b>", "severity": "critical"})
    save_target(database, Target(metric="failure_rate", target=0.02), "asha")
    return database


def _calls(span: Span) -> list[CallMetrics]:
    start = span.bounds[0]
    return [
        CallMetrics.model_validate(
            {
                "call_id": f"{span.key}-{number}",
                "start_time": start + timedelta(hours=8, minutes=number),
                "duration_seconds": 40.0,
                "status": "failed" if _fails(span, number) else "completed",
                "direction": "outbound",
                "language": "tamil" if number % 3 else "<i>hindi",
                "qualification_completed": not number % 4,
                "cost": {"llm": 1.25},
            }
        )
        for number in range(600)
    ]


def _fails(span: Span, number: int) -> bool:
    return bool(number % 3) and 240 <= number < 360 if span == DAY else number % 50 == 0


def _report(database: Database[Document]) -> Report:
    return read_report(database, DAY)


def test_a_report_says_what_overview_says(busy: Database[Document]) -> None:
    """The same story, figures against the week before, targets, alerts."""
    made = _report(busy)
    assert made.story == story_of(busy, Periods(DAY.bounds, DAY.before.bounds), CallFilters())
    assert made.story.headline.startswith(
        "Tamil calls failed from 12:01 to 14:00: 80 of 80 calls (usually 2.0 %)"
    )
    said = " ".join(text(made).split())
    assert made.story.headline in said
    assert "Call failure rate 13.3 %, a week before 2.0 % (target at most 2.0 %, missed)" in said
    assert "Thu 12:00 critical <b>Failures</b>" in said
    assert "Spent ₹750.00, a week before ₹750.00" in said


def test_a_report_counts_every_alert_and_lists_the_newest(busy: Database[Document]) -> None:
    """A day on which 301 fired is not one of 200."""
    noon = DAY.bounds[0] + timedelta(hours=12)
    rows = [
        {
            "at": noon + timedelta(seconds=number),
            "event": "firing",
            "alert_id": f"{number}",
            "key": f"{number}",
        }
        for number in range(1, 301)
    ]
    busy[ALERT_EVENTS].insert_many([row | {"name": "Failures", "severity": "critical"} for row in rows])
    made = _report(busy)
    assert "301 alerts fired" in brief(made)
    assert "Alerts 101 earlier ones Thu 12:01 critical Failures" in " ".join(text(made).split())
    assert "Alerts (301, the newest 20)" in page(made)


def test_a_week_is_not_compared_with_one_that_was_hardly_recorded(database: Database[Document]) -> None:
    """Recording began on its last evening: what happened then is not what is usual."""
    week = Span(DAY.first, 7)
    evening = _calls(Span(DAY.first - timedelta(days=1)))[:30]
    calls = [one for day in range(7) for one in _calls(Span(DAY.first + timedelta(days=day)))]
    write_calls(database, [*evening, *calls])
    made = read_report(database, week)
    assert "usually" not in made.story.headline
    said = " ".join(text(made).split())
    assert "Not compared: the compared period has data for 1 of 7 days" in said
    assert "a week before" not in said
    assert "A week before" not in page(made)
    assert "Not compared" in page(made)
    assert "(was" not in brief(made)
    whole = story_of(database, Periods(week.bounds, week.before.bounds), CallFilters())
    assert whole == made.story


def test_a_page_holds_all_it_needs_and_no_markup_of_others(busy: Database[Document]) -> None:
    """It prints, and names of languages and alerts stay text."""
    made = page(_report(busy))
    assert "@media print" in made
    assert "&lt;b&gt;Failures&lt;/b&gt;" in made
    assert "&lt;i&gt;hindi" in made
    assert "<i>" not in made.replace("<img", "")
    assert 'src="data:image/png;base64,' in made
    assert "http://localhost:3000/?period=custom&amp;from=2024-10-24T00:00&amp;to=2024-10-25T00:00" in made


def test_a_mail_carries_its_picture(busy: Database[Document]) -> None:
    """With words for who cannot see it."""
    message = report_message(_report(busy))
    (shown,) = message.pictures
    assert Image.open(BytesIO(shown.png)).size == (1280, 300)
    assert f"cid:{shown.name}" in message.html
    assert shown.words == "Calls over time: 520 completed, 80 failed"
    assert message.title.startswith("Daily report, Thursday 24 October 2024: Tamil calls failed")


def test_whoever_has_a_report_does_not_get_it_again(busy: Database[Document]) -> None:
    """However often and by however many schedulers it is sent; pagers and channels for bad news get none."""
    people = Tap("email", people=("asha", "meera"))
    pager, urgent = Tap("pager", pages=True), Tap("urgent", severities=frozenset({Severity.CRITICAL}))
    channels = {channel.name: channel for channel in (people, pager, urgent)}
    message = report_message(_report(busy))

    async def send() -> list[int]:
        both = await asyncio.gather(*(send_report(get_database(), DAY, message, channels) for _ in range(2)))
        return [*both, await send_report(get_database(), DAY, message, channels)]

    sent = asyncio.run(send())
    assert sum(sent) == 2
    assert sorted(name for name, _ in people.got) == ["asha", "meera"]
    assert {got.html for _, got in people.got} == {message.html}
    assert (pager.got, urgent.got) == ([], [])


def test_no_report_goes_out_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And each has a job of its own."""
    assert [job.name for job in all_jobs() if job.name.startswith("report")] == []
    monkeypatch.setenv("REPORT_DAILY_AT", "09:00")
    monkeypatch.setenv("REPORT_WEEKLY_ON", "mon 09:30")
    get_settings.cache_clear()
    jobs = {job.name: job for job in all_jobs()}
    now = datetime(2024, 10, 28, 4, 0, tzinfo=UTC)
    assert jobs["report_daily"].when.slot(now) == jobs["report_weekly"].when.slot(now)


def test_the_command_line_writes_it(
    busy: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As text, as a page; what cannot be done is said with the remedy."""
    run = CliRunner().invoke
    shown = run(app, ["report", "--day", "2024-10-24"])
    assert shown.output.startswith("Thursday 24 October 2024\n\nTamil calls failed from 12:01 to 14:00")
    file = tmp_path / "report.html"
    assert run(app, ["report", "--day", "2024-10-24", "--week", "--html", str(file)]).exit_code == 0
    assert "18 to 24 October 2024" in file.read_text()
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = run(app, ["report", "--day", "2024-10-24", "--pdf", str(tmp_path / "report.pdf")])
    assert "apt-get install chromium" in str(refused.exception)
    assert "no channel takes reports" in str(run(app, ["report", "--day", "2024-10-24", "--send"]).exception)


@pytest.mark.full
@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium: apt-get install chromium")
def test_a_pdf_is_printed(busy: Database[Document], tmp_path: Path) -> None:
    """By the Chromium that is installed."""
    file = tmp_path / "report.pdf"
    assert CliRunner().invoke(app, ["report", "--day", "2024-10-24", "--pdf", str(file)]).exit_code == 0
    assert file.read_bytes().startswith(b"%PDF-")
