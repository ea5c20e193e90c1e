"""Random tokens that the store knows by their hash alone: of sessions, and of keys of the API."""

import hashlib
import secrets

_TOKEN_BYTES = 32


def new_token() -> str:
    """Return 256 random bits in base64, for its owner alone."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def digest_of(token: str) -> str:
    """Return what the store knows of a token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
