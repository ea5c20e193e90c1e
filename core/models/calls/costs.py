"""What sources say about a call's cost: one word per part, which keeps amount, currency and rate together.

A word is a number of rupees, or an origin (amount, currency, rate) with the resulting rupees.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from core.models.calls.parts import origins_of_before
from core.models.definitions import COST_PARTS
from core.types import Document

Word = float | Document
_FORMER = ("currency", "rate", "original")
"""The key for all parts of a cost at once, as stored before each part had its own."""


def words_of(cost: Mapping[str, Any]) -> Iterator[tuple[str, Word]]:
    """Yield the word for each part of a cost."""
    origins = cost.get("origins") or origins_of_before(cost)
    for part in COST_PARTS:
        rupees = cost.get(part)
        if part in origins:
            yield part, origins[part] | ({} if rupees is None else {"rupees": rupees})
        elif rupees is not None:
            yield part, rupees


def rupees_in(word: Word) -> float | None:
    """Return the rupees of a word; None if the rate was unknown."""
    return word.get("rupees") if isinstance(word, dict) else word


def cost_of(words: Mapping[str, Word]) -> Document:
    """Return the cost with these parts; the reverse of :func:`words_of`."""
    cost: Document = {part: amount for part, word in words.items() if (amount := rupees_in(word)) is not None}
    origins = {part: _origin(word) for part, word in words.items() if isinstance(word, dict)}
    return cost | ({"origins": origins} if origins else {})


def _origin(word: Document) -> Document:
    return {name: value for name, value in word.items() if name != "rupees"}


def in_words(said: Document) -> Document:
    """Return what a source said with each part of its cost as one word, however it is stored."""
    facts, stamps = said["facts"], said.get("stamps", {})
    former = {name: facts[f"cost/{name}"] for name in _FORMER if f"cost/{name}" in facts}
    if not former:
        return said
    parts = {part: facts[f"cost/{part}"] for part in COST_PARTS if f"cost/{part}" in facts}
    stamp = max(stamps[f"cost/{name}"] for name in former)
    words = {f"cost/{part}": word for part, word in words_of({**parts, **former})}
    gone = {f"cost/{name}" for name in _FORMER}
    kept = {name: value for name, value in facts.items() if name not in gone}
    dated = {name: value for name, value in stamps.items() if name not in gone}
    new = dict.fromkeys(words.keys() - dated.keys(), stamp)
    return {**said, "facts": kept | words, "stamps": dated | new}
