"""What is known of a person, found again in what was said: their own name, address and numbers."""

import re
from collections.abc import Iterator, Mapping

from core.privacy.introductions import NEVER
from core.privacy.masking import mask_text
from core.privacy.sensitive import WITHHELD

_SHORTEST, _LONGEST = 3, 200
"""Characters of a value; shorter ones are any word, and longer ones are no name."""
_MOST = 50
"""Values of one kind."""
_LETTER = r"[\w\u0900-\u0963]"
_WORD = re.compile(rf"{_LETTER}+")
_NAME, _ADDRESS = re.compile(r"names?$", re.IGNORECASE), re.compile(r"addr(?:ess(?:es)?)?", re.IGNORECASE)


class KnownWords:
    """Values of a call's metadata that tell who the lead is, by their paths.

    A name is found by each of its words, anything else as a whole, in any case and with any gaps.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        found: dict[str, set[str]] = {"[address]": set(), "[name]": set(), "[personal]": set()}
        for path, text in _texts(values):
            last = path.rpartition(".")[2]
            if _NAME.search(last):
                found["[name]"] |= {text, *_WORD.findall(text)} if " " in text else {text}
            elif _ADDRESS.search(last):
                found["[address]"].add(text)
            elif mask_text(text) == text:  # else its pattern finds it, and says what it is
                found["[personal]"].add(text)
        found["[name]"] = set(filter(_is_telling, found["[name]"]))
        self._patterns = [(mask, pattern) for mask, texts in found.items() if (pattern := _any_of(texts))]

    def masked(self, text: str) -> str:
        """Return a text without them."""
        for mask, pattern in self._patterns:
            text = pattern.sub(mask, text)
        return text


def _texts(values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield texts and numbers, each with its path; lists and nested values one by one."""
    for path, value in values.items():
        if isinstance(value, Mapping):
            yield from _texts({f"{path}.{name}": item for name, item in value.items()})
        elif isinstance(value, list):
            yield from (pair for item in value for pair in _texts({path: item}))
        elif isinstance(value, str | int) and not isinstance(value, bool) and value != WITHHELD:
            text = str(value).strip()
            if _SHORTEST <= len(text) <= _LONGEST:
                yield path, text


def _is_telling(word: str) -> bool:
    return len(word) >= _SHORTEST and not word.isdecimal() and word.casefold() not in NEVER


def _any_of(texts: set[str]) -> re.Pattern[str] | None:
    """Return a pattern for whole words; the longest first, so that a name is masked once."""
    longest_first = sorted(texts, key=lambda text: (-len(text), text))[:_MOST]
    spelt = [
        r"[\s,.-]{1,3}".join(map(re.escape, words))
        for text in longest_first
        if (words := _WORD.findall(text))
    ]
    if not spelt:
        return None
    return re.compile(rf"(?<!{_LETTER})(?:{'|'.join(spelt)})(?!{_LETTER})", re.IGNORECASE)
