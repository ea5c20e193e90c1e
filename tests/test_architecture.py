"""The rules of docs/architecture.md, read from the imports: what stands above what, and what is where."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path, PurePosixPath

import pytest

from core.storage import collections

ROOT = Path(__file__).resolve().parents[1]
FLOORS = (
    ("core.types", "core.errors", "core.files", "core.sigterm", "core.threads"),
    ("core.models", "core.variables", "core.clock", "core.settings", "core.ports", "core.peers"),
    ("core.privacy",),
    ("core.logs", "core.logging_config"),
    ("core.storage",),
    ("core.aggregation", "core.pricing"),
    ("core.alerting",),
    (
        *("core.services", "core.scheduler", "core.importing", "core.adapters", "core.hooks"),
        *("core.erasure", "core.exporting", "core.health", "core.access", "core.reporting"),
    ),
    ("core.api", "core.doctor", "core.demo", "dashboard"),
    ("pages", "core.launcher", "core.cli"),
)
"""From the ground up: a module imports from its own floor and those below."""
WIRING = {
    ("core.logging_config", "core.storage.log_store"): "setup_logging hands the logs their database sink",
    ("core.logging_config", "core.storage.server.connection"): "and the database that it writes to",
}
"""The imports that go up, each inside a function, and why."""
MOST_FILES, MOST_LINES = 14, 450
Sources = Mapping[str, str]


@cache
def _files() -> Sources:
    folders = (ROOT / name for name in ("core", "dashboard", "pages"))
    files = chain.from_iterable(folder.rglob("*.py") for folder in folders)
    return {str(file.relative_to(ROOT)): file.read_text() for file in files}


def sources() -> dict[str, str]:
    """Every module of the product by its path, with its text."""
    return dict(_files())


def name_of(path: str) -> str:
    return ".".join(PurePosixPath(path.removesuffix("/__init__.py").removesuffix(".py")).parts)


def imports(code: Sources) -> Iterator[tuple[str, str]]:
    """Pairs of modules: who imports whom, wherever in the file."""
    known = {name_of(path) for path in code}
    for path, text in code.items():
        for node in statements(text):
            if isinstance(node, ast.Import):
                yield from ((name_of(path), alias.name) for alias in node.names)
            elif node.module:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    yield name_of(path), whole if whole in known else node.module


@cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def statements(text: str) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in ast.walk(parsed(text)) if isinstance(node, ast.Import | ast.ImportFrom)]


def floor_of(module: str) -> int | None:
    for number, names in enumerate(FLOORS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return number
    return None


def going_up(code: Sources) -> list[str]:
    """Imports of a higher floor, save the wiring."""
    pairs = ((one, other, floor_of(one), floor_of(other)) for one, other in imports(code))
    return [
        f"{one} imports {other}"
        for one, other, low, high in pairs
        if low is not None and high is not None and high > low and (one, other) not in WIRING
    ]


def tied_folders(code: Sources) -> list[str]:
    """Sibling folders that import from each other, both ways."""
    folders = {str(PurePosixPath(path).parent).replace("/", ".") for path in code}
    ties: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one, other in imports(code):
        mine, theirs = one.split("."), other.split(".")
        shared = next((n for n, pair in enumerate(zip(mine, theirs, strict=False)) if len({*pair}) > 1), None)
        if shared is None:
            continue
        a, b = ".".join(mine[: shared + 1]), ".".join(theirs[: shared + 1])
        if a in folders and b in folders:
            ties[a, b].add(f"{one} imports {other}")
    return sorted({f"{min(pair)} and {max(pair)}" for pair in ties if pair[::-1] in ties})


def test_every_module_has_a_floor() -> None:
    """A new folder says where it stands."""
    homeless = [name for path in sources() if floor_of(name := name_of(path)) is None]
    assert sorted(homeless) == ["core", "core.__main__"]


def test_imports_go_down() -> None:
    """No module relies on a higher floor."""
    assert going_up(sources()) == []


def test_no_two_sibling_folders_are_tied_both_ways() -> None:
    """Each folder can be read after those it uses, and before those that use it."""
    assert tied_folders(sources()) == []


def test_core_knows_no_user_interface() -> None:
    """An agent that imports core loads no Streamlit."""
    wrong = ("streamlit", "dashboard", "pages")
    assert [
        f"{one} imports {other}"
        for one, other in imports(sources())
        if one.split(".")[0] == "core" and other.split(".")[0] in wrong
    ] == []


@pytest.mark.parametrize(
    ("path", "fault", "found"),
    [
        (
            "core/storage/calls.py",
            "from core.alerting import check",
            "core.storage.calls imports core.alerting.check",
        ),
        (
            "core/privacy/masking.py",
            "import core.logs.writer",
            "core.privacy.masking imports core.logs.writer",
        ),
        (
            "core/models/metrics.py",
            "def f():\n    from core.services.alert_service import AlertService",
            None,
        ),
    ],
)
def test_an_import_against_the_floors_is_caught(path: str, fault: str, found: str | None) -> None:
    """A rule that could not be broken would show nothing."""
    code = sources()
    code[path] += f"\n{fault}\n"
    assert found in going_up(code) if found else len(going_up(code)) == 1


def test_a_tie_between_siblings_is_caught() -> None:
    """The same for folders: evaluation is below state."""
    code = sources()
    code["core/alerting/evaluation/thresholds.py"] += "\nfrom core.alerting.state.flapping import Flap\n"
    assert tied_folders(code) == ["core.alerting.evaluation and core.alerting.state"]


def test_the_floors_are_those_of_the_map() -> None:
    """docs/architecture.md draws what is tested."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    drawn = re.search(r"```floors\n(.*?)```", text, re.DOTALL)
    assert drawn
    rows = [re.findall(r"[a-z_]+", line.split("│")[0]) for line in drawn[1].splitlines()]
    assert rows == [[name.removeprefix("core.") for name in names] for names in reversed(FLOORS)]


