"""Bad input on the command line: one clear line, exit code 2, nothing half-written."""

import asyncio
import os
import pty
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import pytest
import typer
from pymongo.database import Database

from core import __version__
from core.cli import app
from core.cli.examples import EXAMPLES
from core.services.alert_service import AlertService
from core.types import Document
from tests import forked
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
MAPPING = """
[source]
timezone = "Asia/Kolkata"
[start_time]
column = "when"
[fields]
call_id = {{ column = "{id_column}" }}
status = {{ column = "result" }}
direction = {{ constant = "outbound" }}
duration_seconds = {{ column = "seconds" }}
"""


def core(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m core`` as a user would."""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | environment
    return forked.run(["-m", "core", *arguments], env=environment)


@contextmanager
def a_terminal() -> Iterator[tuple[int, TextIO]]:
    """Open a terminal: our end of it, and the program's, which is closed at the end."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        yield ours, terminal


def read_to_end(ours: int) -> bytes:
    """Return everything a terminal shows until the program is gone."""
    seen = b""
    with suppress(OSError):  # the terminal is gone with the process
        while piece := os.read(ours, 4096):
            seen += piece
    os.close(ours)
    return seen


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["aggregate", "24-10-2024"], "'24-10-2024' is not a date; write YYYY-MM-DD"),
        (["aggregate", "2024-10-24..2024-10-01"], "2024-10-01 is before 2024-10-24"),
        (["aggregate", "9999-12-31"], "not a date of the years 1970 to 2200"),
        (["aggregate", "20240101xx"], "'20240101xx' is not a date"),
        (["check-alerts", "--at", "teatime"], "'teatime' is not a time"),
        (["check-alerts", "--at", "2199-01-01T00:00"], "is in the future; add --dry-run"),
        (["import", "absent.csv", "--mapping", "docs/mappings/technion.toml"], "absent.csv does not exist"),
        (["import", "README.md", "--mapping", "absent.toml"], "absent.toml"),
        (["check-alerts", "--at", ""], "'' is not a time"),
        (["report", "--day", ""], "'' is not a date"),
        (["logs", "README.md", "--since", ""], "is not a time"),
        (["logs", "README.md", "--since", "1x"], "or an age such as 15m, 2h or 3d"),
        (["logs", "README.md", "--level", ""], "is not a level"),
        (["alerts", "silence", "--label", "campaign=diwali"], "--note is missing: write why"),
        (["alerts", "silence", "--label", "campaign=", "--note", "x"], "--label campaign= has no value"),
        (["aggregate"], "missing argument 'DATE|FIRST..LAST'; see python -m core aggregate --help"),
        (["agregate", "2024-10-24"], "no such command 'agregate'"),
        (["alerts", "silence", "--lable", "x=1"], "no such option: --lable"),
        (["audit", "list", "--most", "many"], "invalid value for '--most'"),
        (["import", "x" * 300], "cannot be used: File name too long"),
        (["backup", "x" * 300], "cannot be used: File name too long"),
        (
            ["import", "README.md", "--mapping", "/dev/zero"],
            "/dev/zero is not a TOML file",
        ),
        (["logs", "absent\n\x1b[31m"], "absent\\n\\x1b[31m cannot be read"),
        (["alerts", "ack", "caf\udce9", "--note", "x"], "'caf\\udce9' is not valid UTF-8"),
        (["restrict-lead", "9" * 300, "--until", "2100-01-01", "--reason", "x"], "of 256 characters at most"),
    ],
)
def test_bad_arguments_are_one_line(database: Database[Document], arguments: list[str], reason: str) -> None:
    done = core(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("TIMEZONE", "Asia/Bombay2", "TIMEZONE is not an IANA time zone"),
        ("DATA_DIR", "caf\udce9", "DATA_DIR must be the name of a folder in UTF-8"),
        ("SMTP_PORT", "smtp", "SMTP_PORT input should be a valid integer"),
        ("MONGODB_URI", "localhost:27017", "MONGODB_URI must begin with mongodb://"),
        ("MONGODB_URI", "mongodb://user:geheim@db.example/", "points to db.example without TLS"),
        ("MONGODB_URI", "mongodb://u:geheim@127.0.0.1:1/?tls=true&tlsCAFile=/nope", "cannot be read: /nope"),
    ],
)
def test_a_bad_variable_is_one_line_that_names_it(variable: str, value: str, reason: str) -> None:
    done = core("aggregate", "2024-10-24", **{variable: value})
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert "geheim" not in done.stderr


