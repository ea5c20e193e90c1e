"""Mail headers with people's words, encoded so that every mail program reads them.

Python's own folding drops the blanks between the encoded words it makes from a long text, and takes a text
that looks like an encoded word for one. Here the whole text is encoded, with its blanks inside the words.
"""

from email.header import Header
from email.policy import Policy
from email.utils import parseaddr
from typing import Self

_LONGEST_PLAIN_WORD = 60


class TextHeader(str):
    """A header value of plain text; its words are separated by single blanks."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str, text: str) -> Self:
        """Make it from the header's name and its text."""
        made = super().__new__(cls, " ".join(text.split()))
        made.name = name
        return made

    def fold(self, *, policy: Policy) -> str:
        """Return the lines to send."""
        return f"{self.name}: {self._encoded(policy)}{policy.linesep}"

    def _encoded(self, policy: Policy) -> str:
        return encoded(self, self.name, policy)


class AddressHeader(TextHeader):
    """A header value that is one address, with or without words before it."""

    __slots__ = ()

    def _encoded(self, policy: Policy) -> str:
        words, address = parseaddr(self)
        if words.isascii() and "=?" not in words:
            return str(self)
        return f"{encoded(words, self.name, policy)}{policy.linesep} <{address}>"


def encoded(text: str, name: str, policy: Policy) -> str:
    """Return a text as it stands in a header: plain if that is safe, else in encoded words (RFC 2047)."""
    charset = "us-ascii" if _is_plain(text) else "utf-8"
    return Header(text, charset, header_name=name).encode(linesep=policy.linesep)


def _is_plain(text: str) -> bool:
    short = all(len(word) <= _LONGEST_PLAIN_WORD for word in text.split())
    return short and text.isascii() and text.isprintable() and "=?" not in text
