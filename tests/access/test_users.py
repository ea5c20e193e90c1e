"""Users: who may sign in, with which password, and what ends that."""

import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

import pytest
from pymongo.database import Database

from core.access.roles import Role
from core.access.users import (
    LONGEST_PASSWORD,
    add_user,
    check_password,
    find_user,
    list_users,
    remove_user,
    set_disabled,
    set_password,
    set_role,
)
from core.errors import UserError
from core.types import Document

if TYPE_CHECKING:
    from collections.abc import Callable

RIGHT = "correct horse battery"
NOW = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)


def test_a_password_is_kept_as_argon2id_and_opens_for_its_user_alone(database: Database[Document]) -> None:
    """Nothing of it stands in the database; small and large letters of names are alike."""
    add_user(database, "Asha@Example.com", Role.OPERATOR, RIGHT)
    add_user(database, "ravi", Role.ADMIN, "another long password")
    stored = database["users"].find_one({"_id": "asha@example.com"})
    assert stored
    assert stored["password"].startswith("$argon2id$v=19$m=65536,t=3,")
    assert RIGHT not in str(stored)
    found = check_password(database, " ASHA@example.com", RIGHT)
    assert found
    assert (found.name, found.role) == ("asha@example.com", Role.OPERATOR)
    for name, password in (
        ("ravi", RIGHT),
        ("asha@example.com", RIGHT + " "),
        ("asha@example.com", ""),
        ("nobody", RIGHT),
        ("asha@example.com", RIGHT + "x" * LONGEST_PASSWORD),
    ):
        assert check_password(database, name, password) is None, name


def test_a_password_written_on_another_keyboard_is_the_same(database: Database[Document]) -> None:
    """An accent may be one sign or two."""
    add_user(database, "asha", Role.VIEWER, "caf\u00e9 au lait, sucre")
    assert check_password(database, "asha", "cafe\u0301 au lait, sucre")


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * (LONGEST_PASSWORD + 1)])
def test_a_password_that_is_too_short_or_too_long_is_refused_with_the_remedy(
    database: Database[Document], password: str
) -> None:
    with pytest.raises(UserError, match="12 to 256 characters: take four words"):
        add_user(database, "asha", Role.VIEWER, password)
    add_user(database, "asha", Role.VIEWER, RIGHT)
    with pytest.raises(UserError, match="12 to 256"):
        set_password(database, "asha", password)


@pytest.mark.parametrize("name", ["", "a b", "\u0101sha", "-asha", "a" * 65, "{$ne: 1}"])
def test_a_name_that_would_be_mistaken_is_refused(database: Database[Document], name: str) -> None:
    with pytest.raises(UserError, match="is not a valid name"):
        add_user(database, name, Role.VIEWER, RIGHT)


def test_a_name_is_given_once(database: Database[Document]) -> None:
    add_user(database, "asha", Role.VIEWER, RIGHT)
    with pytest.raises(UserError, match="users role or password changes it"):
        add_user(database, "ASHA", Role.ADMIN, RIGHT)
    assert [user.role for user in list_users(database)] == [Role.VIEWER]


def test_who_is_disabled_or_removed_signs_in_no_more(database: Database[Document]) -> None:
    add_user(database, "asha", Role.VIEWER, RIGHT)
    set_disabled(database, "asha", disabled=True)
    assert check_password(database, "asha", RIGHT) is None
    set_disabled(database, "asha", disabled=False)
    assert check_password(database, "asha", RIGHT)
    remove_user(database, "asha")
    assert check_password(database, "asha", RIGHT) is None


def test_whoever_is_not_there_cannot_be_changed(database: Database[Document]) -> None:
    changes: list[Callable[[], None]] = [
        lambda: set_password(database, "asha", RIGHT),
        lambda: set_role(database, "asha", Role.ADMIN),
        lambda: set_disabled(database, "asha", disabled=True),
        lambda: remove_user(database, "asha"),
    ]
    for change in changes:
        with pytest.raises(UserError, match="there is no user asha"):
            change()


def test_an_unknown_name_takes_as_long_as_a_wrong_password(database: Database[Document]) -> None:
    """Else the answer's time would tell which names there are."""
    add_user(database, "asha", Role.VIEWER, RIGHT)
    times: dict[str, list[float]] = {"asha": [], "nobody": []}
    for _ in range(5):
        for name, taken in times.items():
            began = time.process_time()
            check_password(database, name, "wrong password")
            taken.append(time.process_time() - began)
    known, unknown = median(times["asha"]), median(times["nobody"])
    assert 0.25 < unknown / known < 4


@pytest.mark.parametrize(
    "row",
    [
        {"_id": "ravi"},
        {"_id": 5},
        {"_id": "ravi", "role": "auditor", "disabled": False, "created_at": NOW, "version": "1"},
        {"_id": "ravi", "role": "admin", "disabled": "no", "created_at": NOW, "version": "1"},
        {
            "_id": "ravi",
            "role": "admin",
            "disabled": False,
            "created_at": NOW,
            "version": "1",
            "password": None,
        },
    ],
    ids=str,
)
def test_a_user_that_cannot_be_read_locks_out_nobody_else(
    database: Database[Document], row: Document
) -> None:
    """And lets nobody in."""
    add_user(database, "asha", Role.ADMIN, RIGHT)
    database["users"].insert_one(dict(row))
    assert check_password(database, "asha", RIGHT)
    assert check_password(database, "ravi", RIGHT) is None
    found = find_user(database, "ravi")
    assert [one.name for one in list_users(database)] == (["asha", "ravi"] if found else ["asha"])
