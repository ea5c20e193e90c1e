"""The documents name what exists, all of it."""

import re
from pathlib import Path

import pytest

from core.cli import app
from core.settings import Settings
from tests import configuration

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_page_of_settings_is_that_of_the_code() -> None:
    """After a change of settings: make configuration."""
    text = configuration.FILE.read_text()
    assert configuration.with_table(text, configuration.FILE.parent) == text
    documented = re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(name.upper() for name in Settings.model_fields)


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    names = [
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    ]
    assert [name for name in names if f"python -m core {name}" not in text and f"`{name}`" not in text] == []


def test_every_module_of_the_map_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:core|dashboard|pages)/[\w/.]*)`", text)
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_file_of_the_busy_folders_is_on_the_map() -> None:
    """Whoever looks for a file by what it holds finds it there."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = dict(re.findall(r"^`([\w/]+)/`\n\n((?:\|.*\n)+)", text, re.MULTILINE))
    assert len(rows) > 10
    for folder, table in rows.items():
        named = set(re.findall(r"^\| `(\w+\.py)` \|", table, re.MULTILINE))
        there = {file.name for file in (ROOT / folder).glob("*.py")} - {"__init__.py"}
        assert named == there, folder


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []
