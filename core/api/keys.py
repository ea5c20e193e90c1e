"""The keys the API knows: those of the settings, and those the store knows by their hash."""

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from pymongo.errors import PyMongoError
from starlette.datastructures import Headers
from starlette.types import Scope

from core.access.api_keys import ApiKey, NoKeysNote, has_api_keys, list_api_keys
from core.access.permissions import Permission, allowed
from core.access.roles import Role
from core.access.tokens import digest_of
from core.clock import utc_now
from core.errors import UserError
from core.settings import Settings, get_settings
from core.storage import get_sync_database

RENEWED_SECONDS = 3.0
"""How long a removed key may still work."""
FIRST_READ_SECONDS = 2.0
_SHOWN = 8
_KEY = "key"
_READER = frozenset({Permission.READ, Permission.SEE_PERSONAL, Permission.EXPORT_CALLS})


@dataclass(frozen=True)
class Key:
    """A key and what it may do; ``id`` may be shown: it identifies the key without revealing it."""

    id: str
    digest: str
    may: frozenset[Permission] = frozenset()
    sends: bool = False
    name: str | None = None
    """For a key that the store knows."""
    expires_at: datetime | None = None


NO_KEY_NEEDED = Key("", "", allowed(Role.ADMIN), sends=True)
"""Stands for whoever asks when there are no keys: this machine's own programs."""

NOBODYS_KEY = Key("", "")
"""Stands for keys none of which can be read: nobody has it, and without it the API would be open."""


def keys_of(settings: Settings) -> tuple[Key, ...]:
    """Return the keys of the settings; one in several lists may do what each of them allows."""
    global _known  # noqa: PLW0603 (one for the process)
    if _known is None or _known[0] is not settings:
        _known = settings, _keys_of(settings)
    return _known[1]


_known: tuple[Settings, tuple[Key, ...]] | None = None
"""Of the settings last asked about: hashing the keys for each request would take longer than its answer."""


def _keys_of(settings: Settings) -> tuple[Key, ...]:
    lists = (settings.api_keys, settings.api_write_keys, settings.api_ingest_keys)
    reading, writing, sending = ({key.get_secret_value() for key in keys} for keys in lists)
    sending |= writing
    return tuple(
        _key(
            digest_of(text),
            may=allowed(Role.ADMIN) if text in writing else _READER if text in reading else frozenset(),
            sends=text in sending,
        )
        for text in sorted(reading | sending)
    )


def _key(digest: str, *, may: frozenset[Permission], sends: bool) -> Key:
    return Key(digest[:_SHOWN], digest, may, sends)


def _stored(key: ApiKey) -> Key:
    may = allowed(key.role) if key.role is not None else frozenset()
    return Key(key.digest[:_SHOWN], key.digest, may, key.sends, key.name, key.expires_at)


def _stored_keys() -> list[Key]:
    database = get_sync_database()
    found = [*map(_stored, list_api_keys(database))]
    return found or ([NOBODYS_KEY] if has_api_keys(database) else [])


class StoredKeys:
    """The keys of the store as of a few seconds ago, so that only the first request waits for them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.keys: Sequence[Key] = ()
        self._note = NoKeysNote()
        self._clock = clock
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def renew(self, *, waits: bool = True) -> None:
        """Read them again if they are older than RENEWED_SECONDS.

        Only the first time does it wait for them.
        """
        now = self._clock()
        if self._read_at is not None and now - self._read_at < RENEWED_SECONDS:
            return
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        if waits and self._read_at is None:
            await asyncio.wait({self._reading}, timeout=FIRST_READ_SECONDS)

    @property
    def are_unknown(self) -> bool:
        """Return whether the store may have keys that were never read; an empty set then proves nothing."""
        return self._read_at is None and not self._note.is_there

    async def _read(self) -> None:
        began = self._clock()
        try:
            self.keys = await asyncio.to_thread(_stored_keys)
        except (PyMongoError, UserError):
            return  # keep the previous ones while the database is away
        self._read_at = began
        await asyncio.to_thread(self._note.keep, none=not self.keys)


def stored_keys(scope: Scope) -> StoredKeys | None:
    """Return the store's keys, as known to the application that serves a request."""
    app = scope.get("app")
    return cast("StoredKeys | None", getattr(app.state, "stored_keys", None)) if app is not None else None


def keys_for(scope: Scope) -> list[Key]:
    """Return the keys a request may carry, including expired ones."""
    stored = stored_keys(scope)
    return [*keys_of(get_settings()), *(stored.keys if stored is not None else ())]


def key_of(scope: Scope) -> Key | None:
    """Return the valid key that a request carries; looked up once for all who ask about the request."""
    state = scope.setdefault("state", {})
    if _KEY not in state:
        state[_KEY] = find_key(keys_for(scope), given_keys(Headers(scope=scope)))
    return cast("Key | None", state[_KEY])


def find_key(keys: Sequence[Key], given: Sequence[str]) -> Key | None:
    """Return the key that a request carries, if it is still valid."""
    now = utc_now()
    right = matching(keys, given)
    return next((key for key in right if key.expires_at is None or now < key.expires_at), None)


def matching(keys: Sequence[Key], given: Sequence[str]) -> list[Key]:
    """Return which of these keys a request carries, valid or expired."""
    digests = [digest_of(text) for text in given if text]
    # Compare every key with every other, so that timing reveals nothing.
    return [key for key in keys for digest in digests if hmac.compare_digest(digest, key.digest)]


def given_keys(headers: Headers) -> list[str]:
    """Return what a request presents as keys."""
    _, _, bearer = headers.get("authorization", "").partition(" ")
    return [headers.get("x-api-key", ""), bearer.strip()]
