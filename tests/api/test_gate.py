"""Many readers at once: the API says that it is busy, and goes on saying that it is alive."""

import asyncio
import socket
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from core.access.api_keys import NoKeysNote
from core.api import gate
from core.api.app import create_app
from core.api.gate import Gate
from core.api.security import this_machine
from core.settings import get_settings
from tests.api.test_routes import ANALYTICS

READERS = 60


@pytest.fixture
def hung_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database that takes connections and never says a word; when it last did, there were no keys."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("MONGODB_URI", f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=3000")
        monkeypatch.setenv("DATA_DIR", str(tmp_path))
        monkeypatch.setattr(gate, "LONGEST_SECONDS", 3.0)
        monkeypatch.setattr(gate, "PATIENCE_SECONDS", 2.0)
        get_settings.cache_clear()
        NoKeysNote().keep(none=True)
        yield


def api() -> httpx2.AsyncClient:
    """A client of the application on this machine."""
    transport = httpx2.ASGITransport(app=create_app(this_machine), client=("127.0.0.1", 50_000))
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30)


@pytest.mark.full
@pytest.mark.alone
def test_liveness_is_told_at_once_while_readers_wait(hung_store: None) -> None:
    """Whoever watches the process does not kill it for being busy."""

    async def crowd() -> tuple[list[float], list[httpx2.Response]]:
        async with api() as client:
            # Of days of their own: the same question would be asked of the database once.
            days = [f"{ANALYTICS}/metrics/daily/{date(2024, 1, 1) + timedelta(n)}" for n in range(READERS)]
            readers = [asyncio.create_task(client.get(day)) for day in days]
            looks = [asyncio.create_task(client.get("/readyz")) for _ in range(READERS)]
            waits = []
            for _ in range(5):
                await asyncio.sleep(0.1)
                started = time.perf_counter()
                assert (await client.get("/healthz")).status_code == 200
                waits.append(time.perf_counter() - started)
            return waits, [*await asyncio.gather(*readers), *await asyncio.gather(*looks)]

    waits, answers = asyncio.run(crowd())
    assert max(waits) < 1
    assert {answer.status_code for answer in answers} == {503}
    busy = [answer for answer in answers if "too many requests" in answer.text]
    assert len(busy) > READERS
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in busy)


async def _get(app: Gate, leave: asyncio.Event, path: str = "/slow") -> list[int]:
    """One request over ASGI, given up by its client at the event; the statuses it was answered."""
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        for message in messages:
            return message
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        if isinstance(message, dict) and message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)
    return statuses


def test_a_client_that_gives_up_makes_room_in_the_queue() -> None:
    """Requests that nobody waits for any longer are not computed, and take nobody's place."""
    served = []

    async def play() -> list[list[int]]:
        free, go, stay = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def application(scope: object, receive: object, send: object) -> None:
            served.append(scope)
            await free.wait()

        app = Gate(application, at_work=1, patience_seconds=20)
        at_work = asyncio.create_task(_get(app, stay))
        gave_up = [asyncio.create_task(_get(app, go)) for _ in range(9)]
        waits = asyncio.create_task(_get(app, stay))
        await asyncio.sleep(0.05)
        go.set()
        answers = await asyncio.gather(*gave_up)
        free.set()
        await asyncio.wait_for(asyncio.gather(at_work, waits), 5)
        await asyncio.wait_for(_get(app, stay), 5)
        return answers

    asyncio.run(play())
    assert len(served) == 3


def test_figures_do_not_wait_for_lists_that_take_long() -> None:
    """However many people search for calls."""

    async def play() -> list[int]:
        free = asyncio.Event()

        async def application(scope: Any, _receive: object, send: Any) -> None:
            if scope["path"].endswith("/calls"):
                await free.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        app = Gate(application, at_work=1)
        lists = [asyncio.create_task(_get(app, free, f"{ANALYTICS}/calls")) for _ in range(9)]
        await asyncio.sleep(0.05)
        found = await asyncio.wait_for(_get(app, free, f"{ANALYTICS}/metrics"), 5)
        free.set()
        await asyncio.wait_for(asyncio.gather(*lists), 5)
        return found

    assert asyncio.run(play()) == [200]
