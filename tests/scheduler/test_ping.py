"""The watchdog's answer holds up no check."""

import asyncio
import time

import pytest

from core.scheduler import jobs
from core.settings import get_settings
from tests.raw_server import ENDLESS, HALF, SLOW, raw_server


@pytest.mark.parametrize("answer", [HALF, ENDLESS, SLOW], ids=["half", "endless", "slow"])
def test_a_watchdog_whose_answer_never_ends_holds_up_no_check(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: tuple[bytes, ...]
) -> None:
    with raw_server(answer) as (server, url):
        monkeypatch.setenv("SCHEDULER_PING_URL", url)
        get_settings.cache_clear()
        begun = time.monotonic()
        asyncio.run(jobs._ping())
        assert time.monotonic() - begun < 4
    assert server.requests == 1
    assert not caplog.records


def test_a_watchdog_that_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does one whose headers never end."""
    monkeypatch.setattr(jobs, "PING_TIMEOUT_SECONDS", 0.5)
    with raw_server((b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 100)) as (server, url):
        server.pause = 0.2
        monkeypatch.setenv("SCHEDULER_PING_URL", url)
        get_settings.cache_clear()
        begun = time.monotonic()
        asyncio.run(jobs._ping())
        assert time.monotonic() - begun < 4
    (warning,) = caplog.records
    assert (warning.getMessage(), vars(warning)["reason"]) == (
        "SCHEDULER_PING_URL was not reached",
        "TimeoutError",
    )
