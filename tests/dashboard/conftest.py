"""Calls to show, and the app without a browser."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache as remembered
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from argon2 import PasswordHasher
from pymongo.database import Database
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core.access import users
from core.clock import utc_now
from core.models.metrics import CallMetrics
from core.storage.calls import write_calls
from core.types import Document
from dashboard.queries import cache
from tests.dashboard.browser import served

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "dashboard" / "app.py"


def make_call(number: int, start: datetime, **fields: Any) -> CallMetrics:
    """Return a completed outbound call of two minutes, unless ``fields`` say otherwise."""
    usual: dict[str, Any] = {
        "status": "completed",
        "direction": "outbound",
        "language": "hinglish",
        "duration_seconds": 120,
        "asr_latency_ms": 400 + number % 50,
        "tts_latency_ms": 250 + number % 30,
        "sentiment_score": (number % 20 - 10) / 10,
    }
    return CallMetrics(call_id=f"call_{number}", start_time=start, **(usual | fields))


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make password hashes of the same kind fast; other tests check their real cost."""
    monkeypatch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    users._nobodys_hash.cache_clear()


@pytest.fixture(autouse=True)
def every_panel_can_be_made(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail where a panel could not be made, though its page is there: who breaks one clears the log."""
    yield
    failed = [one for one in caplog.get_records("call") if one.getMessage() == "A panel cannot be shown"]
    assert not failed, [one.__dict__.get("panel") for one in failed]


@pytest.fixture(scope="session", autouse=True)
def components() -> Iterator[None]:
    """Look once for components that other packages bring: each app would read all packages' metadata anew."""
    with pytest.MonkeyPatch.context() as patch:
        found = remembered(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", found)
        yield


def fill_today(database: Database[Document]) -> None:
    """Record 120 calls, one every 10 minutes until now; every 4th inbound in Hindi, every 5th unanswered.

    Every 3rd was hung up; every 10th had an error of a provider, and every 20th was ended by it.
    """
    now = utc_now()
    write_calls(
        database,
        [
            make_call(
                number,
                now - timedelta(minutes=10 * number + 1),
                direction="inbound" if number % 4 == 0 else "outbound",
                language="hindi" if number % 4 == 0 else "hinglish",
                status="no_answer" if number % 5 == 0 else "completed",
                end_reason="hung_up" if number % 3 == 0 else None,
                fault="provider" if number % 20 == 0 else None,
                errors=[{"type": "llm_timeout", "fault": "provider"}] if number % 10 == 0 else [],
            )
            for number in range(120)
        ],
    )


@pytest.fixture
def calls_of_today(database: Database[Document]) -> Database[Document]:
    """The calls of ``fill_today``."""
    fill_today(database)
    return database


@pytest.fixture
def calls_of_1999(database: Database[Document]) -> Database[Document]:
    """Record ten calls of 31 January 1999 without latencies, like an import of old records."""
    noon = datetime(1999, 1, 31, 6, 30, tzinfo=UTC)
    write_calls(
        database,
        [
            make_call(n, noon + timedelta(minutes=n), asr_latency_ms=None, tts_latency_ms=None)
            for n in range(10)
        ],
    )
    return database


@pytest.fixture
def address(calls_of_today: Database[Document], tmp_path: Path) -> Iterator[str]:
    """Yield the address of a dashboard with the calls of today."""
    with served(tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def looked_at(
    lasting_database: Database[Document], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a dashboard over the calls of today answers, for the tests of a module that only look."""
    fill_today(lasting_database)
    with served(tmp_path_factory.mktemp("dashboard")) as url:
        yield url


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Open a page of the app, Overview by default, with URL parameters."""
    st.config.set_option("server.address", "127.0.0.1")
    st.cache_data.clear()
    st.cache_resource.clear()

    def open_app(page: str = "overview", **link: str) -> AppTest:
        app = AppTest.from_file(str(ENTRY), default_timeout=30)
        for name, value in link.items():
            app.query_params[name.rstrip("_")] = value
        if page != "overview":  # as a link opens it, without Overview before
            app.switch_page(f"../pages/{page}.py")
        app.run()
        assert page == "overview" or app._finished_page_script_hash == app._page_hash, (
            f"{page} is not in the menu"
        )
        return app

    yield open_app
    st.cache_data.clear()
    st.cache_resource.clear()


def tables_of(app: AppTest) -> list[list[dict[str, str]]]:
    """Return the tables on the page: per row, a dictionary of Markdown by column."""
    texts = [element.value for element in app.markdown if element.value.startswith("| ")]
    cells = [[line[2:-2].split(" | ") for line in text.splitlines()] for text in texts]
    return [[dict(zip(names, row, strict=True)) for row in rows] for names, _, *rows in cells]


def text_of(app: AppTest) -> str:
    """Return all text on the page."""
    kinds = ("markdown", "caption", "subheader", "error", "warning", "code", "metric")
    parts = [getattr(element, "value", "") for kind in kinds for element in app.get(kind)]
    return "\n".join(str(part) for part in parts)


def scrolled(app: AppTest) -> AppTest:
    """Return the page with every chart drawn, as for a reader who scrolls to its end."""
    for button in app.button:
        if str(button.key).startswith("later-"):
            button.click()
    return app.run()


def calls_listed(app: AppTest) -> list[str]:
    """Return the ids of the listed calls, in order."""
    pages = "".join(element.proto.body for element in app.get("html"))
    return re.findall(r'<td class="call"><a [^>]*>([^<]*)</a>', pages)


def forget_failure() -> None:
    """Let the dashboard query the database again at once, even right after a failure."""
    cache._down["until"] = 0.0
