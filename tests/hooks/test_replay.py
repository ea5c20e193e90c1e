"""Deliveries read anew: with what an adapter learned since, and nothing that was masked."""

import asyncio
import subprocess
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from pymongo.database import Database

from core.adapters import sources
from core.adapters.delivery import Delivery, Source
from core.clock import utc_now
from core.erasure import erase_lead
from core.hooks import replay
from core.hooks.masked import LARGEST_KEPT, masked_body
from core.hooks.receive import receive
from core.privacy.sensitive import key_of
from core.settings import get_settings
from core.storage.hook_deliveries import recent_deliveries, source_activity
from core.storage.sealing.open import open_value
from core.storage.server.connection import close_connections, store_name
from core.types import Document
from tests import forked
from tests.hooks.example import EXAMPLE, now_ended
from tests.storage.sealing.test_sealing import OLD, use

pytestmark = pytest.mark.usefixtures("keys")
T = TypeVar("T")
BROKEN = Source("example", "Example", EXAMPLE.role, lambda _: Delivery(str(1 / 0)))
"""The example with a slip in its adapter."""


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, OLD, blind=None)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do a thing in an event loop of its own."""

    async def whole() -> T:
        try:
            return await work
        finally:
            await close_connections()

    return asyncio.run(whole())


def deliver(*payloads: Mapping[str, object], source: Source = EXAMPLE) -> None:
    """Receive payloads one after the other."""

    async def all_of_them() -> None:
        for payload in payloads:
            await receive(source, payload, 100)

    run(all_of_them())


def again(database: Database[Document], *, refused: bool = False) -> dict[str, int]:
    """Replay what is kept."""
    query = replay.wanted(None, None, refused=refused)
    return dict(run(replay.replay_deliveries(database, query, lambda *_: None)))


def as_stored(database: Database[Document]) -> list[Document]:
    """The calls, without what says something of the storing."""
    return list(database["calls"].find({}, {"recorded_at": 0, "version": 0}).sort("_id", 1))


@pytest.fixture(autouse=True)
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the example among the sources."""
    monkeypatch.setattr(sources, "SOURCES", {"example": EXAMPLE})


def test_replaying_changes_nothing_that_was_good(database: Database[Document]) -> None:
    """Not the lead that is masked in what is kept either."""
    deliver(now_ended(phone="+919876543210", ending="busy", usd=1), now_ended(id="p-2", own_id=True))
    before = as_stored(database)
    assert [row.get("lead_id") for row in before] == ["+919876543210", None]
    for _ in range(2):
        assert again(database) == {"stored": 2}
    assert as_stored(database) == before
    assert all(note.replayed_at for note in recent_deliveries(database))


def test_what_was_refused_is_recorded_once_the_adapter_is_put_right(database: Database[Document]) -> None:
    """The note says so afterwards; what has no call's id stays refused."""
    deliver(now_ended(), {"event": "ended"}, source=BROKEN)
    deliver(now_ended(id="fine"))
    assert database["calls"].distinct("_id") == ["fine"]
    assert again(database, refused=True) == {"stored": 1, "refused": 1}
    assert sorted(database["calls"].distinct("_id")) == ["fine", "p-1"]
    outcomes = {note.call_id: note.outcome for note in recent_deliveries(database)}
    assert outcomes == {"fine": "stored", "p-1": "stored", None: "refused"}
    assert again(database, refused=True) == {"refused": 1}


def test_a_call_whose_id_was_masked_is_not_made_up(database: Database[Document]) -> None:
    """Such as an id that is a phone number, of a delivery that could not be read at first."""
    deliver({**now_ended(), "id": "+919876543210"}, source=BROKEN)
    assert again(database) == {"refused": 1}
    assert "sent again" in str(recent_deliveries(database)[0].reason)
    assert database["calls"].count_documents({}) == 0


def test_a_good_delivery_whose_id_was_masked_stays_good(database: Database[Document]) -> None:
    """It was recorded when it came; what is kept of it cannot say more."""
    deliver({**now_ended(), "id": "+919876543210"})
    before = as_stored(database)
    assert again(database) == {"stored": 1}
    assert (recent_deliveries(database)[0].outcome, as_stored(database)) == ("stored", before)


