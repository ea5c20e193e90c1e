"""``python -m core logs``: what is asked for, and nothing that could steer the terminal."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.logs.sinks.log_file import LogFile

ROOT = Path(__file__).resolve().parents[2]
LINES = (
    '{"timestamp":"2024-10-24T10:00:00.000Z","level":"INFO","component":"api","message":"one","call_id":"c1"}\n'
    '{"timestamp":"2024-10-24T11:00:00.000Z","level":"ERROR","component":"speech","message":"two","call_id":"c2",'
    '"exception":{"type":"E","message":"m","traceback":"Traceback:\\n  at the place\\n"}}\n'
    '{"timestamp":"2024-10-24T11:30:00.000Z","level":"INFO","comp\n'
    '{"timestamp":"2024-10-24T12:00:00.000Z","level":"WARNING","component":"api","message":"three '
    '\\u001b[2J [red]","call_id":"c1","n":{"a":1}}\n'
    '"no object"\n'
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.log"
    path.write_text(LINES)
    return path


def show(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "core", "logs", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ([], ["one", "two", "three"]),
        (["--call", "c1"], ["one", "three"]),
        (["--level", "warning"], ["two", "three"]),
        (["--since", "2024-10-24T16:45"], ["three"]),
        (["--since", "5m"], []),
        (["--component", "speech"], ["two"]),
        (["--call", "c1", "--level", "WARNING"], ["three"]),
    ],
)
def test_only_what_is_asked_for_is_shown(file: Path, options: Sequence[str], messages: list[str]) -> None:
    text = show(str(file), *options)
    assert [word for word in ("one", "two", "three") if f" {word}" in text] == messages


def test_a_line_is_shown_in_local_time_with_its_fields_and_traceback(file: Path) -> None:
    text = show(str(file))
    assert "2024-10-24 15:30:00.000 INFO     api one call_id=c1" in text
    assert '\\x1b[2J [red] call_id=c1 n={"a":1}' in text
    assert "\x1b" not in text
    assert "\n  at the place\n" in text


def test_a_terminal_gets_colours(file: Path) -> None:
    coloured = {**os.environ, "FORCE_COLOR": "1"}
    command = [sys.executable, "-m", "core", "logs", str(file)]
    text = subprocess.run(
        command, cwd=ROOT, env=coloured, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "\x1b[1;31m ERROR" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.log"], "cannot be read"),
        (["x", "--level", "loud"], "loud"),
        (["x", "--since", "soon"], "soon"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments: list[str], said: str) -> None:
    error = show(*arguments, code=2)
    assert said in error
    assert error.count("\n") == 1


def test_a_file_is_followed_beyond_its_rotation(file: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "core", "logs", str(file), "--follow", "--call", "c9"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = b'{"timestamp":"2024-10-24T12:00:00Z","level":"INFO","message":"%s","call_id":"c9"}\n'
        LogFile(file).write(line % b"first")
        assert "first" in process.stdout.readline()
        file.rename(file.with_suffix(".1"))
        LogFile(file).write(line % b"second")
        assert "second" in process.stdout.readline()
    finally:
        process.kill()
        process.wait(10)
