"""Users who sign in with a password: name, role and password hash, in the collection ``users``."""

import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from core.access.roles import Role
from core.clock import utc_now
from core.errors import UserError
from core.storage.collections import SESSIONS, USERS
from core.storage.readable import each_readable
from core.types import Document

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
"""Characters."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_hasher = PasswordHasher()


@dataclass(frozen=True)
class User:
    """Somebody who may sign in.

    ``version`` changes with password, role and state, which ends their sessions.
    """

    name: str
    role: Role
    disabled: bool
    created_at: datetime
    version: str


def add_user(database: Database[Document], name: str, role: Role, password: str) -> User:
    """Add a user, who may sign in from now on.

    Raises:
        UserError: the name is taken or invalid, or the password is too short or too long.
    """
    known = name.strip().lower()
    if not _NAME.fullmatch(known):
        raise UserError(
            f"{name!r} is not a valid name: up to 64 letters, digits and . _ @ + -, such as asha@example.com"
        )
    row = {
        "_id": known,
        "role": role.label,
        "password": _hashed(password),
        "disabled": False,
        "created_at": utc_now(),
        "version": _new_version(),
    }
    try:
        database[USERS].insert_one(row)
    except DuplicateKeyError:
        raise UserError(
            f"there is a user {known} already; python -m core users role or password changes it"
        ) from None
    return _user(row)


def list_users(database: Database[Document]) -> list[User]:
    """Return all users, ordered by name; a row that cannot be read is logged and left out."""
    return list(each_readable(database[USERS].find().sort("_id", 1), _user, USERS))


def find_user(database: Database[Document], name: str) -> User | None:
    """Return the user of that name, disabled or not; None if there is none, or it cannot be read."""
    found = database[USERS].find({"_id": name.strip().lower()}).limit(1)
    return next(each_readable(found, _user, USERS), None)


def set_password(database: Database[Document], name: str, password: str) -> None:
    """Change a user's password; their sessions end.

    Raises:
        UserError: there is no such user, or the password is too short or too long.
    """
    _change(database, name, password=_hashed(password))


def set_role(database: Database[Document], name: str, role: Role) -> None:
    """Change a user's role; they have to sign in again.

    Raises:
        UserError: there is no such user.
    """
    _change(database, name, role=role.label)


def set_disabled(database: Database[Document], name: str, *, disabled: bool) -> None:
    """Disable a user, or enable them again; their sessions end.

    Raises:
        UserError: there is no such user.
    """
    _change(database, name, disabled=disabled)


def remove_user(database: Database[Document], name: str) -> None:
    """Remove a user, and end their sessions.

    Raises:
        UserError: there is no such user.
    """
    known = name.strip().lower()
    if not database[USERS].delete_one({"_id": known}).deleted_count:
        raise _nobody(known)
    database[SESSIONS].delete_many({"user": known})


def check_password(database: Database[Document], name: str, password: str) -> User | None:
    """Return the user with this name and password; None if there is none who may sign in.

    It takes equally long for names that do not exist, so that they cannot be told from others.
    """
    nobodys = _nobodys_hash()
    row = database[USERS].find_one({"_id": name.strip().lower()})
    user = next(each_readable([row], _user, USERS), None) if row else None
    stored = str(row.get("password")) if row and user else nobodys
    text = _normal(password)
    is_right = _verified(stored, text) and len(text) <= LONGEST_PASSWORD
    if user is None or user.disabled or not is_right:
        return None
    if _hasher.check_needs_rehash(stored):
        same = {"_id": user.name, "password": stored}
        database[USERS].update_one(same, {"$set": {"password": _hasher.hash(text)}})
    return user


def _verified(stored: str, text: str) -> bool:
    try:
        return _hasher.verify(stored, text[: LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def _hashed(password: str) -> str:
    text = _normal(password)
    if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD:
        raise UserError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters: "
            "take four words, or what a password manager makes"
        )
    return _hasher.hash(text)


def _normal(password: str) -> str:
    """Return one form for texts that look the same, however the keyboard encodes them."""
    return unicodedata.normalize("NFKC", password)


def _change(database: Database[Document], name: str, **fields: object) -> None:
    known = name.strip().lower()
    fields["version"] = _new_version()
    if not database[USERS].update_one({"_id": known}, {"$set": fields}).matched_count:
        raise _nobody(known)
    database[SESSIONS].delete_many({"user": known})


def _new_version() -> str:
    return secrets.token_hex(8)


def _nobody(name: str) -> UserError:
    return UserError(f"there is no user {name}; list them with: python -m core users list")


def _user(row: Document) -> User:
    user = User(row["_id"], Role.of(row["role"]), row["disabled"], row["created_at"], row["version"])
    kinds = ((user.name, str), (user.disabled, bool), (user.created_at, datetime), (user.version, str))
    if not all(isinstance(value, kind) for value, kind in kinds):
        raise TypeError(USERS)
    return user
