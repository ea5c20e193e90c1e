"""Keys of programs that ask the API, in the collection ``api_keys``: the hash alone, a role, an end."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from core.access.roles import Role
from core.access.tokens import digest_of, new_token
from core.clock import utc_now
from core.errors import UserError
from core.storage.collections import API_KEYS
from core.types import Document

MOST_DAYS = 3_650
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ApiKey:
    """A program's key; ``role`` is None for one that only sends calls."""

    name: str
    digest: str
    role: Role | None
    sends: bool
    created_at: datetime
    expires_at: datetime


def add_api_key(
    database: Database[Document],
    name: str,
    role: Role | None,
    *,
    sends: bool = False,
    days: int = 90,
    now: datetime | None = None,
) -> str:
    """Make a key; it is shown this once.

    Raises:
        UserError: the name is taken or cannot be used, or the key could do nothing.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name: use up to 64 letters, digits and . _ -, for example grafana")
    if role is None and not sends:
        raise UserError("a key without a role can do nothing: add --role viewer, or --ingest to send calls")
    key, at = new_token(), now or utc_now()
    row = {
        "_id": name,
        "digest": digest_of(key),
        "role": role.label if role else None,
        "sends": sends,
        "created_at": at,
        "expires_at": at + timedelta(days=days),
    }
    try:
        database[API_KEYS].insert_one(row)
    except DuplicateKeyError:
        raise UserError(f"there is a key {name} already; python -m core api-keys remove {name}") from None
    return key


def list_api_keys(database: Database[Document]) -> list[ApiKey]:
    """Return all keys by name, those that have expired too."""
    return [_key(row) for row in database[API_KEYS].find().sort("_id", 1)]


def remove_api_key(database: Database[Document], name: str) -> None:
    """Take a key away: running APIs refuse it within seconds.

    Raises:
        UserError: there is no such key.
    """
    if not database[API_KEYS].delete_one({"_id": name}).deleted_count:
        raise UserError(f"there is no key {name}; python -m core api-keys list shows those there are")


def _key(row: Document) -> ApiKey:
    role = Role.of(row["role"]) if row["role"] else None
    return ApiKey(row["_id"], row["digest"], role, row["sends"], row["created_at"], row["expires_at"])
