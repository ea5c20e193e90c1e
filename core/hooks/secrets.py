"""Which sources exist, which of them may post (HOOK_SECRETS), and the secret each one must know."""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from pydantic import SecretStr

from core.adapters import sources as adapters
from core.adapters.delivery import Source
from core.errors import UserError
from core.settings import Settings

SHORTEST_SECRET = 22
"""Length of a random 128-bit secret in base64."""
Secrets = Mapping[str, tuple[SecretStr, ...]]


def sources() -> Mapping[str, Source]:
    """Return every source that has an adapter, by name."""
    return adapters.SOURCES


def title_of(name: str) -> str:
    """Return what people call a source; its name if it no longer exists."""
    return sources()[name].title if name in sources() else name


def hook_secrets(settings: Settings) -> Secrets:
    """Return the secrets of each enabled source; a source may have several while one replaces another.

    Raises:
        UserError: an entry is not ``source=secret``, names no source, or its secret is easy to guess.
    """
    return _read(settings.hook_secrets)


@lru_cache(maxsize=1)
def _read(entries: tuple[SecretStr, ...]) -> Secrets:
    """Parse them once, not for every request."""
    found: defaultdict[str, list[SecretStr]] = defaultdict(list)
    for number, entry in enumerate(entries, start=1):
        name, equals, secret = entry.get_secret_value().partition("=")
        name, secret = name.strip().lower(), secret.strip()
        if not equals:
            raise UserError(f"HOOK_SECRETS must be source=secret, comma separated; number {number} is not")
        if name not in sources():
            raise UserError(
                f"HOOK_SECRETS number {number} is of no source; there are {', '.join(sorted(sources()))}"
            )
        if len(secret) < SHORTEST_SECRET or not secret.isascii() or not secret.isprintable():
            raise UserError(
                f"the secret of {name} in HOOK_SECRETS needs {SHORTEST_SECRET} ASCII characters or more; "
                "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
            )
        found[name].append(SecretStr(secret))
    return {name: tuple(secrets) for name, secrets in found.items()}
