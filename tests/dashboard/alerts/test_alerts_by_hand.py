"""The Alerts page in a real browser: editing a rule, testing a channel, reading the history."""

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from pymongo.database import Database

from core.clock import utc_now
from core.storage.calls import write_calls
from core.types import Document
from tests.dashboard.alerts.test_alerts import keep, set_channels
from tests.dashboard.browser import opened, served
from tests.dashboard.conftest import make_call

pytestmark = pytest.mark.full


def test_the_preview_follows_the_editor(
    database: Database[Document], tmp_path: Path, browser: Browser
) -> None:
    """One of 20 calls failed: a limit of 10 % was kept, one of 4 % was not."""
    then = utc_now() - timedelta(hours=30)
    moments = [then + timedelta(seconds=18 * n) for n in range(200)]
    status = ["failed" if n % 20 == 10 else "completed" for n in range(200)]
    write_calls(database, [make_call(n, moments[n], status=status[n]) for n in range(200)])
    with (
        served(tmp_path) as address,
        opened(browser, f"{address}/alerts?view=Rules&rule=call_failure_rate") as page,
    ):
        said = page.locator(".st-key-rule-editor")
        expect(said).to_contain_text("Over the last 7 days this rule would not have fired")
        box = page.locator(".st-key-edit-call_failure_rate-call_failure_rate-critical input")
        box.fill("4")
        box.press("Enter")
        expect(said).to_contain_text("this rule would have fired")
        expect(said.get_by_role("table")).to_contain_text("limit 4 %")
        said.get_by_role("radio", name="Last 30 days").click()
        expect(said).to_contain_text("Over the last 30 days this rule would have fired")


def test_an_incident_is_read_and_taken_along_where_it_stands(
    database: Database[Document], tmp_path: Path, browser: Browser
) -> None:
    """The runbook opens on the card; the timeline leaves as CSV."""
    write_calls(database, [make_call(1, utc_now() - timedelta(minutes=5))])
    keep(database, "burning")
    line = {"at": utc_now(), "alert_id": "burning", "name": "burning", "severity": "critical"}
    events: list[Document] = [line | {"event": "firing"}, line | {"event": "sent", "channel": "slack"}]
    database["alert_events"].insert_many([dict(event) for event in events])
    with served(tmp_path) as address, opened(browser, f"{address}/alerts") as page:
        card = page.locator(".st-key-alert-burning")
        card.get_by_text("Runbook: Error rate").click()
        expect(card.get_by_role("heading", name="Check")).to_be_visible()
        assert page.url.endswith("/alerts")
        card.get_by_role("button", name="Timeline").click()
        with page.expect_download() as download:
            page.get_by_test_id("stPopoverBody").get_by_role("button", name="Download CSV").click()
        rows = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert [row.split(",")[1] for row in rows] == ["Event", "Fired", "Notified"]


def test_a_channel_answers_beside_its_button_and_the_history_has_each_sending(
    database: Database[Document], tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_channels(monkeypatch)
    now = utc_now()
    line = {"at": now, "alert_id": "x", "name": "Error rate", "severity": "critical"}
    events: list[Document] = [line | {"event": "sent", "channel": "slack"}, line | {"event": "firing"}]
    database["alert_events"].insert_many([dict(event) for event in events])
    with served(tmp_path) as address, opened(browser, f"{address}/alerts?view=Channels") as page:
        page.get_by_role("button", name="Test email").click()
        expect(page.locator(".st-key-channel-email")).to_contain_text("recipient 1 of ALERT_EMAIL_TO failed")
        page.get_by_role("radio", name="History").click()
        expect(page.get_by_text("2 events · ")).to_be_visible()
        with page.expect_download() as download:
            page.locator(".st-key-csv-alert_history button").click()
        rows = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 3
    assert any(",sent,critical,Error rate,,slack," in row for row in rows)
