"""The background writer: nothing is lost that it can keep, and what is lost is counted."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.logging_config import call_context
from core.logs.context import set_call_context
from core.logs.event import Event, event_of
from core.logs.logger import ComponentLogger
from core.logs.sinks.log_file import LogFile
from core.logs.sinks.sink import Sink
from core.logs.writer import LogWriter
from tests import forked

ROOT = Path(__file__).resolve().parents[2]


def run(
    code: str, file: Path | None, *, check: bool = True, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program that logs, in a process of its own."""
    env = {**os.environ, **({"LOG_FILE": str(file)} if file else {}), **env}
    return forked.run(["-c", PREAMBLE + code], env=env, check=check, loaded=forked.LOGS)


PREAMBLE = "import os, sys, time\nfrom core.logging_config import *\nlog = get_logger('api')\n"


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


def lines_in(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def event(text: str = "hello", level: int = 20) -> Event:
    return event_of(
        ComponentLogger("voice_agent.api").makeRecord("voice_agent.api", level, __file__, 1, text, (), None)
    )


def put(writer: LogWriter, event: Event) -> None:
    writer.put(event[1], event)


class Held(Sink):
    """A sink that can be held back, and that keeps what it was given."""

    def __init__(self) -> None:
        super().__init__("held")
        self.lines: list[dict[str, Any]] = []
        self.hold = False
        self.writes: list[int] = []

    def _append(self, lines: bytes) -> None:
        while self.hold:
            time.sleep(0.005)
        self.writes.append(lines.count(b"\n"))
        self.lines += [json.loads(line) for line in lines.splitlines()]


def test_a_process_that_ends_normally_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "down" / "agent.log"
    run("for n in range(5000): log.info('line', extra={'n': n})", file)
    assert [line["n"] for line in lines_in(file)] == list(range(5000))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (file.parent, file.parent.parent)] == [
        0o700
    ] * 2


def test_a_process_that_dies_of_an_exception_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    assert run("log.info('last words')\nraise SystemError", file, check=False).returncode == 1
    assert [line["message"] for line in lines_in(file)] == ["last words"]


def test_lines_logged_while_the_process_ends_are_written(tmp_path: Path) -> None:
    """An exit function registered before logging runs after its own."""
    file = tmp_path / "agent.log"
    code = "import atexit, core.logging_config as c\natexit.unregister(c._writer.close)\n"
    code += "atexit.register(lambda: log.info('late'))\natexit.register(c._writer.close)\nlog.info('early')"
    run(code, file)
    assert [line["message"] for line in lines_in(file)] == ["early", "late"]


def test_without_a_file_lines_go_to_stdout_in_order() -> None:
    printed = run("log.info('one'); log.debug('two'); log.error('three')", None).stdout
    assert [json.loads(line)["message"] for line in printed.splitlines()] == ["one", "three"]


