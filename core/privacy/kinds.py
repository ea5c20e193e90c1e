"""The kinds of data that are masked, and which of them are active in this process."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from core.errors import UserError

KINDS = (
    *("phone", "aadhaar", "card", "account", "pan", "gstin", "email", "upi", "spoken", "transcript"),
    *("voter", "passport", "licence", "vehicle", "ifsc", "name", "address", "dob"),
    *("secret", "token", "jwt", "key", "private_key", "url"),
)
"""phone … address identify a person; the others grant access. ``secret`` is whatever is named as one."""


ESCAPED = "\x01\x02\x03"
"""What stands for an escaped new line, return and tab while a text is masked: no letters, and no blanks."""


class Active(NamedTuple):
    """What is active: the kinds that are off, and the user's own patterns."""

    off: frozenset[str] = frozenset()
    own: tuple[tuple[str, re.Pattern[str]], ...] = ()


def chosen(off: Iterable[str] = (), own: Mapping[str, str | re.Pattern[str]] | None = None) -> Active:
    """Validate a choice of kinds and return it.

    Raises:
        UserError: a kind is unknown, or a pattern is not a valid regular expression.
    """
    off = frozenset(off)
    if unknown := sorted(off - set(KINDS)):
        raise UserError(f"{unknown[0]!r} is not a kind that can be masked; choose from {', '.join(KINDS)}")
    try:
        compiled = tuple((name, re.compile(pattern)) for name, pattern in (own or {}).items())
    except re.error as error:
        raise UserError(f"a pattern to mask is not a regular expression: {error}") from None
    return Active(off, compiled)


def behind(mask: str) -> Callable[[re.Match[str]], str]:
    """Return a function that puts a mask after the first group of a match.

    A replacement template would do the same, except while the interpreter shuts down: templates are compiled
    by an import, which fails then, and whole texts would be masked instead.
    """
    return lambda match: match[1] + mask
