"""Python programs in processes of their own that start in hundredths of a second.

A fresh interpreter takes most of a second to load the product. These are forked from one that has loaded it
and done nothing else: each has its own arguments, folder, environment and streams, and ends as every Python
program ends. Where the start itself is looked at (what is imported, what came before) start a fresh one.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
LOGS = ("core.logging_config",)
"""What an agent loads that logs."""
PRODUCT = ("core.cli", "core.aggregation.frames", "core.alerting.check", "core.doctor", "core.erasure")
"""What the commands load, and what they load later on."""
_NUMBER_BYTES = 4


class Process:
    """A running program, for what ``subprocess.Popen`` is used for."""

    def __init__(
        self,
        arguments: Sequence[str],
        streams: Sequence[IO[Any]],
        *,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        loaded: Sequence[str] = PRODUCT,
    ) -> None:
        """Start ``python *arguments`` (``-c``, ``-m`` or a script) with these as stdin, stdout, stderr."""
        self.arguments = list(arguments)
        self.returncode: int | None = None
        self._told, tells = os.pipe()
        with TemporaryFile("w+") as request:
            json.dump([self.arguments, str(cwd), dict(os.environ if env is None else env)], request)
            request.seek(0)
            files = [request.fileno(), *(stream.fileno() for stream in streams), tells]
            socket.send_fds(_loader(*loaded), [b"!"], files)
        os.close(tells)
        self.pid = self._number()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, negative for a signal, once it ended; raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.arguments, timeout or 0)
            self.returncode = self._number()
            os.close(self._told)
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def _number(self) -> int:
        return int.from_bytes(os.read(self._told, _NUMBER_BYTES), "big", signed=True)


def run(
    arguments: Sequence[str],
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
    check: bool = False,
    loaded: Sequence[str] = PRODUCT,
) -> subprocess.CompletedProcess[str]:
    """Run ``python *arguments`` to its end and return what it printed, as ``subprocess.run`` does."""
    with Path(os.devnull).open() as nothing, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = Process(arguments, [nothing, out, err], cwd=cwd, env=env, loaded=loaded)
        try:
            process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        done = subprocess.CompletedProcess(process.arguments, process.wait(), out.read(), err.read())
    if check:
        done.check_returncode()
    return done


@cache
def _loader(*modules: str) -> socket.socket:
    """Where a process that has loaded the modules takes requests; it ends with this one."""
    ours, its = socket.socketpair()
    with its:
        command = [sys.executable, "-m", "tests.forked", str(its.fileno()), *modules]
        subprocess.Popen(command, cwd=ROOT, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
    return ours


def _fork_for_each(requests: socket.socket) -> list[int]:
    """Return in a new process for each request, with its files; one more process tells how that one ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, files, *_ = socket.recv_fds(requests, 1, 5)
        if not message:
            os._exit(0)
        if not os.fork():
            break
        for file in files:
            os.close(file)
    requests.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *given, tells = files
    if program := os.fork():
        for file in (*given, 0, 1, 2):
            os.close(file)
        os.write(tells, program.to_bytes(_NUMBER_BYTES, "big"))
        code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
        os.write(tells, code.to_bytes(_NUMBER_BYTES, "big", signed=True))
        os._exit(0)
    os.close(tells)
    return given


def _load(*names: str) -> bool:
    """Import modules; return whether one set up logging, which is put off to when there is an environment."""
    from core import logging_config

    asked: list[None] = []
    set_up = logging_config._set_up_implicitly
    logging_config._set_up_implicitly = lambda: asked.append(None)
    for name in names:
        importlib.import_module(name)
    logging_config._set_up_implicitly = set_up
    gc.collect()
    gc.freeze()
    return bool(asked)


def _become(request: int, *streams: int, logs: bool) -> None:
    """Run what is asked for as if this process had been started for it."""
    with os.fdopen(request) as file:
        (how, *rest), folder, environment = json.load(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1 if os.isatty(1) else -1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.path[0] = ""
    if logs:
        from core.logging_config import get_logger

        get_logger("api")
    if how == "-c":
        code, sys.argv = rest[0], ["-c", *rest[1:]]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), main.__dict__)  # noqa: S102 (as -c does)
    elif how == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [how, *rest]
        runpy.run_path(how, run_name="__main__")


if __name__ == "__main__":
    requests = socket.socket(fileno=int(sys.argv[1]))
    logs = _load(*sys.argv[2:])
    _become(*_fork_for_each(requests), logs=logs)
