"""The first look at a text: whether none of its words is one that a personal value or a secret is told by.

Words are remembered. Of most texts that is all, and what is left to look for are numbers by their form alone.
A word tells nothing where it holds no mark by which any other pattern begins; a mark that goes over several
words (``o t p``, ``dl no``) is known by its first. Digits are spoken in five words at least.
"""

import re
from functools import lru_cache

from core.privacy.credentials import CLOUD_KEY_MARK, SHORTEST_KEY
from core.privacy.documents import NAMES as PAPERS
from core.privacy.named import NAME_MARK
from core.privacy.numbers import NAMES as NUMBERS
from core.privacy.spoken import ASCII_WORDS, FEWEST_WORDS, GAPS

MOST_KNOWN = 16_384
LONGEST = 500
"""Characters of a text whose words are looked at and remembered."""
_MARK = re.compile(
    "|".join(
        map(
            re.escape,
            (
                *("pass", "uthori", "earer", "code", "dentified", "://", "eyj", "private", "transcript"),
                *("utterance", "name", "addr", "mail", "yahoo", "outlook", "cloud"),
                *(mark for mark in (*PAPERS, *NUMBERS) if mark.isascii() and " " not in mark),
            ),
        )
    )
)
_PIECES = frozenset({b"at", b"dot", b"point", b"o", b"dl", b"car", b"bike"})
"""Words, without the signs around them, that a longer mark begins with."""
_OPTIONS = ("-u", "--user", "--proxy-user")
"""Of a command line, before a name with its password."""
_NUMBER = re.compile(r"[0-9.,:;/()+-]{1,15}")
_ENOUGH = FEWEST_WORDS


def says_nothing(text: str) -> bool:
    """Return whether no word of an ASCII text tells anything; False of texts too long for a first look."""
    if len(text) > LONGEST or sum(map(weight_of, text.split())) >= _ENOUGH:
        return False
    return " at " not in text or "." not in text  # neelam at shop.example is an address


@lru_cache(MOST_KNOWN)
def weight_of(word: str) -> int:
    """Return how many digits a word speaks, mostly 0; of one that tells something, as many as are enough."""
    if word == "at" or _NUMBER.fullmatch(word) is not None:
        return 0
    low = word.lower()
    if len(word) >= SHORTEST_KEY and CLOUD_KEY_MARK.search(word) is not None:
        return _ENOUGH
    if low.startswith(_OPTIONS) or NAME_MARK.search(low) is not None or _MARK.search(low) is not None:
        return _ENOUGH
    pieces = low.encode().translate(GAPS).split()
    if not _PIECES.isdisjoint(pieces):
        return _ENOUGH
    return 0 if ASCII_WORDS.isdisjoint(pieces) else sum(map(ASCII_WORDS.__contains__, pieces))