def test_collection_names_stand_in_one_place() -> None:
    """A database is indexed by the constants beside the indexes, never by a text."""
    names = {value for name, value in vars(collections).items() if name.isupper() and isinstance(value, str)}
    literal = [
        f"{path}:{node.lineno} {node.value}"
        for path, text in sources().items()
        if path != "core/storage/collections.py"
        for parent in ast.walk(parsed(text))
        for node in _index_or_argument(parent)
        if node.value in names
    ]
    assert literal == []


def _index_or_argument(node: ast.AST) -> Iterator[ast.Constant]:
    """The text that a database is asked for: ``database["calls"]``, ``get_collection("calls")``."""
    match node:
        case ast.Subscript(owner, ast.Constant() as text) if "database" in ast.unparse(owner).lower():
            yield text
        case ast.Call(asked, [ast.Constant() as text, *_]) if ast.unparse(asked).endswith("get_collection"):
            yield text


def test_folders_and_files_stay_small() -> None:
    """A folder is read at a glance, a file without losing the thread."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    for path in sources():
        if not path.endswith("__init__.py"):
            files[str(PurePosixPath(path).parent)].append(path)
    assert {folder: len(found) for folder, found in files.items() if len(found) > MOST_FILES} == {}
    assert [path for path, text in sources().items() if text.count("\n") > MOST_LINES] == []


def test_every_exception_for_the_linter_says_why() -> None:
    """One form: ``# noqa: RULE (reason)``, and the reason stands there."""
    marks = [
        (path, line) for path, text in sources().items() for line in text.splitlines() if "# noqa" in line
    ]
    assert [
        f"{path}: {line.strip()}"
        for path, line in marks
        if not re.search(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* \((?!see |as said).+\)$", line)
    ] == []


def test_loggers_have_one_name() -> None:
    """``logger``, as the logging documentation has it."""
    assert [
        path
        for path, text in sources().items()
        if re.search(r"^_?(?!logger\b)\w+ = get_logger\(", text, re.MULTILINE)
    ] == []
