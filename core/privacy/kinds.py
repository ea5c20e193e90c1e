"""The kinds of what is masked, and which of them are in force in this process."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from core.errors import UserError

KINDS = (
    *("phone", "aadhaar", "card", "account", "pan", "gstin", "email", "upi", "spoken", "transcript"),
    *("voter", "passport", "licence", "vehicle", "ifsc", "name", "address"),
    *("secret", "token", "jwt", "key", "private_key", "url"),
)
"""phone … address identify a person; the others let somebody in. ``secret`` is what is named so."""


class Active(NamedTuple):
    """What is in force: the kinds that are off, and the patterns of the user's own."""

    off: frozenset[str] = frozenset()
    own: tuple[tuple[str, re.Pattern[str]], ...] = ()


def chosen(off: Iterable[str] = (), own: Mapping[str, str | re.Pattern[str]] | None = None) -> Active:
    """Check a choice of kinds.

    Raises:
        UserError: a kind is not known, or a pattern is no regular expression.
    """
    off = frozenset(off)
    if unknown := sorted(off - set(KINDS)):
        raise UserError(f"{unknown[0]!r} is no kind of what is masked; use some of {', '.join(KINDS)}")
    try:
        compiled = tuple((name, re.compile(pattern)) for name, pattern in (own or {}).items())
    except re.error as error:
        raise UserError(f"a pattern to mask is no regular expression: {error}") from None
    return Active(off, compiled)


def behind(mask: str) -> Callable[[re.Match[str]], str]:
    """Return what puts a mask behind the first group of a match.

    A template that names the group would do the same but at the interpreter's end: it is compiled by an
    import, which fails then, and whole texts would be masked.
    """
    return lambda match: match[1] + mask
