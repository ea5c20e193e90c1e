"""A real embedded MongoDB for the tests: one per worker, with an empty database per test."""

import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest
from playwright.sync_api import Browser, sync_playwright
from pymongo.database import Database

from core.settings import get_settings
from core.storage.collections import ensure_indexes
from core.storage.recording.breaker import breaker
from core.storage.server.connection import close_all, get_sync_database
from core.types import Document
from tests import databases
from tests.turns import turn

Setting = Callable[..., None]
"""Sets environment variables, given by name."""

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
        "DASHBOARD_PROXY_USER",
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
# Hundreds of processes are started here. Each would compile all that it imports where none may write it down.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option for how much to compare with Prometheus and Alertmanager."""
    parser.addoption(
        "--oracle-seeds", type=int, default=1, help="number of random sets to compare with the oracles"
    )


def pytest_configure() -> None:
    """A run that is told to end clears away behind itself, as after Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


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
    _remove_stores_of_the_dead()
    is_roomy = (
        _MEMORY.is_dir()
        and min(shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available) > _ROOM_BYTES
    )
    place = _MEMORY if is_roomy else tmp_path_factory.getbasetemp()
    prefix = f"store-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
        close_all(wait_seconds=10)


def _remove_stores_of_the_dead() -> None:
    """Remove what killed test runs left in memory: the name of a store says which process made it."""
    for folder in _MEMORY.glob("store-*-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[1])):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def clean_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Hide the developer's own configuration from tests."""
    _clean(monkeypatch, tmp_path / "data")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Setting:
    """Return what sets variables, for this process and those that it starts."""

    def put(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    return put


def _clean(environment: pytest.MonkeyPatch, data_dir: Path) -> None:
    for name in _CONFIGURATION:
        environment.delenv(name, raising=False)
    environment.setenv("DATA_DIR", str(data_dir))


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


@pytest.fixture(scope="module")
def lasting_database(store: Path) -> Iterator[Database[Document]]:
    """A database that tests of a module share and none of them changes, for what takes long to start."""
    with pytest.MonkeyPatch.context() as environment:
        _clean(environment, store)
        environment.setenv("MONGODB_DATABASE", f"module_{uuid.uuid4().hex[:12]}")
        get_settings.cache_clear()
        database = get_sync_database()
        ensure_indexes(database)
        yield database
    get_settings.cache_clear()


@pytest.fixture(scope="module")
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
