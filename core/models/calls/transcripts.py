"""What was said in a turn, as the one text that is stored of it: a line for each who spoke."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST = 4_000
"""Characters of a text, who spoke included."""
_NAMES = {"lead": "Lead: ", "agent": "Agent: "}
_CUT = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Said:
    """What a side said; ``by`` is ``lead``, ``agent``, or "" where nobody told."""

    by: str
    words: str


def as_transcript(lead: str | None, agent: str | None) -> str | None:
    """Return the text of a turn: ``Lead: …``, then ``Agent: …`` on the next line; None where both are silent.

    Each is made one line, so that :func:`said_in` finds them again, and cut where both are too long.
    """
    said = [(name, " ".join(words.split())) for name, words in (("lead", lead), ("agent", agent)) if words]
    said = [(name, words) for name, words in said if words]
    most = LONGEST // max(len(said), 1) - max(map(len, _NAMES.values())) - 1
    return "\n".join(f"{_NAMES[name]}{_shortened(words, most)}" for name, words in said) or None


def as_text(said: Iterable[Said]) -> str | None:
    """Return the text of what was said, however long; None of nothing."""
    return "\n".join(f"{_NAMES.get(one.by, '')}{one.words}" for one in said) or None


def said_in(text: str) -> list[Said]:
    """Return who said what in a text; a line without a speaker continues the one before it."""
    found: list[Said] = []
    for by, words in _lines(text):
        if by or not found:
            found.append(Said(by, words))
        else:
            found[-1] = Said(found[-1].by, f"{found[-1].words}\n{words}")
    return found


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        by = next((by for by, name in _NAMES.items() if line.startswith(name)), "")
        if words := line.removeprefix(_NAMES.get(by, "")).strip():
            yield by, words


def _shortened(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + _CUT
