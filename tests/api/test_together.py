"""Many who ask the same at once are answered together: with what is true, each under their own name."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx2
import orjson
import pytest
from pymongo.database import Database

from core.api.app import create_app
from core.api.together import Begins, Together
from core.logging_config import flush
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import ANALYTICS, call

FIRST, SECOND = "a" * 32, "b" * 32
DAY = f"{ANALYTICS}/metrics/daily/2024-10-24"
READERS = 30


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch, database: Database[Document]) -> None:
    """An API with two keys that read."""
    monkeypatch.setenv("API_KEYS", f"{FIRST},{SECOND}")
    get_settings.cache_clear()


def ask_all(*requests: tuple[str, dict[str, str]]) -> list[httpx2.Response]:
    """Ask all at once."""

    async def ask() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=create_app(), client=("127.0.0.1", 50_000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30) as client:
            return await asyncio.gather(*(client.get(path, headers=headers) for path, headers in requests))

    return asyncio.run(ask())


def test_the_same_question_of_many_is_asked_of_the_database_a_few_times(
    keyed: None, database: Database[Document], capfd: pytest.CaptureFixture[str]
) -> None:
    """Each answer has its own request id, each reader stands in the log."""
    write_calls(database, [call(1, datetime(2024, 10, 24, tzinfo=UTC))])
    database.command("profile", 2)
    keys = [(FIRST, SECOND)[number % 2] for number in range(READERS)]
    answers = ask_all(*((DAY, {"X-API-Key": key}) for key in keys))
    database.command("profile", 0)
    flush()
    assert [answer.json()["total_calls"] for answer in answers] == [1] * READERS
    assert len({answer.headers["x-request-id"] for answer in answers}) == READERS
    reads = database["system.profile"].count_documents({"op": "query", "ns": f"{database.name}.calls"})
    assert 1 <= reads <= 6
    written = "".join(capfd.readouterr())  # on stderr where tests run in several processes
    lines = [orjson.loads(line) for line in written.splitlines() if '"category":"security"' in line]
    accesses = [line["key_id"] for line in lines if line["event"] == "api_access"]
    assert len(accesses) == READERS
    assert len(set(accesses)) == 2


def test_without_a_right_key_nobody_shares_an_answer(keyed: None) -> None:
    """Nor does another question get this one's."""
    right = {"X-API-Key": FIRST}
    answers = ask_all(
        (DAY, right),
        (DAY, {}),
        (DAY, {"X-API-Key": "wrong"}),
        (f"{DAY}?language=hindi", right),
        (f"{DAY}?language=x&nonsense=1", right),
        (DAY, {**right, "If-None-Match": "*"}),
    )
    assert [answer.status_code for answer in answers] == [200, 401, 401, 200, 422, 304]


class _Bench:
    """An application that answers with the number of its run, once it may."""

    def __init__(self) -> None:
        self.runs = 0
        self.go = asyncio.Event()

    async def __call__(self, _scope: object, _receive: object, send: Any) -> None:
        self.runs += 1
        number = str(self.runs).encode()
        await self.go.wait()
        if self.runs == 3:
            raise RuntimeError("third")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": number})


class _State:
    class state:  # noqa: N801 (as an application has it)
        class guesses:  # noqa: N801 (as an application has it)
            @staticmethod
            def wait_seconds(_client: str) -> int:
                return 0


async def read(app: Together, leave: asyncio.Event | None = None) -> bytes:
    """Ask over ASGI; the body of the answer, of who left before it nothing."""
    told: list[bytes] = []
    first = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if first:
            return first.pop()
        await (leave or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        told.append(message.get("body", b""))

    scope = {"type": "http", "method": "GET", "path": "/api/x", "headers": [], "app": _State, "client": None}
    await app(scope, receive, send)
    return b"".join(told)


def test_nobody_gets_an_answer_that_was_begun_before_they_asked(database: Database[Document]) -> None:
    """What was recorded a moment before is in it."""

    async def play() -> list[bytes]:
        bench = _Bench()
        app = Together(Begins(bench))
        early = [asyncio.create_task(read(app)) for _ in range(3)]
        await asyncio.sleep(0.01)
        late = [asyncio.create_task(read(app)) for _ in range(3)]
        await asyncio.sleep(0.01)
        bench.go.set()
        return list(await asyncio.gather(*early, *late))

    assert asyncio.run(play()) == [b"1"] * 3 + [b"2"] * 3


def test_a_reader_that_leaves_takes_no_answer_from_the_others(database: Database[Document]) -> None:
    """Also the one who asked first."""

    async def play() -> list[bytes]:
        bench, leave = _Bench(), asyncio.Event()
        app = Together(Begins(bench))
        first = asyncio.create_task(read(app, leave))
        others = [asyncio.create_task(read(app)) for _ in range(2)]
        await asyncio.sleep(0.01)
        leave.set()
        assert await first == b""
        bench.go.set()
        return list(await asyncio.gather(*others))

    assert asyncio.run(play()) == [b"1"] * 2


def test_what_fails_fails_for_all_who_share_it_and_not_for_the_next(database: Database[Document]) -> None:
    """No failure stays."""

    async def play() -> None:
        bench = _Bench()
        bench.go.set()
        app = Together(Begins(bench))
        assert [await read(app), await read(app)] == [b"1", b"2"]
        failed = await asyncio.gather(read(app), read(app), return_exceptions=True)
        assert [str(one) for one in failed] == ["third", "third"]
        assert await read(app) == b"4"

    asyncio.run(play())
