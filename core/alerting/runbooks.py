"""Runbooks: instructions in docs/runbooks, and links to them."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from core.settings import get_settings

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
_NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
_OURS = re.compile(rf"(?:docs/runbooks/)?({_NAME})(?:\.md)?")
_LINK_TO_ANOTHER = re.compile(rf"\]\(({_NAME})\.md\)")
_HEADING = re.compile(r"^(#+ )", re.MULTILINE)


@cache
def titles() -> Mapping[str, str]:
    """Return every runbook's name and title, read once; empty if the documents are not installed."""
    files = sorted(FOLDER.glob("*.md"))
    return MappingProxyType({file.stem: _title(file) for file in files if re.fullmatch(_NAME, file.stem)})


def _title(file: Path) -> str:
    with file.open(encoding="utf-8") as lines:
        return lines.readline().lstrip("#").strip() or file.stem


def page(name: str) -> str | None:
    """Return a runbook as Markdown for a page, with headings one level lower, and links to others; else None.

    Only files of the folder itself are read, by their own names.
    """
    if name not in titles():
        return None
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    led = _LINK_TO_ANOTHER.sub(lambda found: f"](runbooks?{_query(found[1])})", text)
    return _HEADING.sub(r"#\1", led)


def in_place(where: str) -> tuple[str, str] | None:
    """Return title and text of a rule's runbook, to stand below a heading; None if it is not one of ours.

    The title is not part of the text, whose headings are a level lower than in the document.
    """
    found = _OURS.fullmatch(where)
    text = page(found[1]) if found else None
    if found is None or text is None:
        return None
    _, _, rest = text.partition("\n")
    return titles()[found[1]], rest.strip()


def link(where: str) -> str:
    """Return the address of a rule's runbook: the dashboard's page, or one below RUNBOOK_BASE_URL.

    Anything that is not one of ours, such as an address or a path elsewhere, stays as it is.
    """
    found = _OURS.fullmatch(where)
    base = get_settings().runbook_base_url
    if found is None or not (base or found[1] in titles()):
        return where
    if base is None:
        return f"{get_settings().dashboard_url}/runbooks?{_query(found[1])}"
    return base.replace("{name}", found[1]) if "{name}" in base else f"{base.rstrip('/')}/{found[1]}"


def _query(name: str) -> str:
    return f"name={name}"  # names need no escaping