@pytest.mark.full
@pytest.mark.parametrize("command", ["api", "run"])
def test_a_port_that_is_taken_is_one_line(database: Database[Document], command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = core(command, API_PORT=str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "cannot be listened on (Address already in use)" in done.stderr
    assert "set API_PORT to another port" in done.stderr


@pytest.mark.full
@pytest.mark.parametrize("command", [["aggregate", "2024-10-24"], ["check-alerts"], ["api"], ["run"]])
def test_an_unreachable_store_is_one_line(command: list[str]) -> None:
    done = core(*command, MONGODB_URI="mongodb://user:geheim@127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr == (
        "error: MongoDB at 127.0.0.1:1 does not answer; is it running, and is MONGODB_URI right?\n"
    )


@pytest.mark.full
def test_import_counts_rows_and_keeps_the_bad_ones(database: Database[Document], tmp_path: Path) -> None:
    rows = [
        "id,when,result,seconds",
        "a,2024-10-24 10:00:00,completed,60",
        "b,2024-10-24 25:00:00,completed,60",
        "c,2024-10-24 10:00:00,lost,60",
        "d,2024-10-24 10:00:00,completed,-1",
    ]
    (tmp_path / "calls.csv").write_text("\n".join(rows))
    (tmp_path / "map.toml").write_text(MAPPING.format(id_column="id"))
    (tmp_path / "wrong.toml").write_text(MAPPING.format(id_column="identity"))
    wrong = core("import", str(tmp_path / "calls.csv"), "--mapping", str(tmp_path / "wrong.toml"))
    assert (wrong.returncode, database["calls"].count_documents({})) == (2, 0)
    assert "identity" in wrong.stderr
    for expected in ("imported 1 · replaced 0 (0 unchanged)", "imported 0 · replaced 1 (1 unchanged)"):
        done = core("import", str(tmp_path / "calls.csv"), "--mapping", str(tmp_path / "map.toml"))
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{expected} · rejected 3")
    assert database["calls"].count_documents({}) == 1


CALLS = """Call ID,Start Time,Status,Duration,Mobile
a,2024-10-24 10:00:00,completed,60,98765
b,2024-10-24 11:00:00,no-answer,0,98766
"""


@pytest.mark.full
def test_an_import_without_a_mapping_proposes_one_and_goes_no_further(
    database: Database[Document], tmp_path: Path
) -> None:
    """Where nobody can be asked; a mapping that is there is never written over."""
    file, mapping = tmp_path / "calls.csv", tmp_path / "calls.toml"
    file.write_text(CALLS)
    done = core("import", str(file), COLUMNS="200")
    assert done.returncode == 2
    assert '"call_id":"a"' in done.stdout
    assert "not used: Mobile (personal data?)" in done.stdout
    assert done.stderr.endswith(f"python -m core import {file} --mapping {mapping}\n")
    assert database["calls"].count_documents({}) == 0
    again = core("import", str(file))
    assert (again.returncode, again.stdout) == (2, "")
    assert f"{mapping} already exists: import with --mapping {mapping}" in again.stderr
    done = core("import", str(file), "--mapping", str(mapping))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["columns not used: Mobile"]
    assert database["calls"].count_documents({}) == 2


@pytest.mark.parametrize(("answer", "calls"), [("y", 2), ("n", 0)])
def test_a_terminal_is_asked_before_a_proposed_mapping_is_used(
    database: Database[Document], tmp_path: Path, answer: str, calls: int
) -> None:
    (tmp_path / "calls.csv").write_text(CALLS)
    command = ["-m", "core", "import", str(tmp_path / "calls.csv"), "--mapping", str(tmp_path / "map.toml")]
    errors = (tmp_path / "errors").open("w+")
    with a_terminal() as (ours, terminal):
        process = forked.Process(command, [terminal, terminal, errors])
    os.write(ours, f"{answer}\n".encode())
    seen = read_to_end(ours)
    assert process.wait(60) == 0, errors.read()
    assert b"Import with this mapping? [y/N]" in seen
    assert (b"imported 2" in seen) == (calls == 2)
    assert (tmp_path / "map.toml").exists()
    assert database["calls"].count_documents({}) == calls


@pytest.mark.parametrize(
    ("asked", "lines"), [({}, 0), ({"LOG_LEVEL": "INFO"}, 1), ({"LOG_FILE": "{folder}/log"}, 0)]
)
def test_log_lines_do_not_come_between_what_a_person_reads(
    database: Database[Document], tmp_path: Path, asked: dict[str, str], lines: int
) -> None:
    """Erasing is recorded with a log line; at a terminal it would be noise, in a file it is kept."""
    given = {name: value.format(folder=tmp_path) for name, value in asked.items()}
    with a_terminal() as (ours, terminal):
        command = ["-m", "core", "erase-lead", "lead_1", "--yes"]
        process = forked.Process(command, [terminal, terminal, terminal], env={**os.environ, **given})
    seen = read_to_end(ours)
    assert process.wait(60) == 0, seen
    assert seen.count(b'"event":"audit"') == lines
    assert b"nothing is stored under this id or number" in seen
    if "LOG_FILE" in given:
        assert '"event":"audit"' in Path(given["LOG_FILE"]).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["doctor", "--version"])
@pytest.mark.full
def test_a_bad_variable_leaves_what_others_read_clean(command: str) -> None:
    """In a fresh interpreter, because loggers that modules ask for on import read the settings too."""
    done = subprocess.run(
        [sys.executable, "-m", "core", command],
        env={**os.environ, "API_PORT": "http"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ("" if done.returncode else f"{__version__}\n")
    assert done.stderr.count("\n") == (1 if done.returncode else 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
@pytest.mark.parametrize("arguments", [["rules", "list"], ["--help"], ["doctor"]])
@pytest.mark.full
def test_a_full_disk_under_the_output_is_one_line(database: Database[Document], arguments: list[str]) -> None:
    command = [sys.executable, "-m", "core", *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


@pytest.mark.full
def test_a_long_name_in_a_table_can_be_searched_for_and_is_never_cut(database: Database[Document]) -> None:
    """Lines of a pipe are as long as they need to be; in a narrow terminal, cells are wrapped."""
    name = "grafana-" + "0123456789" * 5
    core("api-keys", "add", name, "--role", "viewer")
    assert f" {name} " in core("api-keys", "list").stdout
    narrow = core("api-keys", "list", COLUMNS="70").stdout
    assert "…" not in narrow
    assert max(map(len, narrow.splitlines())) == 70


def test_what_outsiders_named_cannot_control_the_terminal(database: Database[Document]) -> None:
    named = "एक\u200dबैंक\x1b]0;owned\x07\u202e"
    alert = {"alert_type": "late", "severity": "warning", "current_value": 1.0, "threshold_value": 0.0}
    asyncio.run(AlertService().send_alert(message=f"late at {named}", **alert))  # type: ignore[arg-type]
    silenced = ["--label", f"campaign={named}", "--note", named]
    for arguments in (["alerts", "silence", *silenced], ["alerts", "list"], ["check-alerts", "--dry-run"]):
        done = core(*arguments)
        assert done.returncode == 0, done.stderr
        assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)
    assert "late at एक\u200dबैंक\\x1b]0;owned\\x07\\u202e" in core("alerts", "list").stdout


def test_run_refuses_a_channel_before_it_says_that_anything_runs() -> None:
    ports = {name: str(free_port()) for name in ("API_PORT", "DASHBOARD_PORT")}
    done = core("run", ALERT_APPRISE_URLS="hook=json://127.0.0.1:1/x", **ports)
    assert done.returncode == 2
    assert "hook would be sent to without verified encryption" in done.stderr
    assert "Ctrl-C" not in done.stdout


def test_it_tells_its_version() -> None:
    assert core("--version").stdout.strip() == __version__


def test_aggregate_prints_the_day(database: Database[Document]) -> None:
    done = core("aggregate", "2024-10-23..2024-10-24")
    assert done.returncode == 0, done.stderr
    assert "Calls by day, Asia/Kolkata" in done.stdout
    assert "2024-10-24" in done.stdout
    assert database["daily_metrics"].count_documents({}) == 2


@pytest.mark.full
@pytest.mark.parametrize(
    "command",
    [["erase-lead", "lead_1", "--yes"], ["test-alert"], ["check-alerts"], ["aggregate", "2024-10-24"]],
)
def test_what_a_command_prints_holds_no_log_lines(database: Database[Document], command: list[str]) -> None:
    """They go to stderr, or to LOG_FILE: a table can be read, and its output piped."""
    done = core(*command, LOG_LEVEL="DEBUG", ALERT_APPRISE_URLS="hook=jsons://127.0.0.1:1/x")
    assert done.stdout
    assert '{"timestamp"' not in done.stdout
    if command[0] in {"erase-lead", "test-alert"}:
        assert '{"timestamp"' in done.stderr


def test_commands_about_alerts_load_no_data_frames() -> None:
    """Whoever is on call waits for them, and pandas takes longer than all the rest."""
    names = "core.cli, core.alerting.actions, core.alerting.board, core.alerting.rules.rule_store"
    program = f"import sys, {names}; print({{'pandas', 'pyarrow', 'fastapi', 'apprise'}} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command by what is typed to reach it."""
    for name, command in group.commands.items():
        path = f"{before}{name}"
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} ")
        else:
            yield path, command


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_every_command_that_takes_something_shows_an_example() -> None:
    """Below its help, in lines that a narrow terminal does not break."""
    takes = {path for path, command in COMMANDS.items() if {one.name for one in command.params} - {"help"}}
    assert takes == EXAMPLES.keys()
    helped = core("alerts", "ack", "--help").stdout
    assert f"python -m core {EXAMPLES['alerts ack'][0]}" in helped
    assert all(len(f"python -m core {line}") < 80 for lines in EXAMPLES.values() for line in lines)


@pytest.mark.parametrize("path", EXAMPLES)
def test_an_example_is_one_that_its_command_takes(path: str) -> None:
    """With options and values that it knows."""
    for line in EXAMPLES[path]:
        words = shlex.split(line)
        name = path.split()
        assert words[: len(name)] == name
        COMMANDS[path].make_context(path, words[len(name) :])


@pytest.mark.parametrize("path", ["alerts silence", "restrict-lead", "audit list"])
def test_an_example_works_as_it_is_shown(path: str, database: Database[Document]) -> None:
    """Nothing it needs is left out; that no such alert fires is the only thing it may complain of."""
    for line in EXAMPLES[path]:
        ended = core(*shlex.split(line))
        assert ended.returncode == 0 or "is firing" in ended.stderr, ended.stderr


def test_help_shows_every_word_and_what_is_taken_if_an_option_is_left_out() -> None:
    """Text in square brackets is taken for markup, and would not be shown."""
    options = (one for command in COMMANDS.values() for one in command.params)
    texts = [text for one in options if (text := getattr(one, "help", None))]
    assert [text for text in texts if "[" in text] == []
    assert "yesterday" in core("report", "--help").stdout
    assert "your login" in core("alerts", "ack", "--help").stdout


def test_alerts_are_listed_whatever_their_text(database: Database[Document]) -> None:
    """An agent writes it: square brackets are no markup, which would be left out or end in a traceback."""
    service = AlertService()
    for text in ("The queue [retry] grows", "No dialler for [/promo]"):
        asyncio.run(service.send_alert(alert_type=text[:3], severity="warning", message=text))
    listed = core("alerts", "list")
    assert listed.returncode == 0, listed.stderr
    assert "The queue [retry] grows" in listed.stdout
    assert "No dialler for [/promo]" in listed.stdout