def test_two_processes_append_whole_lines_to_one_file(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    code = (
        PREAMBLE
        + "for n in range(5000): log.info('line %d', n, extra={'who': sys.argv[1], 'text': 'x' * 200})"
    )
    env = {**os.environ, "LOG_FILE": str(file)}
    both = [subprocess.Popen([sys.executable, "-c", code, who], cwd=ROOT, env=env) for who in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    assert Counter(line["who"] for line in lines_in(file)) == {"a": 5000, "b": 5000}


@pytest.mark.parametrize("how", ["os.fork()", "multiprocessing"])
def test_a_forked_child_logs_its_own_lines_once(tmp_path: Path, how: str) -> None:
    """The parent's queued lines are not repeated, and the child's are not lost."""
    file = tmp_path / "agent.log"
    if how == "os.fork()":
        code = "log.info('parent')\npid = os.fork()\n"
        code += "if not pid: log.info('child'); flush(); os._exit(0)\nos.waitpid(pid, 0)"
    else:
        code = "import multiprocessing as m\nlog.info('parent')\n"
        code += "p = m.get_context('fork').Process(target=log.info, args=('child',)); p.start(); p.join()"
    run(code, file)
    assert sorted(line["message"] for line in lines_in(file)) == ["child", "parent"]


def test_a_killed_process_has_lost_at_most_the_last_moment(tmp_path: Path) -> None:
    """SIGTERM with Python's default handling runs no exit function; the writer is 50 ms behind at most."""
    file = tmp_path / "agent.log"
    code = "log.info('kept'); time.sleep(0.5); os.kill(os.getpid(), 15)"
    assert run(code, file, check=False).returncode == -signal.SIGTERM
    assert [line["message"] for line in lines_in(file)] == ["kept"]


def test_a_file_that_cannot_be_written_costs_no_line_and_is_said_once(tmp_path: Path) -> None:
    said = run("for n in range(3): log.info('line'); flush()", tmp_path).stderr.splitlines()
    assert "cannot write LOG_FILE" in said[0]
    assert "directory" in said[0]
    assert [json.loads(line)["message"] for line in said[1:]] == ["line"] * 3


def test_a_disk_that_is_full_for_a_while_is_survived(tmp_path: Path) -> None:
    """Lines go to stderr meanwhile, the file has whole lines only, and the count is reported in it."""
    file = tmp_path / "agent.log"
    code = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "for n in range(20): log.info('line', extra={'n': n})\n"
        "flush()\nresource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "time.sleep(1.1); log.info('after')"
    )
    env = {**os.environ, "LOG_FILE": str(file)}
    command = [sys.executable, "-c", PREAMBLE + code]  # its stderr a pipe: a file would be limited as well
    said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stderr
    kept, torn = [], []
    for line in file.read_text().splitlines():
        try:
            kept.append(json.loads(line))
        except ValueError:
            torn.append(line)
    elsewhere = [json.loads(line) for line in said.splitlines()[1:]]
    numbers = [line["n"] for line in kept if "n" in line] + [line["n"] for line in elsewhere]
    assert sorted(numbers) == list(range(20))
    assert len(torn) == 1
    assert kept[-2]["message"] == "after"
    assert kept[-1]["message"].startswith("sent 20 log lines to stderr: cannot write LOG_FILE")


def test_a_line_cut_by_a_kill_does_not_spoil_the_next(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    file.write_bytes(b'{"half')
    LogFile(file).write(b'{"whole":1}\n')
    assert file.read_bytes() == b'{"half\n{"whole":1}\n'


def test_a_malformed_setting_does_not_stop_the_agent_but_is_said() -> None:
    done = run("log.info('on')", None, LOG_LEVEL="LOUD")
    said, line = [json.loads(line) for line in done.stdout.splitlines()]
    assert said["message"].startswith("LOG_LEVEL ")
    assert line["message"] == "on"
    assert "SettingsError: LOG_LEVEL" in run("setup_logging()", None, check=False, LOG_LEVEL="LOUD").stderr


BAD_SETTINGS = {
    "SMTP_PORT": "smtp", "TIMEZONE": "Asia/Puna", "LOG_LEVEL": "LOUD", "LOG_FORMAT": "xml", "API_PORT": "0",
    "LOG_ROTATE_MB": "-1", "ALERT_APPRISE_URLS": "nonsense", "SPLUNK_HEC_URL": "https://splunk.example",
    "LOG_MASK_OFF": "fone",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_bad_setting_costs_itself_only_and_is_named(name: str, tmp_path: Path) -> None:
    """Whatever it is of: the file, the names of fields and what is masked stay as they are set."""
    good = {"LOG_FORMAT": " ECS", "LOG_MASK_OFF": "email", "LOG_LEVEL": "warn"}
    file = tmp_path / "agent.log"
    env: dict[str, Any] = {**good, name: BAD_SETTINGS[name]}
    run("log.warning('neha@shop.example')", file, **env)
    said, line = lines_in(file)
    assert name in said["message"]
    assert "message" in line
    assert ("log.level" in line) == (name != "LOG_FORMAT")
    assert ("neha" in line["message"]) == (name != "LOG_MASK_OFF")


def test_a_file_of_settings_with_a_bad_byte_costs_that_line_only(tmp_path: Path) -> None:
    """Even its comments may be of another age."""
    file = tmp_path / "agent.log"
    (tmp_path / ".env").write_bytes(f"# caf\xe9\nALERT_EMAIL_FROM=\xe9\nLOG_FILE={file}\n".encode("latin-1"))
    code = "from core.logging_config import *\nget_logger('api').info('on')"
    env = {name: value for name, value in os.environ.items() if name != "LOG_FILE"}
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**env, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=True,
    )
    assert [line["message"] for line in lines_in(file)][1:] == ["on"]
    assert "UTF-8" in lines_in(file)[0]["message"]


@pytest.mark.parametrize(
    ("level", "least"), [("WARN", 30), ("20", 20), (" debug ", 10), ("Fatal", 50), ("15", 15)]
)
def test_the_level_is_what_logging_takes(level: str, least: int) -> None:
    """In any case, by another name, by its number, with blanks around it."""
    code = "for number in (10, 15, 20, 30, 40, 50): log.log(number, str(number))"
    lines = [json.loads(line) for line in run(code, None, LOG_LEVEL=level).stdout.splitlines()]
    assert [line["message"] for line in lines] == [str(n) for n in (10, 15, 20, 30, 40, 50) if n >= least]


@pytest.fixture
def held() -> Iterator[Held]:
    sink = Held()
    yield sink
    sink.hold = False


def test_every_line_of_a_flood_is_written_or_counted(tmp_path: Path) -> None:
    """Faster than any writer, for a second: what is missing is known to the line."""
    file = tmp_path / "agent.log"
    run("for n in range(40000): log.info('n')", file)
    assert sum(line.get("lines", 1) for line in lines_in(file)) == 40_000


def test_a_full_queue_drops_counts_and_keeps_room_for_warnings(held: Held) -> None:
    """The caller never waits for a stuck target; a line of its own says how much is missing."""
    writer = LogWriter(held, capacity=100, reserve=20)
    held.hold = True
    put(writer, event("first", 40))
    wait_until(lambda: not writer.queue)
    began = time.perf_counter()
    for _ in range(100):
        put(writer, event("info"))
    for _ in range(30):
        put(writer, event("warning", 30))
    assert time.perf_counter() - began < 0.5
    held.hold = False
    assert writer.flush()
    assert Counter(line["message"] for line in held.lines) == {
        "first": 1, "info": 80, "warning": 20, "dropped 30 log lines: the queue was full": 1,
    }  # fmt: skip


def test_lines_are_gathered_and_errors_are_not_kept_waiting(held: Held) -> None:
    writer = LogWriter(held)
    for number in range(2000):
        put(writer, event(str(number)))
    assert writer.flush()
    assert max(held.writes) <= 512
    assert len(held.writes) < 50
    assert [line["message"] for line in held.lines] == [str(number) for number in range(2000)]


def test_a_line_after_a_long_silence_is_written(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.logs.writer._TURNS_UNTIL_ASLEEP", 0)
    writer = LogWriter(held)
    for number in range(3):
        put(writer, event(str(number)))
        wait_until(lambda: len(held.lines) == number + 1)  # noqa: B023 (called at once)


def test_an_event_that_cannot_be_rendered_is_counted(held: Held) -> None:
    writer = LogWriter(held)
    put(writer, (float("inf"), *event()[1:]))
    put(writer, event())
    assert writer.flush()
    assert [line["message"] for line in held.lines] == [
        "hello",
        "dropped 1 log lines: they could not be rendered",
    ]


def test_a_signal_handler_that_logs_takes_no_line_away() -> None:
    """After close() callers write by themselves, and a handler may come between two lines."""
    sink = Held()
    writer = LogWriter(sink)
    put(writer, event("first"))
    writer.close()

    class Interrupted(deque[Any]):
        taken = 0

        def popleft(self) -> Any:
            self.taken += 1
            if self.taken == 3:
                put(writer, event("handler"))
            return super().popleft()

    writer.queue = Interrupted(event(str(number)) for number in range(5))
    put(writer, event("last"))
    said = [line["message"] for line in sink.lines]
    assert sorted(said) == sorted(["first", "handler", "last", *"01234"])
    assert writer.backlog.dropped == 0


def test_a_thousand_concurrent_calls_never_mix(held: Held) -> None:
    writer = LogWriter(held)

    async def call(number: int) -> None:
        set_call_context(call_id=f"call_{number}")
        for turn in range(3):
            await asyncio.sleep(0)
            with call_context(turn=turn):
                await asyncio.sleep(0)
                put(writer, event(f"call_{number} {turn}"))

    async def everyone() -> None:
        await asyncio.gather(*(call(number) for number in range(1000)))

    asyncio.run(everyone())
    assert writer.flush()
    assert len(held.lines) == 3000
    assert all(line["message"] == f"{line['call_id']} {line['turn']}" for line in held.lines)


def test_what_libraries_log_is_taken_on_request_and_ours_is_not_doubled() -> None:
    code = "import logging\nsetup_logging(libraries=True)\nlog.info('ours')\n"
    code += "logging.getLogger('httpx').warning('token=abc')\nlogging.getLogger('httpx').info('quiet')"
    lines = [json.loads(line) for line in run(code, None).stdout.splitlines()]
    assert [(line["component"], line["message"]) for line in lines] == [
        ("api", "ours"),
        ("httpx", "token=[masked]"),
    ]


def test_a_later_setup_changes_only_what_it_is_given(tmp_path: Path) -> None:
    code = f"setup_logging('DEBUG', {str(tmp_path / 'b.log')!r})\nsetup_logging()\nlog.debug('two')"
    run("log.info('one')\n" + code, tmp_path / "a.log", LOG_FILE_MODE="0640")
    assert [line["message"] for line in lines_in(tmp_path / "a.log")] == ["one"]
    assert [line["message"] for line in lines_in(tmp_path / "b.log")] == ["two"]
    assert stat.S_IMODE((tmp_path / "b.log").stat().st_mode) == 0o640
