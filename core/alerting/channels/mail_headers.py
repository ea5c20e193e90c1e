"""Headers of a mail that hold people's words, as written in every mail program.

Python's own folding drops the blanks between the encoded words that it makes of a long text, and takes a
text that looks like an encoded word for one. Here the whole text is encoded, its blanks inside the words.
"""

from email.header import Header
from email.policy import Policy
from email.utils import parseaddr
from typing import Self

_LONGEST_PLAIN_WORD = 60


class TextHeader(str):
    """The value of a header that is nothing but text; its words have single blanks between them."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str, text: str) -> Self:
        """Make it from the header's name and what it is to say."""
        made = super().__new__(cls, " ".join(text.split()))
        made.name = name
        return made

    def fold(self, *, policy: Policy) -> str:
        """The lines that are sent."""
        return f"{self.name}: {self._encoded(policy)}{policy.linesep}"

    def _encoded(self, policy: Policy) -> str:
        return encoded(self, self.name, policy)


class AddressHeader(TextHeader):
    """The value of a header that is one address, with the words before it or without."""

    __slots__ = ()

    def _encoded(self, policy: Policy) -> str:
        words, address = parseaddr(self)
        if words.isascii() and "=?" not in words:
            return str(self)
        return f"{encoded(words, self.name, policy)}{policy.linesep} <{address}>"


def encoded(text: str, name: str, policy: Policy) -> str:
    """A text as it stands in a header: plain where that is safe, else in encoded words (RFC 2047)."""
    charset = "us-ascii" if _is_plain(text) else "utf-8"
    return Header(text, charset, header_name=name).encode(linesep=policy.linesep)


def _is_plain(text: str) -> bool:
    short = all(len(word) <= _LONGEST_PLAIN_WORD for word in text.split())
    return short and text.isascii() and text.isprintable() and "=?" not in text
