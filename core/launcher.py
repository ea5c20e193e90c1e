"""Runs the whole product on one machine: store, scheduler, API, dashboard, and on request a demo.

Each part is a process of its own with its output in DATA_DIR/logs. They are started and ended together:
when one ends by itself, the others are ended too and the reason is shown.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape

from core.alerting.channels.configured import configured_channels
from core.demo import surroundings
from core.demo.history import fill_history
from core.errors import UserError
from core.files import private_folder
from core.ports import address, answers, check_free
from core.settings import Settings, get_settings
from core.storage import get_sync_database
from core.storage.collections import ensure_indexes
from core.storage.server.connection import check_reachable, close_all, store_name

ROOT = Path(__file__).resolve().parents[1]
READY_WITHIN_SECONDS = 90.0
STOP_WITHIN_SECONDS = 15.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Part:
    """One process, its arguments to Python and the address that answers once it is ready."""

    name: str
    arguments: tuple[str, ...]
    ready_url: str | None = None


def _parts(settings: Settings, *, demo: bool) -> list[Part]:
    api, dashboard = address(settings.api_host, settings.api_port), f"127.0.0.1:{settings.dashboard_port}"
    parts = [
        Part("scheduler", (str(ROOT / "run_scheduler.py"),)),
        Part("api", ("-m", "core", "api"), f"http://{api}/healthz"),
        Part("dashboard", ("-m", "dashboard"), f"http://{dashboard}/_stcore/health"),
    ]
    return [*parts, Part("agent", ("-m", "core.demo.agent"))] if demo else parts


class Launcher:
    """The running parts and the wish to stop them."""

    def __init__(self, settings: Settings, parts: list[Part], console: Console) -> None:
        self._logs = settings.data_dir / "logs"
        self._parts = parts
        self._console = console
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = False

    def run(self, banner: str) -> int:
        """Start every part, show the banner, wait for a signal or for a part to end; the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores a closed terminal
            signal.signal(signal.SIGHUP, self._stop)
        try:
            with _step(self._console, "Starting the scheduler, the API and the dashboard"):
                self._start()
                ready = self._wait_until_ready()
            if ready:
                self._console.print(banner, soft_wrap=True)
            while not self._stopping and not self._ended():
                time.sleep(POLL_SECONDS)
            return self._report(self._ended())
        finally:
            self._end()

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        # A plain flag: an Event's lock may be held by the very code the signal interrupts.
        self._stopping = True

    def _start(self) -> None:
        private_folder(self._logs)
        for part in self._parts:
            with open(self._log(part.name), "ab", opener=_private) as log:
                self._running[part.name] = subprocess.Popen(  # noqa: S603 (our own programs)
                    [*_end_with_parent(), sys.executable, *part.arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C reaches the launcher alone, which ends them in order
                )

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        waiting = [part.ready_url for part in self._parts if part.ready_url]
        while waiting and not self._ended() and not self._stopping:
            time.sleep(POLL_SECONDS)
            waiting = [url for url in waiting if not answers(url)]
            if time.monotonic() > deadline:
                raise UserError(
                    f"not ready after {READY_WITHIN_SECONDS:.0f} s: {', '.join(waiting)}; see {self._logs}"
                )
        return not waiting

    def _ended(self) -> str | None:
        return next((name for name, process in self._running.items() if process.poll() is not None), None)

    def _report(self, ended: str | None) -> int:
        if ended is None:
            self._console.print("Stopping")
            return 0
        code = self._running[ended].returncode
        last = self._log(ended).read_text(errors="replace").strip().splitlines()[-1:]
        said = f"The {ended} ended (exit code {code}): {''.join(last)}\nIts output is in {self._log(ended)}"
        self._console.print(said, markup=False, soft_wrap=True)
        return 1

    def _end(self) -> None:
        """Ask the parts to end, the last started first, and end those that do not."""
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_WITHIN_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _step(console: Console, words: str) -> AbstractContextManager[object]:
    """Say what is being done: in a terminal while it lasts, elsewhere as a line that stays."""
    if console.is_terminal:
        return console.status(words)
    console.print(words)
    return nullcontext()


def _end_with_parent() -> list[str]:
    """On Linux the parts end also where the launcher is killed without a chance to end them."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv and sys.platform == "linux" else []


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _banner(settings: Settings, *, demo: bool, mail: str | None) -> str:
    api = address(settings.api_host, settings.api_port)
    lines = [
        "",
        f"  Dashboard  [bold]http://localhost:{settings.dashboard_port}[/bold]",
        f"  API        http://{api}/api/v1/analytics/metrics",
        f"  Store      {escape(store_name())}, database {settings.mongodb_database}",
        f"  Logs       {escape(str(settings.data_dir.absolute() / 'logs'))}",
    ]
    if mail:
        lines.append(f"  Mail       {mail}, what the alerts sent; none of it leaves this machine")
    if demo:
        lines.append(
            "\n  Simulated calls arrive every half minute. Speech recognition is slow right now,"
            "\n  and an alert says so. All of it stays in a database of its own."
        )
    return "\n".join([*lines, "\n  Ctrl-C stops everything.\n"])


def launch(*, demo: bool) -> int:
    """Run everything until Ctrl-C; with ``demo`` in a database of its own, fed by a simulated agent.

    Raises:
        UserError: the configuration cannot be used, a port is taken, or the store does not answer.
    """
    console = Console(highlight=False)
    if demo:
        surroundings.prepare()
    settings = get_settings()
    check_free("API", settings.api_host, settings.api_port)
    check_free("DASHBOARD", settings.dashboard_host, settings.dashboard_port)
    configured_channels(settings)  # over a mistake there the scheduler would end, and all else with it
    try:
        with _step(console, "Starting MongoDB"):
            check_reachable()
            ensure_indexes(get_sync_database())
        with surroundings.mail() if demo else nullcontext() as mail:
            if demo:
                surroundings.keep_key()
                if not console.is_terminal:  # there its progress is shown
                    console.print("Generating two weeks of calls")
                fill_history(get_sync_database(), console)
            banner = _banner(settings, demo=demo, mail=mail)
            return Launcher(settings, _parts(settings, demo=demo), console).run(banner)
    finally:
        close_all(wait_seconds=10)
