"""A real embedded MongoDB for the tests: one per worker, with an empty database per test."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest
from playwright.sync_api import Browser, sync_playwright
from pymongo.database import Database

from core.settings import get_settings
from core.storage.recording.breaker import breaker
from core.storage.server.connection import close_all
from core.types import Document
from tests import databases
from tests.turns import turn

_CONFIGURATION = (
    *("MONGODB_URI", "TIMEZONE", "LOG_LEVEL", "LOG_FILE", "SMTP_SERVER", "SMTP_PORT", "SMTP_USERNAME"),
    *(
        "SMTP_PASSWORD",
        "ALERT_EMAIL_FROM",
        "ALERT_EMAIL_TO",
        "ALERT_APPRISE_URLS",
        "ALERT_ALLOW_INSECURE",
        "SLACK_WEBHOOK_URL",
        "ALERT_RULES_FILE",
        "API_KEYS",
        "API_WRITE_KEYS",
        "API_INGEST_KEYS",
        "API_PUBLIC_URL",
        "HOOK_SECRETS",
        "INSTALLATION_NAME",
        "ALERT_ESCALATE_TO",
        "ALERT_NO_RESOLVED",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "STATSD_HOST",
        "STATSD_PORT",
        "STATSD_PREFIX",
        "STATSD_DIALECT",
        "ALERT_ROTA",
        "ALERT_ROTA_SWAPS",
        "RUNBOOK_BASE_URL",
        "ACK_LINK_KEY",
        "ENCRYPTION_KEYS",
        "BLIND_INDEX_KEY",
        "ENCRYPTED_FIELDS",
        "LEAD_ID_PHONES",
        "RECORD_TRANSCRIPTS",
        "ERASURE_RECEIPT_KEY",
        "AUDIT_KEY",
        "AUDIT_DAYS",
        "DASHBOARD_HOST",
        "DASHBOARD_PUBLIC_URL",
        "DASHBOARD_SIGN_IN",
        "DASHBOARD_USER_HEADER",
        "DASHBOARD_ROLES",
        "DASHBOARD_TRUSTED_PROXIES",
        "SESSION_HOURS",
        "SESSION_IDLE_MINUTES",
    ),
)
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 4_000_000_000  # noqa: S108 (each store gets its own folder)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No deadlines, because machines differ; and no random examples that would fail unrelated changes.
hypothesis.settings.register_profile("the same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("others", deadline=None)
hypothesis.settings.load_profile("the same")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option for how much to compare with Prometheus and Alertmanager."""
    parser.addoption(
        "--oracle-seeds", type=int, default=1, help="number of random sets to compare with the oracles"
    )


def pytest_xdist_auto_num_workers() -> int:
    """Return the workers for ``-n auto``: one more than there are cores, because tests wait a lot."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests that run alone last, so that the others do not wait for them."""
    items.sort(key=_runs_alone)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """With several workers, have a test wait for its turn before its timeout starts."""
    if not hasattr(item.config, "workerinput") or item.config.cache is None:
        return (yield)
    with turn(item.config.cache.mkdir("turns"), alone=_runs_alone(item)):
        return (yield)


def _runs_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that take ``oracle_seed`` once per seed."""
    if "oracle_seed" in metafunc.fixturenames:
        seeds = range(1, 1 + metafunc.config.getoption("oracle_seeds"))
        metafunc.parametrize("oracle_seed", seeds, scope="module")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the DATA_DIR of an embedded server that ends with the test run.

    In memory if there is room: on disk, a new database with its forty files takes most of a second.
    """
    is_roomy = (
        _MEMORY.is_dir()
        and min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available) > _ROOM_BYTES
    )
    place = _MEMORY if is_roomy else tmp_path_factory.getbasetemp()
    with tempfile.TemporaryDirectory(prefix="store-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
        close_all(wait_seconds=10)


@pytest.fixture(autouse=True)
def clean_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Hide the developer's own configuration from tests."""
    for name in _CONFIGURATION:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def database(
    store: Path, monkeypatch: pytest.MonkeyPatch, clean_settings: None
) -> Iterator[Database[Document]]:
    """Return a database for this test alone, set in the environment for child processes too."""
    name = databases.next_name()
    monkeypatch.setenv("DATA_DIR", str(store))
    monkeypatch.setenv("MONGODB_DATABASE", name)
    get_settings.cache_clear()
    breaker.rest_until = breaker.next_look = 0.0  # what another test found out about the database
    emptied = databases.emptied()
    # Tests use past alerts, which the server must not expire in the middle of a test.
    emptied.client.admin.command("setParameter", 1, ttlMonitorEnabled=False)
    yield emptied
    databases.forget(store, name)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Return the system's Chromium, headless."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        pytest.fail("no browser: install Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield running
        running.close()
