"""A row as it is in a file, and what all kinds of files have in common."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice

MAX_COLUMNS = 10_000
MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is in the file; ``cells`` is None if it has none, and ``problem`` says why."""

    line: int
    cells: dict[str, str] | None
    problem: str = ""
    raw: str = ""
    size: int = 0
    """Return about how many characters it has in the file."""


def trimmed(cell: str) -> str:
    """Return a cell without spaces around it, and without ``="…"``, by which Excel reads no number."""
    text = cell.strip()
    if text.startswith('="') and text.endswith('"', 2):
        return text[2:-1].strip()
    return text


def is_text(raw: str) -> bool:
    """Return whether no character stands for an undecodable byte or half a character."""
    if raw.isascii():
        return True
    try:
        raw.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_far_as_text(row: Row, wanted: AbstractSet[str] | None, encoding: str) -> Row:
    """Return the row without undecodable cells that are not wanted; if they are wanted, refuse it."""
    if is_text(row.raw or "".join((row.cells or {}).values())):
        return row
    raw = row.raw.encode(errors="backslashreplace").decode()
    bad = [name for name, cell in (row.cells or {}).items() if not is_text(cell)]
    # Undecodable bytes have marks of their own; other surrogates come from escapes in JSON.
    halves = any(
        "\ud800" <= letter <= "\udfff" and not "\udc80" <= letter <= "\udcff"
        for name in bad
        for letter in (row.cells or {})[name]
    )
    reason = "holds half a character" if halves else f"is not {encoding} text"
    if row.cells is None or wanted is None or any(name in wanted for name in bad):
        return Row(row.line, None, row.problem or reason, raw, row.size)
    cells = {name: cell for name, cell in row.cells.items() if name not in bad}
    return Row(row.line, cells, raw=raw, size=row.size)


def listed(columns: Iterable[str], most: int = MOST_LISTED) -> str:
    """Return column names for a message: invisible characters are spelt out, and a long list is shortened."""
    shown = ["".join(map(_visible, name)) for name in islice(columns, most + 1)]
    return ", ".join([*shown[:most], *(["…"] if len(shown) > most else [])])


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
