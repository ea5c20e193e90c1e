"""``python -m core logs``: what is asked for, and nothing that could steer the terminal."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.logs.sinks.log_file import LogFile
from tests import forked

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
    done = forked.run(["-m", "core", "logs", *arguments])
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


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return forked.run(["-m", "core", "logs", *arguments], check=True)


ODD_LINES = (
    '{"timestamp":"2026-11-20T09:30:00","message":"no zone"}',
    '{"timestamp":"0001-01-01T00:00:00+14:00","message":"first"}',
    '{"timestamp":"9999-12-31T23:59:59-12:00","message":"last"}',
    '{"timestamp":5,"level":["x"],"component":{"a":1},"message":null,"source":{"file":[1],"line":{}}}',
    '{"level":"AUDIT","exception":{"traceback":7},"stack":[],"call_id":[1]}',
    '{"message":' + "9" * 400 + "}",
    "{}",
)


@pytest.mark.parametrize("options", [[], ["--since", "1h"], ["--level", "warn"], ["--call", "c"]])
def test_no_line_of_a_file_stops_the_reader(tmp_path: Path, options: list[str]) -> None:
    """Whatever another program wrote into it."""
    file = tmp_path / "odd.log"
    file.write_text("\n".join([*ODD_LINES, LINES]))
    assert run(str(file), *options).stderr.count("Traceback") == 0


def test_a_time_without_a_zone_is_taken_in_the_configured_one(tmp_path: Path) -> None:
    """With a filter as without one."""
    file = tmp_path / "odd.log"
    file.write_text('{"timestamp":"2026-11-20T09:30:00","message":"here"}\n')
    assert "2026-11-20 09:30:00.000" in run(str(file), "--since", "2026-11-20T09:29").stdout
    assert "here" not in run(str(file), "--since", "2026-11-20T09:31").stdout


HOSTILE = "\x1b[2J\x9b1m\u202e\r\n2026-11-20 09:30:00.000 ERROR    api forged"


@pytest.mark.parametrize(
    "place", ["level", "component", "message", "file", "line", "name", "value", "traceback", "stack"]
)
def test_no_part_of_a_line_steers_the_terminal_or_passes_for_a_line(tmp_path: Path, place: str) -> None:
    """Not by escapes, nor by line ends: a caller's words could forge an error of another component."""
    said = {name: HOSTILE if name == place else "x" for name in ("level", "component", "message", "stack")}
    source = {name: HOSTILE if name == place else "x" for name in ("file", "line")}
    field = {HOSTILE if place == "name" else "field": HOSTILE if place == "value" else "x"}
    failure = {
        "type": "E",
        "message": "m",
        "traceback": f"Traceback:\n{HOSTILE if place == 'traceback' else 'x'}",
    }
    file = tmp_path / "odd.log"
    file.write_text(json.dumps({**said, **field, "source": source, "exception": failure}) + "\n")
    shown = run(str(file)).stdout
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert not any(row.startswith("2026-11-20") for row in shown.splitlines())
    assert "forged" in shown


@pytest.mark.full
def test_what_logrotate_has_compressed_is_read(file: Path) -> None:
    """As the documented recipe leaves it; one that was cut short is named."""
    packed = file.with_suffix(".log.1.gz")
    packed.write_bytes(gzip.compress(LINES.encode()))
    assert run(str(packed)).stdout == run(str(file)).stdout
    packed.write_bytes(packed.read_bytes()[:-20])
    assert "cannot be unpacked" in show(str(packed), code=2)


@pytest.mark.full
def test_what_is_not_shown_is_said(file: Path, tmp_path: Path) -> None:
    """On stderr: lines that are none, and a filter that nothing passes."""
    assert "2 lines are not JSON" in run(str(file)).stderr
    assert "no match" in run(str(file), "--call", "nobody").stderr
    words = tmp_path / "words"
    words.write_text("some plain\nwords\n")
    assert run(str(words)).stderr.splitlines() == ["2 lines are not JSON; skipped", "no lines"]


@pytest.mark.parametrize(
    ("level", "messages"), [("warn", 2), ("30", 2), ("Fatal", 0), ("40", 1), ("info", 3)]
)
def test_levels_are_taken_as_the_setting_takes_them(file: Path, level: str, messages: int) -> None:
    """In any case, by another name, by their number."""
    text = run(str(file), "--level", level).stdout
    assert sum(f" {word}" in text for word in ("one", "two", "three")) == messages


@pytest.mark.full
def test_a_file_is_waited_for(tmp_path: Path) -> None:
    """As tail -F does; weeks are a time as well."""
    path = tmp_path / "later.log"
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "core", "logs", str(path), "--follow", "--since", "1w"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        LogFile(path).write(b'{"level":"INFO","message":"at last"}\n')
        assert "at last" in process.stdout.readline()
    finally:
        process.kill()
        process.wait(10)
