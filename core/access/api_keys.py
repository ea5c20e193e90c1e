"""Keys of programs that use the API, in the collection ``api_keys``: only the hash, a role, an end."""

import re
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from core.access.roles import Role
from core.access.tokens import digest_of, new_token
from core.clock import utc_now
from core.errors import UserError
from core.files import create_private, private_folder
from core.logging_config import get_logger
from core.settings import get_settings
from core.storage.collections import API_KEYS
from core.storage.readable import each_readable
from core.types import Document

logger = get_logger("security")
MOST_DAYS = 3_650
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ApiKey(BaseModel):
    """A program's key; ``role`` is None for one that only sends calls."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    name: str = Field(alias="_id")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    role: Role | None
    sends: bool
    created_at: datetime
    expires_at: datetime

    @field_validator("role", mode="before")
    @classmethod
    def _of_label(cls, value: object) -> object:
        return Role.of(value) if isinstance(value, str) and value else value


class NoKeysNote:
    """A file in DATA_DIR that exists if the store had no keys when an API last read them.

    It allows an API that starts while the database is away to serve this machine's own programs.
    """

    def __init__(self) -> None:
        settings = get_settings()
        self._file = settings.data_dir / "api" / f"{settings.mongodb_database}.no-keys"

    @property
    def is_there(self) -> bool:
        """Return whether it exists, so that there were no keys."""
        return self._file.exists()

    def keep(self, *, none: bool) -> None:
        """Create it, or remove it; if the disk refuses, the log says so."""
        if none == self.is_there:
            return
        try:
            if none:
                private_folder(self._file.parent)
                create_private(self._file).close()
            else:
                self._file.unlink(missing_ok=True)
        except FileExistsError:
            pass  # another process was faster
        except OSError as error:
            extra = {"reason": error.strerror}
            logger.warning("DATA_DIR cannot say whether the API has keys", extra=extra)


def add_api_key(
    database: Database[Document],
    name: str,
    role: Role | None,
    *,
    sends: bool = False,
    days: int = 90,
    now: datetime | None = None,
) -> str:
    """Create a key; this is the only time it is shown.

    Raises:
        UserError: the name is taken or invalid, or the key could do nothing.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name!r} is not a valid name: use up to 64 letters, digits and . _ -, for example grafana"
        )
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
    NoKeysNote().keep(none=False)
    try:
        database[API_KEYS].insert_one(row)
    except DuplicateKeyError:
        raise UserError(f"there is a key {name} already; python -m core api-keys remove {name}") from None
    return key


def list_api_keys(database: Database[Document]) -> list[ApiKey]:
    """Return all keys by name, including expired ones; a row that cannot be read is logged, and no key.

    Raises:
        PyMongoError: the database does not answer.
    """
    return list(each_readable(database[API_KEYS].find().sort("_id", 1), ApiKey.model_validate, API_KEYS))


def has_api_keys(database: Database[Document]) -> bool:
    """Return whether the store has any keys, readable or not.

    Raises:
        PyMongoError: the database does not answer.
    """
    return database[API_KEYS].find_one({}, {"_id": 1}) is not None


def remove_api_key(database: Database[Document], name: str) -> None:
    """Remove a key; running APIs refuse it within seconds.

    Raises:
        UserError: there is no such key.
    """
    if not database[API_KEYS].delete_one({"_id": name}).deleted_count:
        raise UserError(f"there is no key {name}; list them with: python -m core api-keys list")
