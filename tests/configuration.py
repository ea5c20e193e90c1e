"""Writes the table of docs/configuration.md from the settings: ``make configuration``."""

import re
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from core.settings import Settings

FILE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
HEAD = "| variable | default | meaning |\n|---|---|---|\n"
_TABLE = re.compile(rf"{re.escape(HEAD)}(?:\|.*\n)+")
_PAGE = re.compile(r"\bdocs/[\w/]+\.md\b")


def with_table(text: str, folder: Path) -> str:
    """Return the page with its table made anew.

    Args:
        text: the page as it is.
        folder: where the other pages are, whose titles stand in links to them.

    Raises:
        ValueError: the page has no table to replace.
    """
    fields = Settings.model_fields
    own = [name for name in Settings.__annotations__ if name in fields]
    rows = [_row(name, fields[name], folder) for name in dict.fromkeys([*own, *fields])]
    if _TABLE.search(text) is None:
        raise ValueError("no table of variables")
    return _TABLE.sub(lambda _: HEAD + "".join(rows), text, count=1)


def _row(name: str, field: FieldInfo, folder: Path) -> str:
    meaning = _PAGE.sub(lambda found: _link(found[0], folder), field.description or "")
    return f"| `{name.upper()}` | {_default(name, field)} | {meaning} |\n"


def _default(name: str, field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is None or value == ():
        return "not set"
    if isinstance(value, bool):
        return f"`{value:d}`"
    return f"`{value:04o}`" if name.endswith("_mode") else f"`{value}`"


def _link(path: str, folder: Path) -> str:
    page = Path(path).relative_to("docs")
    title = re.split("[:,]", (folder / page).read_text(encoding="utf-8").partition("\n")[0].lstrip("# "))[0]
    return f"see [{title}]({page})"


if __name__ == "__main__":
    FILE.write_text(with_table(FILE.read_text(encoding="utf-8"), FILE.parent), encoding="utf-8")
