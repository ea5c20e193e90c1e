"""A lease has one holder at a time, by the server's clock, and each change of holder another term."""

import threading
import time
from contextlib import suppress

import pytest
from bson.datetime_ms import DatetimeMS
from pymongo.database import Database
from pymongo.errors import PyMongoError

from core.storage.server.leases import Lease, LeaseKeeper
from core.types import Document


def term(lease: Lease) -> int | None:
    held = lease.take()
    return held.term if held else None


def test_one_holds_it_until_it_ends_or_is_given_up(database: Database[Document]) -> None:
    first, second = Lease(database, "job", 0.6), Lease(database, "job", 60)
    assert (term(first), term(second), term(first)) == (1, None, 1)
    time.sleep(0.7)
    assert (term(second), term(first), term(second)) == (2, None, 2)
    first.release()  # not its own any more: changes nothing
    assert term(first) is None
    second.release()
    assert (term(first), term(second)) == (3, None)


def test_of_many_that_reach_for_it_at_once_one_gets_it(database: Database[Document]) -> None:
    got: list[int | None] = []
    barrier = threading.Barrier(8)

    def reach() -> None:
        lease = Lease(database, "job", 60)
        barrier.wait()
        got.append(term(lease))

    threads = [threading.Thread(target=reach) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=str) == [1, *[None] * 7]


def test_a_keeper_renews_it_and_gives_it_up_at_the_end(database: Database[Document]) -> None:
    keeper, other = LeaseKeeper(Lease(database, "job", 0.8)), Lease(database, "job", 60)
    keeper.start()
    time.sleep(1.5)
    assert other.take() is None
    held = keeper.held()
    assert held is not None
    assert abs(held.clock_ahead.total_seconds()) < 0.5
    keeper.stop()
    assert term(other) == 2


def test_a_lease_taken_while_the_clock_was_ahead_lasts_no_longer_than_any_other(
    database: Database[Document],
) -> None:
    """Its holder was killed, and the clock set back: the next one waits for its length, not for hours."""
    first, second = Lease(database, "job", 0.8), Lease(database, "job", 60)
    assert term(first) == 1
    ahead = {"$add": ["$until", 40 * 3_600_000]}
    database["leases"].update_one({"_id": "job"}, [{"$set": {"until": ahead}}])
    assert term(second) is None
    assert term(first) == 1, "who still holds it renews it"
    database["leases"].update_one({"_id": "job"}, [{"$set": {"until": ahead}}])
    assert term(second) is None
    time.sleep(1)
    assert term(second) == 2


def test_a_keeper_goes_on_trying_whatever_went_wrong(database: Database[Document]) -> None:
    """Here a time that Python cannot hold, which another tool put into the row."""
    database["leases"].insert_one({"_id": "night", "noted": DatetimeMS(2**60)})
    keeper = LeaseKeeper(Lease(database, "night", 1.0))
    keeper.start()
    try:
        with pytest.raises(PyMongoError, match="InvalidBSON"):
            keeper.held()
        database["leases"].update_one({"_id": "night"}, {"$unset": {"noted": 1}})
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(PyMongoError):
                if keeper.held():
                    break
            time.sleep(0.05)
        else:
            pytest.fail("it was the last try")
    finally:
        keeper.stop()
