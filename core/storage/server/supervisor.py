"""The process that owns the embedded ``mongod``: starts it, and stops it after its last user has gone.

Run as ``python -m core.storage.server.supervisor DATA_DIR`` by :mod:`core.storage.server.embedded`.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType

from core.storage.server.embedded import find_mongod
from core.storage.server.folder import (
    MAX_SOCKET_PATH_BYTES,
    EmbeddedServerError,
    Folder,
    born,
    is_in_place,
    is_running,
    lock,
    server_pid,
)

POLL_SECONDS = 0.25
ORPHAN_SECONDS = 10.0
END_SECONDS = 60.0
DB_PATH_IN_USE = 100  # mongod's exit code
MAX_LOG_BYTES = 20 * 1024 * 1024
CACHE_GB = "0.5"
EVICTION = (
    "eviction_dirty_target=50,eviction_dirty_trigger=70,"
    "eviction_updates_target=40,eviction_updates_trigger=50"
)
"""Share of the cache that may be dirty, in percent. With a cache this small the server's defaults (5 %, and
2.5 % of updates) amount to less than a second of recording, so the same pages were written over and over."""


class Supervisor:
    """Starts or adopts the server of one DATA_DIR, and ends it once nobody uses it any more.

    There may be many users in many processes, and any of them, this process or the server may be killed at
    any time. Four things keep that safe: one lock that only one supervisor can hold; one lock that users
    share, which the supervisor can take alone only when the last user is gone; files that say which server
    belongs to this folder, written before it starts; and a second process that waits to take over, so that
    the server ends even if the supervisor and all users are killed together.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._born: bytes | None = None
        self._stopping = False
        self._lock: int | None = None
        self._last: int | None = None
        self._standby: int | None = None

    def run(self) -> int:
        """Keep the server running while it has users; return the exit code of the process.

        0: it is no longer needed, or another supervisor is at work. 1: it cannot run here, and the reason is
        in the folder's error file for the users that wait.
        """
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a user may ignore it, which is inherited
        self._lock = lock(self._folder.supervisor_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if self._lock is None:
            return 0  # another supervisor is at work
        try:
            while True:
                self._keep_a_standby()
                if self._abandoned():
                    break
                if not self._alive():
                    self._start_or_adopt()
                time.sleep(POLL_SECONDS)
        except (EmbeddedServerError, OSError) as error:
            if self._was_moved():
                return 1
            with contextlib.suppress(OSError):  # a full disk does not even take the reason
                self._folder.error.write_text(str(error), encoding="utf-8", errors="backslashreplace")
            return 1
        finally:
            self._end_server()
            self._dismiss_standby()
        return 0

    def _keep_a_standby(self) -> None:
        """Unless there is one, fork a process that waits for this one's lock, to take over as the supervisor.

        The kernel gives it the lock at the moment this process dies, however it dies. It is a fork because
        that shares this process's memory: it lives as long as the server and is seldom needed.
        """
        if self._standby is not None and os.waitpid(self._standby, os.WNOHANG) == (0, 0):
            return
        self._standby = None
        if threading.active_count() > 1:  # the driver's, for a moment yet; a fork would lose what they hold
            return
        with contextlib.suppress(OSError):  # too many processes, or the folder is gone: the next round
            waiting = os.open(self._folder.supervisor_lock, os.O_RDWR | os.O_CLOEXEC)
            child = -1
            try:
                child = os.fork()
            finally:
                if child != 0:
                    os.close(waiting)
            if child == 0:
                self._take_over(waiting)
            else:
                self._standby = child

    def _take_over(self, waiting: int) -> None:
        """Wait, in the standby, until the supervisor is dead, and take its place."""
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if self._lock is not None:
                os.close(self._lock)  # it came with the fork, and would keep the lock taken
            fcntl.flock(waiting, fcntl.LOCK_EX)
        except OSError:
            os._exit(1)  # without the lock it must not go on
        self._lock, self._child, self._pid = waiting, None, None
        signal.signal(signal.SIGTERM, self._stop)

    def _dismiss_standby(self) -> None:
        """End the standby; last of all, so that somebody ends the server if this process is killed at it."""
        if self._standby is not None:
            os.kill(self._standby, signal.SIGKILL)
            os.waitpid(self._standby, 0)

    def _abandoned(self) -> bool:
        """Return whether the last user has gone, or this process was asked to stop.

        The users' lock, once taken, is kept until this process ends: a new user then waits for the end and
        starts a fresh server, instead of joining one that is shutting down.
        """
        if self._last is None and not self._was_moved():
            self._last = lock(self._folder.users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._stopping or self._last is not None or self._was_moved()

    def _was_moved(self) -> bool:
        """Return whether the folder has been moved or replaced.

        Whatever is at its path now is not ours to touch.
        """
        return self._lock is not None and not is_in_place(self._lock, self._folder.supervisor_lock)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _alive(self) -> bool:
        """Return whether the server, started or adopted, is running."""
        if self._child is not None:
            return self._child.poll() is None
        # An adopted server is nobody's child: once it has ended, its id may be another program's.
        return self._pid is not None and is_running(self._pid) and born(self._pid) == self._born

    def _start_or_adopt(self) -> None:
        """Use the server that is already running for this folder, if there is one; start one otherwise.

        A server we started and that has since died is looked for as well: another may have taken its place.
        """
        self._child = None
        self._pid = self._adopted()
        if self._pid is None:
            self._start()
        else:
            self._born = born(self._pid)

    def _adopted(self) -> int | None:
        """Return the pid of a server that a killed supervisor left behind, once it answers; else None.

        One that does not answer within ORPHAN_SECONDS is asked to end (SIGTERM), and waited for: two servers
        must never run on one folder.
        """
        deadline = time.monotonic() + ORPHAN_SECONDS
        while True:
            if (pid := server_pid(self._folder, self._folder.socket, timeout_ms=2_000)) is not None:
                return pid
            orphan = self._folder.owner_pid
            if orphan is None or self._abandoned():
                return orphan
            if time.monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGTERM)
            time.sleep(POLL_SECONDS)

    def _start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            EmbeddedServerError: it ended at its start; the message says why and what to do.
        """
        socket = self._choose_socket()
        # Recorded before the start: if this process is killed while the server starts, its successor must be
        # able to find that server.
        self._folder.record_socket(socket)
        if self._folder.log.exists() and self._folder.log.stat().st_size > MAX_LOG_BYTES:
            self._folder.log.replace(self._folder.log.with_suffix(".log.1"))
        command = [
            *(str(find_mongod()), "--dbpath", str(self._folder.db), "--bind_ip", str(socket)),
            *("--nounixsocket", "--filePermissions", "0700", "--quiet", "--noscripting"),
            *("--logpath", str(self._folder.log), "--logappend"),
            *("--wiredTigerCacheSizeGB", CACHE_GB, "--wiredTigerEngineConfigString", EVICTION),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]
        self._child = subprocess.Popen(  # noqa: S603 (the mongod we found ourselves)
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        # Crash recovery may take long, so there is no timeout: wait while the server lives and somebody needs
        # it.
        while server_pid(self._folder, socket) is None:
            if self._child.poll() is not None:
                if self._child.returncode == DB_PATH_IN_USE and not self._folder.held_by_another:
                    return  # the next round adopts the server that was faster, or starts afresh
                raise EmbeddedServerError(self._why_it_ended())
            if self._abandoned():
                return
            time.sleep(0.05)

    def _why_it_ended(self) -> str:
        """Return why the server ended at its start, and what to do about it, in one sentence for the user."""
        output = (
            self._child.stdout.read().decode(errors="replace") if self._child and self._child.stdout else ""
        )
        if "shared librar" in output:
            library = output.split(":")[2].strip() if output.count(":") > 1 else output.strip()
            return (
                f"the embedded MongoDB needs {library}; install it "
                "(Debian: apt-get install libcurl4 libssl3), or set MONGODB_URI to a server of your own"
            )
        code = self._child.returncode if self._child else "?"
        if code == DB_PATH_IN_USE:
            return self._folder.why_not_ours
        return (
            f"the embedded MongoDB ended at its start (exit code {code}); {self._folder.log} says why. "
            "Free or change DATA_DIR, or set MONGODB_URI to a server of your own"
        )

    def _choose_socket(self) -> Path:
        """Return the socket's path: inside DATA_DIR if that is short enough, else in a new private folder.

        Unix limits the length of a socket's path (MAX_SOCKET_PATH_BYTES), and DATA_DIR may be nested deeply.
        """
        if (inside := self._folder.inside) is not None:
            return inside
        self._folder.remove_socket()
        for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 (mkdtemp is private)
            if parent and Path(parent).is_dir():
                with contextlib.suppress(OSError):
                    socket = Path(tempfile.mkdtemp(prefix="voice-agent-", dir=parent)) / "mongod.sock"
                    if len(os.fsencode(socket)) <= MAX_SOCKET_PATH_BYTES:
                        self._folder.claim(socket)
                        return socket
                    socket.parent.rmdir()
        raise EmbeddedServerError(
            "DATA_DIR is too long for a unix socket, and no temporary folder can be used"
        )

    def _end_server(self) -> None:
        """End the server: SIGTERM, then SIGKILL after END_SECONDS, and remove the socket.

        If a supervisor was killed while its server started, there may be that one and a second, ours.
        """
        own = self._child.pid if self._child is not None else self._pid
        servers = {own} if own is not None and self._alive() else set()
        if not self._was_moved():
            servers |= self._folder.server_pids()
        _signal_all(servers, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while self._alive() or any(is_running(pid) for pid in servers - {own}):
            if time.monotonic() > deadline:
                _signal_all(servers, signal.SIGKILL)  # safe: everything acknowledged is in its journal
            time.sleep(0.02)
        if not self._was_moved():
            self._folder.remove_socket()


def _signal_all(pids: set[int], which: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, which)


def main() -> int:
    """Run the supervisor of the DATA_DIR named on the command line."""
    os.umask(0o077)
    return Supervisor(Folder(Path(sys.argv[1]))).run()


if __name__ == "__main__":
    sys.exit(main())
