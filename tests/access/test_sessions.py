"""Sessions: how long they last, and what ends them at once."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pymongo.database import Database

from core.access.roles import Role
from core.access.sessions import begin_session, end_session, find_session
from core.access.users import User, add_user, remove_user, set_disabled, set_password, set_role
from core.settings import get_settings
from core.types import Document

PASSWORD = "correct horse battery"
AT = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)


@pytest.fixture
def asha(database: Database[Document]) -> User:
    return add_user(database, "asha", Role.OPERATOR, PASSWORD)


def test_the_store_knows_a_token_by_its_hash_alone(database: Database[Document], asha: User) -> None:
    """Whoever reads the database, or a copy of it, signs in as nobody."""
    token = begin_session(database, asha)
    [stored] = database["sessions"].find()
    assert stored["_id"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(stored)
    assert len(token) == 43  # 256 bits
    found = find_session(database, token)
    assert found
    assert (found.actor.name, found.actor.role) == ("asha", Role.OPERATOR)
    for other in (stored["_id"], token[:-1], "", begin_session(database, asha)[::-1]):
        assert find_session(database, other) is None


def test_a_session_ends_after_hours_and_after_idle_minutes(
    database: Database[Document], asha: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clicks keep it, up to its hours; a page that renews itself keeps nothing."""
    monkeypatch.setenv("SESSION_HOURS", "2")
    monkeypatch.setenv("SESSION_IDLE_MINUTES", "30")
    get_settings.cache_clear()
    token = begin_session(database, asha, now=AT)

    def holds(minutes: int, *, clicked: bool) -> bool:
        now = AT + timedelta(minutes=minutes)
        return find_session(database, token, clicked=clicked, now=now) is not None

    assert holds(29, clicked=False)
    assert not holds(30, clicked=True), "idle"
    assert holds(29, clicked=True)
    assert [holds(minutes, clicked=True) for minutes in (58, 87, 116)] == [True] * 3
    assert holds(119, clicked=True)
    assert not holds(120, clicked=True), "too old, however much was clicked"
    assert database["sessions"].find_one({}, {"until": 1, "_id": 0}) == {"until": AT + timedelta(hours=2)}


@pytest.mark.parametrize(
    "change",
    [
        lambda database: set_password(database, "asha", "quite another one"),
        lambda database: set_role(database, "asha", Role.VIEWER),
        lambda database: set_disabled(database, "asha", disabled=True),
        lambda database: remove_user(database, "asha"),
    ],
    ids=["password", "role", "disabled", "removed"],
)
def test_a_change_of_the_user_ends_the_session_at_once(
    database: Database[Document], asha: User, change: Callable[[Database[Document]], None]
) -> None:
    """One that was signed in meanwhile, with what held before, is over too."""
    token = begin_session(database, asha)
    ravi = begin_session(database, add_user(database, "ravi", Role.VIEWER, PASSWORD))
    change(database)
    late = begin_session(database, asha)
    assert find_session(database, token) is None
    assert find_session(database, late) is None
    assert find_session(database, ravi), "nobody else's"


def test_a_user_of_the_same_name_does_not_inherit_a_session(database: Database[Document], asha: User) -> None:
    token = begin_session(database, asha)
    rows = list(database["sessions"].find())
    remove_user(database, "asha")
    add_user(database, "asha", Role.ADMIN, PASSWORD)
    database["sessions"].insert_many(rows)
    assert find_session(database, token) is None


def test_signing_out_ends_one_session(database: Database[Document], asha: User) -> None:
    first, second = begin_session(database, asha), begin_session(database, asha)
    assert end_session(database, first) == "asha"
    assert end_session(database, first) is None
    assert find_session(database, first) is None
    assert find_session(database, second)


def test_sessions_that_are_over_are_cleared_away(database: Database[Document]) -> None:
    """By the database itself."""
    lifetimes = [index.get("expireAfterSeconds") for index in database["sessions"].list_indexes()]
    assert 0 in lifetimes


def test_who_signed_in_and_out_is_in_the_audit_log(database: Database[Document]) -> None:
    user = add_user(database, "asha", Role.OPERATOR, "four plain words here")
    end_session(database, begin_session(database, user))
    noted = [(row["actor"], row["role"], row["action"]) for row in database["audit"].find().sort("_id", 1)]
    assert noted == [("asha", "operator", "signed_in"), ("asha", "operator", "signed_out")]


@pytest.mark.parametrize("back", [timedelta(minutes=6), timedelta(days=300)])
def test_a_clock_that_is_set_back_makes_no_session_longer(
    database: Database[Document], asha: User, back: timedelta
) -> None:
    """It was ahead when somebody signed in: nobody could tell how long that is ago."""
    token = begin_session(database, asha, now=AT)
    assert find_session(database, token, now=AT - timedelta(minutes=4)) is not None, "clocks differ a little"
    assert find_session(database, token, clicked=True, now=AT - back) is None