def test_what_is_kept_is_sealed_and_without_a_key_masked_all_the_same(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the key of the call's lead: it goes with that. Without a key it can still be replayed."""
    deliver({**now_ended(), "phone": "lead_1", "note": "Meera Pillai agreed"})
    (row,) = database["hook_deliveries"].find()
    assert database["lead_keys"].distinct("lead") == ["lead_1"]
    assert key_of(row["body"]) is not None
    assert "Meera" in str(open_value(database, row["_id"], "body", row["body"]))
    database["lead_keys"].delete_many({})
    assert again(database) == {"not kept": 1}
    monkeypatch.delenv("ENCRYPTION_KEYS")
    get_settings.cache_clear()
    deliver({**now_ended(), "id": "other", "customer_name": "Meera Pillai"})
    assert "Meera" not in str(list(database["hook_deliveries"].find()))
    assert again(database) == {"not kept": 1, "stored": 1}


def test_a_body_that_is_too_large_to_be_kept_is_recorded_all_the_same(database: Database[Document]) -> None:
    deliver(now_ended(deep=["x" * 1_000] * 300))
    assert database["calls"].count_documents({}) == 1
    assert again(database) == {"not kept": 1}
    assert masked_body({"a": "x" * LARGEST_KEPT}, ()) is None


def test_the_activity_of_a_source_is_counted(database: Database[Document]) -> None:
    """By outcome, endings that nobody knows, and fields that nobody reads."""
    now = utc_now()
    deliver(now_ended(ending="busy"), now_ended(ending="gone with the wind", new=1), {"event": "ping"})
    one = source_activity(database, now)["example"]
    assert (one.outcomes, one.total) == ({"stored": 2, "ignored": 1}, 3)
    assert (one.unknown_share, one.unknown) == (0.5, {"new": 1})
    assert one.last_at is not None
    assert source_activity(database, utc_now())["example"].total == 0


@pytest.mark.full
def test_the_command_lists_and_replays(database: Database[Document]) -> None:
    """For people at a terminal; a source that is not there is said."""

    def core(*args: str) -> subprocess.CompletedProcess[str]:
        return forked.run(["-m", "core", "hooks", *args])

    listed = core("list").stdout
    assert "no matching delivery" in listed
    assert store_name() in listed
    call = {"CallUUID": "u-1", "Event": "Hangup", "CallStatus": "completed", "Direction": "outbound"}
    call |= {"StartTime": "2026-11-20 10:00:00", "EndTime": "2026-11-20 10:01:00"}
    plivo = Source("plivo", "Plivo", EXAMPLE.role, lambda _: Delivery(str(1 / 0)))
    deliver(call, source=plivo)
    listed = core("list", "--refused").stdout
    assert ("plivo" in listed, "the adapter" in " ".join(listed.split())) == (True, True)
    done = core("replay", "--source", "plivo", "--refused")
    assert (done.returncode, "replayed 1 delivery" in done.stdout) == (0, True), done.stderr
    assert database["calls"].distinct("_id") == ["u-1"]
    wrong = core("replay", "--source", "nobody")
    assert (wrong.returncode, "is not a source" in wrong.stderr) == (2, True)


def test_deliveries_go_when_their_lead_is_erased(database: Database[Document]) -> None:
    """Also such as name the lead's call alone; others stay."""
    deliver(now_ended(id="call-of-7", phone="lead_seven"), now_ended(id="call-of-8", phone="lead_eight"))
    assert database["calls"].distinct("lead_id") == ["lead_eight", "lead_seven"]
    assert erase_lead(database, "lead_seven").deliveries == 1
    assert [note.call_id for note in recent_deliveries(database)] == ["call-of-8"]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"source": "example"},
        {"source": 5, "outcome": "stored", "received_at": "yesterday"},
        {"source": {"a": 1}, "outcome": "stored"},
        {"source": "example", "outcome": {"a": 1}, "unknown": "deep", "ending": 5},
        {"source": "example", "outcome": "stored", "unknown": [1, None, {"a": 1}]},
        {"source": "example", "outcome": "stored", "body": "no JSON"},
        {"source": "example", "outcome": "stored", "body": "[1]"},
    ],
)
def test_an_odd_delivery_costs_no_other(database: Database[Document], odd: Document) -> None:
    """Neither their replay, nor the page that shows what sources do."""
    deliver(now_ended(), now_ended(id="p-2"))
    database["hook_deliveries"].insert_one({"_id": "odd", "received_at": utc_now(), **odd})
    assert again(database)["stored"] == 2
    assert len(recent_deliveries(database)) >= 2
    activity = source_activity(database, utc_now() - timedelta(days=1))
    assert activity["example"].outcomes["stored"] >= 2
    assert set(activity) == {"example"}
