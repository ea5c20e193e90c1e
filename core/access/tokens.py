"""Random tokens that the store knows only by their hash: for sessions, and for keys of the API."""

import hashlib
import secrets

_TOKEN_BYTES = 32


def new_token() -> str:
    """Return 256 random bits in URL-safe base64, to be shown to its owner only."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def digest_of(token: str) -> str:
    """Return what the store keeps of a token: its SHA-256 in hexadecimal.

    A plain hash is enough, because 256 random bits cannot be guessed as passwords can.
    """
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
