"""Keys in environment variables: 32 bytes in base64, optionally with a name in front."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from core.variables.kinds import split_at_commas

KEY_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_REMEDY = "`python -m core keys new` prints one"


@dataclass(frozen=True)
class MasterKey:
    """A key of ENCRYPTION_KEYS: its name, which is part of everything it wraps, and its 32 bytes."""

    name: str
    secret: bytes = field(repr=False)


def key_bytes(text: str) -> bytes:
    """Return the 32 bytes that a text encodes in base64, in either alphabet.

    Raises:
        ValueError: it does not; the text says what to do, and never contains the value.
    """
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        secret = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"must be {KEY_BYTES} bytes in base64; {_REMEDY}") from None
    if len(secret) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64, and is {len(secret)}; {_REMEDY}")
    return secret


def master_key(text: str) -> MasterKey:
    """Return the key in one part of ENCRYPTION_KEYS: ``name:base64``, or base64 alone.

    Raises:
        ValueError: it is not one.
    """
    name, colon, encoded = text.strip().rpartition(":")
    secret = key_bytes(encoded)
    if not colon:
        return MasterKey(hashlib.sha256(secret).hexdigest()[:8], secret)
    if not _NAME.fullmatch(name):
        raise ValueError("must have names of letters, digits, _ and -, 32 at most: name:base64")
    return MasterKey(name, secret)


def master_keys(parts: Sequence[str]) -> tuple[MasterKey, ...]:
    """Return the keys in ENCRYPTION_KEYS, in order.

    Raises:
        ValueError: one is not a key, or two have the same name.
    """
    keys = tuple(master_key(part) for part in parts)
    names = [key.name for key in keys]
    if len(set(names)) < len(names):
        raise ValueError("must have a name of its own for each key")
    return keys


def _checked(parts: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    master_keys([part.get_secret_value() for part in parts])
    return parts


def _checked_one(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        key_bytes(value.get_secret_value())
    return value


SecretKeys = Annotated[
    tuple[SecretStr, ...], NoDecode, BeforeValidator(split_at_commas), AfterValidator(_checked)
]
SecretKey = Annotated[SecretStr | None, AfterValidator(_checked_one)]
