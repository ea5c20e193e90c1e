"""Many processes, forks, kills and rotation: real ones, on a real disk; every line is counted."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import pytest

from tests import forked

ROOT = Path(__file__).resolve().parents[2]
PREAMBLE = "import os, sys, time, signal\nfrom core.logging_config import *\nlog = get_logger('api')\n"


def start(
    code: str, file: Path, *args: str, env: Mapping[str, str] | None = None, stdout: IO[str] | None = None
) -> forked.Process:
    environment = {**os.environ, "LOG_FILE": str(file), **(env or {})}
    with Path(os.devnull).open("r+") as nothing:
        streams = [nothing, stdout or nothing, nothing]
        return forked.Process(["-c", PREAMBLE + code, *args], streams, env=environment, loaded=forked.LOGS)


def lines_in(*files: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


FLOOD = """
for n in range(3000):
    with call_context(call_id=f"{sys.argv[1]}_{n}"):
        log.info('line', extra={'who': sys.argv[1], 'n': n, 'id': f"{sys.argv[1]}_{n}", 'text': 'x' * 100})
    if n % 50 == 0: time.sleep(0.002)
"""


def test_four_processes_on_one_rotated_file_lose_no_line(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    env = {"LOG_ROTATE_MB": "0.2", "LOG_ROTATE_KEEP": "100"}
    four = [start(FLOOD, file, who, env=env) for who in "abcd"]
    assert [process.wait(90) for process in four] == [0] * 4
    files = list(tmp_path.glob("agent.log*"))
    assert len(files) > 5
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    lines = lines_in(*files)
    assert Counter(line["who"] for line in lines) == dict.fromkeys("abcd", 3000)
    assert [line for line in lines if line["call_id"] != line["id"]] == []


def test_a_file_that_somebody_else_renames_is_begun_anew(tmp_path: Path) -> None:
    """As logrotate does without copytruncate."""
    file = tmp_path / "agent.log"
    process, renamed = start(FLOOD, file, "a"), 0
    while process.poll() is None:
        if file.exists():
            renamed += 1
            file.rename(tmp_path / f"agent.log.{renamed}")
        time.sleep(0.1)
    assert process.returncode == 0
    files = list(tmp_path.glob("agent.log*"))
    assert len(files) > 1
    assert sorted(line["n"] for line in lines_in(*files)) == list(range(3000))


def test_only_so_many_old_files_are_kept(tmp_path: Path) -> None:
    code = "for n in range(400): log.info('x' * 1000); flush() if n % 10 == 0 else None"
    assert (
        start(code, tmp_path / "agent.log", env={"LOG_ROTATE_MB": "0.05", "LOG_ROTATE_KEEP": "2"}).wait(60)
        == 0
    )
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".agent.log.lock", "agent.log", "agent.log.1", "agent.log.2"]
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 50_000


def test_a_file_of_yesterday_is_put_aside(tmp_path: Path) -> None:
    file, guard = tmp_path / "agent.log", tmp_path / ".agent.log.lock"
    file.write_text('{"day":"before"}\n')
    guard.touch(mode=0o600)
    os.utime(guard, (time.time() - 90_000,) * 2)
    assert start("log.info('today')", file, env={"LOG_ROTATE_HOURS": "24"}).wait(30) == 0
    assert lines_in(tmp_path / "agent.log.1") == [{"day": "before"}]
    assert [line["message"] for line in lines_in(file)] == ["today"]


def test_thirty_forks_write_their_own_lines_once(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    code = """
for n in range(30):
    log.info('parent', extra={'who': -1, 'n': n})
    if not os.fork():
        for k in range(20): log.info('child', extra={'who': n, 'n': k})
        flush(); os._exit(0)
while True:
    try: os.wait()
    except ChildProcessError: break
"""
    assert start(code, file).wait(60) == 0
    counted = Counter(line["who"] for line in lines_in(file))
    assert counted == {-1: 30, **dict.fromkeys(range(30), 20)}


def test_a_daemon_that_closes_all_files_goes_on_logging_and_keeps_what_it_opens(tmp_path: Path) -> None:
    """The number of its log is another file's then, which is neither written nor closed."""
    file, other = tmp_path / "agent.log", tmp_path / "other.txt"
    code = """
log.info('before'); flush()
os.closerange(3, 256)
if sys.argv[2] == 'opens': files = [open(sys.argv[1], 'a') for _ in range(64)]
log.info('after'); flush()
if sys.argv[2] == 'opens':
    for one in files: one.write('x'); one.flush()
"""
    for number, also in enumerate(("opens", "closes"), 1):
        assert start(code, file, str(other), also).wait(60) == 0
        assert [line["message"] for line in lines_in(file)] == ["before", "after"] * number
    assert other.read_text() == "x" * 64


