"""Signing in and out as people do, in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pymongo.database import Database

from core.access.roles import Role
from core.access.users import add_user, set_password, set_role
from core.types import Document
from tests.dashboard.browser import opened, served
from tests.dashboard.sign_in.asking import PASSWORD

pytestmark = pytest.mark.full


@pytest.fixture
def address(
    calls_of_today: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Where a dashboard answers that asks for passwords; asha is its viewer."""
    monkeypatch.setenv("DASHBOARD_SIGN_IN", "users")
    add_user(calls_of_today, "asha", Role.VIEWER, PASSWORD)
    with served(tmp_path) as url:
        yield url


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill("asha")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light")])
def test_one_signs_in_and_is_where_the_link_led(
    address: str, browser: Browser, width: int, scheme: str
) -> None:
    """With the keyboard alone, on any screen; afterwards the page says who it is."""
    with opened(browser, f"{address}/alerts?view=Silences", width=width, scheme=scheme) as page:
        expect(page).to_have_url(re.compile(r"/sign-in\?next="))
        expect(page.get_by_label("Name")).to_be_focused()
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.type("asha")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/alerts\?view=Silences"))
        expect(page.locator("[data-testid=stMain] h1")).to_have_text("Alerts")
        expect(page.get_by_text("may not acknowledge alerts")).to_be_visible()
        assert "voice-agent" not in page.evaluate("document.cookie"), "no script reads it"


def test_a_changed_password_ends_an_open_page_within_seconds(
    address: str, browser: Browser, calls_of_today: Database[Document]
) -> None:
    """It renews itself, finds nobody signed in, and shows nothing but that."""
    with opened(browser, address) as page:
        sign_in(page)
        expect(page.locator(".st-key-visitor")).to_contain_text("asha")
        page.wait_for_selector("[data-testid=stMetric]")
        set_password(calls_of_today, "asha", "quite another one")
        expect(page.locator("[data-testid=stMain] h1")).to_have_text("Signed out", timeout=15_000)
        expect(page.locator("[data-testid=stMetric]")).to_have_count(0)
        page.get_by_role("link", name="Sign in").click()
        expect(page).to_have_url(re.compile("/sign-in"))
        sign_in(page, "quite another one")
        page.wait_for_selector("[data-testid=stMetric]")


def test_signing_out_is_below_the_menu(address: str, browser: Browser) -> None:
    with opened(browser, address) as page:
        sign_in(page)
        # Signed out before the page's own files are there, those still on their way are refused: an error.
        page.wait_for_load_state("networkidle")
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("[data-testid=stMain] h1")).to_have_text("Signed out")
        page.goto(address)
        expect(page).to_have_url(re.compile("/sign-in"))


def test_a_link_in_a_message_leads_past_the_form_once_signed_in(address: str, browser: Browser) -> None:
    """The cookie does not come along with a click on another site, yet nobody has to sign in again."""
    with opened(browser, address) as page:
        sign_in(page)
        page.wait_for_selector("[data-testid=stMetric]")
        port = urlsplit(address).port
        page.route(
            "http://mail.localhost/*",
            lambda route: route.fulfill(
                body=f'<a href="{address}/latency">look</a>', content_type="text/html"
            ),
        )
        page.goto(f"http://mail.localhost/?{port}")
        page.get_by_role("link", name="look").click()
        expect(page).to_have_url(f"{address}/latency")
        expect(page.locator("[data-testid=stMain] h1")).to_have_text("Latency")


def test_a_session_that_ends_while_something_is_typed_leads_back_to_its_page(
    address: str, browser: Browser, calls_of_today: Database[Document]
) -> None:
    """The person is told that what was typed is gone, and signs in to the same view with the same filters."""
    set_role(calls_of_today, "asha", Role.OPERATOR)
    with opened(browser, f"{address}/alerts?view=Rules&rule=error_rate") as page:
        sign_in(page)
        page.wait_for_selector(".st-key-rule-editor")
        calls_of_today["sessions"].delete_many({})
        expect(page.locator("[data-testid=stMain] h1")).to_have_text("Signed out", timeout=15_000)
        expect(page.locator(".st-key-signed-out")).to_contain_text("not saved")
        page.get_by_role("link", name="Sign in").click()
        expect(page).to_have_url(re.compile("/sign-in"))
        sign_in(page)
        page.wait_for_selector(".st-key-rule-editor")
        assert page.url == f"{address}/alerts?view=Rules&rule=error_rate"
