"""Encrypt personal values: AES-256-GCM, one data key per lead, wrapped by a key of ENCRYPTION_KEYS.

Pure functions and keys; nothing here asks a database. A sealed value is a text, ``enc:1:KEY:…``, that names
its data key. It opens only in the document and field it was sealed for. Destroying a lead's data key
therefore destroys everything under it, in every copy and backup.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import UserError
from core.privacy.sensitive import HELD, key_of
from core.settings import get_settings
from core.variables.master_keys import KEY_BYTES, MasterKey, key_bytes, master_keys

NONCE_BYTES, TAG_BYTES = 12, 16
_WRAPPED = re.compile(r"key:1:([A-Za-z0-9_-]{1,32}):([A-Za-z0-9_-]+)")


class SealError(UserError):
    """A value or key cannot be opened: its key is missing, or it was changed or moved since it was sealed."""


@dataclass(frozen=True)
class DataKey:
    """A key that values are sealed under, and the name by which sealed values refer to it."""

    name: str
    secret: bytes = field(repr=False)


class EncryptionService:
    """Seals and opens values, and wraps the data keys they are sealed under.

    Keys of ENCRYPTION_KEYS only ever wrap data keys, apart from the few values that wait for their lead's key
    (:attr:`holding`). That is why rotating them means rewrapping one small key per lead, not rewriting
    values.

    Args:
        keys: the first wraps, all unwrap.

    Raises:
        ValueError: there is no key.
    """

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        if not keys:
            raise ValueError("ENCRYPTION_KEYS has no key; `python -m core keys new` prints one")
        self._first = keys[0]
        self._secrets = {key.name: key.secret for key in keys}

    @property
    def first(self) -> str:
        """Return the name of the key that wraps new data keys."""
        return self._first.name

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all keys, the wrapping one first."""
        return tuple(self._secrets)

    @property
    def holding(self) -> DataKey:
        """Return the key for values that cannot get their lead's key yet, derived from the first key."""
        return DataKey(f"{HELD}{self._first.name}", _derived(self._first.secret, "held values"))

    def new_data_key(self) -> tuple[DataKey, str]:
        """Make a random data key; return it, and the same wrapped by the first key for storing."""
        key = DataKey(secrets.token_hex(16), secrets.token_bytes(KEY_BYTES))
        return key, self._wrap(key)

    def unwrap(self, name: str, wrapped: str) -> DataKey:
        """Return the data key of that name.

        Its name is authenticated with it, so a stored key cannot be exchanged for another lead's unnoticed.

        Raises:
            SealError: the key that wrapped it is not in ENCRYPTION_KEYS, or it was changed or belongs to
                another name.
        """
        by = wrapped_by(wrapped)
        if by is None:
            raise SealError("a wrapped key cannot be read: it was changed")
        if by not in self._secrets:
            raise SealError(f"ENCRYPTION_KEYS lacks the key {by!r}, which wraps what is to be opened")
        box = _text_bytes(wrapped.rpartition(":")[2])
        return DataKey(name, _open(_derived(self._secrets[by], "data keys"), box, _bound("key", name, by)))

    def rewrap(self, name: str, wrapped: str) -> str:
        """Return the same data key wrapped by the first key; values sealed under it stay as they are.

        Raises:
            SealError: as for :meth:`unwrap`.
        """
        return self._wrap(self.unwrap(name, wrapped))

    def encrypt(self, key: DataKey, text: str, *, document: str, field: str) -> str:
        """Seal a text for this document and field only.

        The nonce is random, so sealing the same text twice gives different results: equality does not show.
        """
        nonce, bound = secrets.token_bytes(NONCE_BYTES), _bound("enc", key.name, document, field)
        box = nonce + AESGCM(key.secret).encrypt(nonce, text.encode(errors="surrogatepass"), bound)
        return f"enc:1:{key.name}:{_bytes_text(box)}"

    def decrypt(self, key: DataKey, token: str, *, document: str, field: str) -> str:
        """Open a sealed text; returns exactly what was sealed.

        Raises:
            SealError: it was changed, or sealed for another document or field, or under another key.
        """
        name = key_of(token)
        if name != key.name:
            raise SealError("a sealed value cannot be opened: it is under another key")
        box = _text_bytes(token.rpartition(":")[2])
        opened = _open(key.secret, box, _bound("enc", key.name, document, field))
        return opened.decode(errors="surrogatepass")

    def held_key(self, name: str) -> DataKey:
        """Return the key of a value that is sealed under a key of ENCRYPTION_KEYS itself.

        Raises:
            SealError: that key is not among them.
        """
        secret = self._secrets.get(name.removeprefix(HELD))
        if secret is None:
            raise SealError(f"ENCRYPTION_KEYS lacks the key {name.removeprefix(HELD)!r}")
        return DataKey(name, _derived(secret, "held values"))

    def _wrap(self, key: DataKey) -> str:
        nonce, by = secrets.token_bytes(NONCE_BYTES), self._first
        bound = _bound("key", key.name, by.name)
        box = nonce + AESGCM(_derived(by.secret, "data keys")).encrypt(nonce, key.secret, bound)
        return f"key:1:{by.name}:{_bytes_text(box)}"