def test_a_fork_while_another_thread_gets_a_logger_or_sets_up_can_log(tmp_path: Path) -> None:
    """What that thread holds at the moment of the fork is held for ever in the child."""
    file = tmp_path / "agent.log"
    code = """
import threading
from core import logging_config
def get_loggers():
    for n in range(10**9): get_logger(f'lazy {n % 5000}')
def set_up():
    while True:
        with logging_config._setting_up(): logging_config._configured = False; time.sleep(0.01)
threading.Thread(target=globals()[sys.argv[1]], daemon=True).start()
for n in range(20):
    time.sleep(0.005)
    if not os.fork():
        signal.alarm(10)
        get_logger('child').info('child'); flush(); os._exit(0)
for n in range(20): assert os.wait()[1] == 0
os._exit(0)
"""
    for work in ("get_loggers", "set_up"):
        assert start(code, file, work).wait(60) == 0
    assert len(lines_in(file)) == 40


def test_eight_threads_and_a_thousand_tasks_never_mix(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    code = """
import asyncio, threading
async def call(name):
    set_call_context(call_id=name)
    for _ in range(2):
        await asyncio.sleep(0)
        log.info('turn', extra={'id': name})
async def everyone(prefix, count): await asyncio.gather(*(call(f'{prefix}_{n}') for n in range(count)))
threads = [threading.Thread(target=lambda k=k: asyncio.run(everyone(k, 125))) for k in range(8)]
for t in threads: t.start()
asyncio.run(everyone('main', 1000))
for t in threads: t.join()
"""
    assert start(code, file).wait(60) == 0
    lines = lines_in(file)
    assert len(lines) == 4000
    assert [line for line in lines if line["call_id"] != line["id"]] == []


_HEARS_OF_A_HANGUP = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
"""Also where the suite itself was started with nohup, which is inherited."""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os.kill(os.getpid(), 15)", -15),
        ("os.kill(os.getpid(), signal.SIGHUP)", -1),
        ("raise SystemError", 1),
        ("sys.exit(3)", 3),
    ],
)
def test_whatever_ends_a_process_in_order_loses_nothing(tmp_path: Path, end: str, code: int) -> None:
    """SIGTERM, and SIGHUP of a closed terminal, still end it as signals do."""
    file = tmp_path / "agent.log"
    process = subprocess.run(
        [sys.executable, "-c", f"{_HEARS_OF_A_HANGUP}{PREAMBLE}for n in range(1000): log.info('n')\n{end}"],
        env={**os.environ, "LOG_FILE": str(file)},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    assert process.returncode == code
    assert len(lines_in(file)) == 1000


def test_somebody_elses_handler_of_sigterm_stays_in_place() -> None:
    code = (
        "import os, sys, signal\nsignal.signal(15, lambda *_: sys.exit(7))\n"
        "from core.logging_config import *\nget_logger('api').info('n')\nos.kill(os.getpid(), 15)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=30, check=False, capture_output=True
    )
    assert done.returncode == 7
    assert b'"n"' in done.stdout


def test_a_process_that_ignores_a_closed_terminal_goes_on(tmp_path: Path) -> None:
    """As nohup starts it."""
    code = f"import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n{PREAMBLE}log.info('n')\n"
    code += "os.kill(os.getpid(), signal.SIGHUP)\nlog.info('on')"
    file = tmp_path / "agent.log"
    env = {**os.environ, "LOG_FILE": str(file)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, timeout=30, check=True)
    assert [line["message"] for line in lines_in(file)] == ["n", "on"]


@pytest.mark.full
@pytest.mark.alone
def test_a_killed_process_loses_at_most_the_last_moment(tmp_path: Path) -> None:
    """Of five kills the middle one loses 50 ms at most; a machine busy with other things may stretch one."""
    losses = sorted(_seconds_lost_by_a_kill(tmp_path / f"{number}.log", number) for number in range(5))
    assert losses[2] <= 0.05, losses
    assert losses[-1] <= 0.5, losses


def _seconds_lost_by_a_kill(file: Path, number: int) -> float:
    """How long before the kill the first line was logged that the file does not have."""
    code = """
n = 0
while True:
    log.info('line', extra={'n': n})
    os.write(1, f"{time.time()} {n}\\n".encode())
    n += 1
    time.sleep(0.001)
"""
    ours, its = os.pipe()
    with os.fdopen(ours) as stdout:
        with os.fdopen(its, "w") as given:
            process = start(code, file, stdout=given)
        said = [stdout.readline()]
        time.sleep(0.5 + number * 0.007)  # at another moment between two writes each time
        killed_at = time.time()
        process.kill()
        said += stdout.read().splitlines()[:-1]
    logged = {int(n): float(at) for at, n in (line.split() for line in said)}
    whole = [line for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    written = {json.loads(line)["n"] for line in whole}
    assert len(written) > 50
    return killed_at - min((at for n, at in logged.items() if n not in written), default=killed_at)
