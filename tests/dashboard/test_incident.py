"""From the screen alone: what broke, when, whom it hit and what it cost."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.models.metrics import CallMetrics
from core.storage.calls import write_calls
from core.types import Document
from dashboard.formats import as_typed
from tests.dashboard.browser import opened
from tests.dashboard.conftest import make_call, text_of

pytestmark = pytest.mark.full
INDIA = ZoneInfo("Asia/Kolkata")
MONDAY = datetime(1999, 2, 22, 10, tzinfo=INDIA)
BROKEN = datetime(1999, 3, 4, 11, tzinfo=INDIA)
LASTED = timedelta(hours=3)


def two_weeks() -> Iterator[CallMetrics]:
    """Yield a call every 5 minutes from 10:00 to 16:00; on one day, Hinglish ones fail from 11:00 to 14:00.

    Version 2.1 qualifies three of four leads, 2.0 one of four.
    """
    for number in range(14 * 72):
        day, minutes = number // 72, 5 * (number % 72)
        start = MONDAY + timedelta(days=day, minutes=minutes)
        hinglish, new = number % 2 == 0, number // 2 % 2
        fails = hinglish and BROKEN <= start < BROKEN + LASTED
        yield make_call(
            number,
            start,
            language="hinglish" if hinglish else "english",
            status="failed" if fails else "completed",
            errors=[{"type": "llm_timeout", "fault": "provider"}] if fails else [],
            agent_version=f"2.{new}",
            qualification_completed=not fails and number // 4 % 4 < (3 if new else 1),
            cost={"llm": 2.0},
        )


def test_an_incident_is_understood_with_one_click(
    database: Database[Document], start: Callable[..., AppTest]
) -> None:
    """The week says what broke, for whom, on which day and what it cost; its link, from when to when."""
    write_calls(database, list(two_weeks()))
    week = text_of(start(period="custom", from_="1999-03-01", to="1999-03-07")).replace("\\", "")
    assert "Hinglish calls failed on Thu 4 Mar: LLM timeouts, 18 of 36 calls" in week
    assert re.search(r"₹[\d.,]+ lost against the week before", week)
    found = re.search(r"\[Thu 4 Mar hour by hour[^\]]*\]\(([^)]+)\)", week)
    assert found
    link = dict(parse_qsl(urlsplit(found[1]).query))
    day = as_typed(text_of(start(period=link["period"], from_=link["from"], to=link["to"]))).replace("\\", "")
    assert "Hinglish calls failed from 11:00 to 14:00: LLM timeouts, 18 of 18 calls" in day
    assert re.search(r"₹[\d.,]+ lost against the Thursday before", day)


def test_the_click_leads_to_the_hours_and_back(
    database: Database[Document], address: str, browser: Browser
) -> None:
    write_calls(database, list(two_weeks()))
    with opened(browser, f"{address}/?period=custom&from=1999-03-01&to=1999-03-07") as page:
        expect(page.get_by_text("Hinglish calls failed on Thu 4 Mar")).to_be_visible()
        page.get_by_role("link", name="Thu 4 Mar hour by hour").click()
        expect(page.get_by_text(re.compile(r"Hinglish calls failed from 11\D+00 to 14\D+00"))).to_be_visible()
        assert dict(parse_qsl(urlsplit(page.url).query))["from"].startswith("1999-03-04")
        page.go_back()
        expect(page.get_by_text("Hinglish calls failed on Thu 4 Mar")).to_be_visible()