def wrapped_by(wrapped: str) -> str | None:
    """Return the name of the key of ENCRYPTION_KEYS that wrapped a data key; None for any other text."""
    found = _WRAPPED.fullmatch(wrapped)
    return found[1] if found else None


class BlindIndex:
    """Maps a text to the same token each time, so that it can be looked up without being stored.

    Only the holder of the key can compute a token, which rules out trying all phone numbers; no token leads
    back to its text.
    """

    def __init__(self, key: bytes) -> None:
        self._key = _derived(key, "blind index")

    def of(self, text: str) -> str:
        """Return the text's token: 32 hexadecimal digits."""
        return hmac.new(self._key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:32]


def encryption() -> EncryptionService | None:
    """Return the service for ENCRYPTION_KEYS; None if there are none."""
    parts = get_settings().encryption_keys
    return _service(tuple(part.get_secret_value() for part in parts)) if parts else None


def blind_index() -> BlindIndex | None:
    """Return the index for BLIND_INDEX_KEY; None if there is none."""
    key = get_settings().blind_index_key
    return None if key is None else _index(key.get_secret_value())


@lru_cache(maxsize=4)
def _service(parts: tuple[str, ...]) -> EncryptionService:
    return EncryptionService(master_keys(parts))


@lru_cache(maxsize=4)
def _index(key: str) -> BlindIndex:
    return BlindIndex(key_bytes(key))


@lru_cache(maxsize=64)
def _derived(secret: bytes, purpose: str) -> bytes:
    """Derive a separate key for each purpose, so that no key is ever used for two."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"voice-agent:1:{purpose}".encode()).derive(secret)


def _bound(*parts: str) -> bytes:
    """Return what is authenticated with a value without being stored.

    Different parts never give the same bytes.
    """
    return json.dumps(parts).encode()


def _open(secret: bytes, box: bytes, bound: bytes) -> bytes:
    """Decrypt and authenticate.

    Raises:
        SealError: it was changed, or belongs elsewhere. GCM cannot tell which, so the message names both.
    """
    if len(box) >= NONCE_BYTES + TAG_BYTES:
        try:
            return AESGCM(secret).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound)
        except InvalidTag:
            pass
    raise SealError(
        "a sealed value cannot be opened: it was changed, or belongs to another document or field"
    )


def _bytes_text(box: bytes) -> str:
    return base64.urlsafe_b64encode(box).rstrip(b"=").decode()


def _text_bytes(text: str) -> bytes:
    """Return the bytes of a base64 text; empty if it is not the one canonical spelling of them."""
    try:
        box = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
    return box if _bytes_text(box) == text else b""
