"""The documents name what exists, all of it."""

import ast
import importlib
import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from core.cli import app
from core.settings import Settings
from tests import call_fields, configuration

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
OF_OTHERS = {"pipecat", "livekit"}
"""Whose names a program may import that are not installed here."""


def test_the_page_of_settings_is_that_of_the_code() -> None:
    """After a change of settings: make configuration."""
    text = configuration.FILE.read_text()
    assert configuration.with_table(text, configuration.FILE.parent) == text
    documented = re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(name.upper() for name in Settings.model_fields)


def test_the_fields_of_calls_are_those_of_the_models() -> None:
    """After a change of a model: make configuration."""
    text = call_fields.FILE.read_text()
    assert call_fields.with_tables(text) == text


def test_every_command_is_on_the_page_of_commands() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
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


def anchors(page: Path) -> set[str]:
    """The sections of a page that a link can name, by their headings and by hand."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_section_finds_it(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text())
    missing = [
        f"{target}#{section}"
        for target, section in links
        if section not in anchors(document.parent / target if target else document)
    ]
    assert missing == []


def python(text: str) -> None:
    """Whether a program compiles, ``await`` outside of functions too, and imports of ours what there is."""
    tree = compile(text, "a page", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] not in OF_OTHERS:
            for name in node.names:
                try:
                    importlib.import_module(f"{node.module}.{name.name}")
                except ModuleNotFoundError:
                    assert hasattr(importlib.import_module(node.module), name.name)


def objects(text: str) -> None:
    """Whether a text is JSON, or has an object in each line."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        list(map(json.loads, text.splitlines()))


def shell(text: str) -> None:
    """Whether a shell would take it."""
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def session(text: str) -> None:
    """The same of what stands behind the prompts; the rest was printed."""
    shell("\n".join(line[2:] for line in text.splitlines() if line.startswith("$ ")))


def braces(text: str) -> None:
    """Whether blocks are closed, and directives ended."""
    assert text.count("{") == text.count("}")
    code = [line.partition(" #")[0].rstrip() for line in text.splitlines()]
    assert [line for line in code if line and not line.endswith((";", "{", "}"))] == []


CHECKS: dict[str, Callable[[str], object]] = {
    "python": python,
    "json": objects,
    "toml": tomllib.loads,
    "bash": shell,
    "sh": shell,
    "console": session,
    "nginx": braces,
    "csv": str.splitlines,  # imported by tests/importing/test_docs.py
    "floors": str.splitlines,  # read by tests/test_architecture.py
    "text": str.splitlines,  # what something prints
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_is_what_it_says_it_is(document: Path) -> None:
    text = document.read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) * 2 == len(re.findall("^ *```", text, re.MULTILINE))
    for language, example in blocks:
        CHECKS[language](example)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_has_two_versions_of_itself(document: Path) -> None:
    """As a merge leaves them."""
    assert re.findall(r"^(?:<{7}|={7}|>{7})(?: .*)?$", document.read_text(), re.MULTILINE) == []


def unknown(command: Any, words: list[str]) -> str | None:
    """What of a command line there is no such command or option for."""
    while words and hasattr(command, "commands"):
        if words[0] not in command.commands:
            return None if words[0].startswith("-") else words[0]
        command, words = command.commands[words[0]], words[1:]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    asked = [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]
    return next((word for word in asked if word not in options), None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_is_named_exists(document: Path) -> None:
    lines = re.findall(r"python -m core ([a-z][^`\n|;#&)]*)", document.read_text())
    whole = typer.main.get_command(app)
    assert [line for line in lines if unknown(whole, line.split())] == []


def test_every_page_is_in_the_index() -> None:
    """Whoever does not know that there is a page finds it by who they are."""
    listed = {
        (ROOT / "docs" / target).resolve()
        for target in re.findall(r"\]\(([^)#]+)", (ROOT / "docs" / "README.md").read_text())
    }
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page not in listed] == ["README.md"]
