"""The process that owns the embedded ``mongod``: starts it, and stops it after its last user.

``python -m core.storage.server.supervisor DATA_DIR``, started by :mod:`core.storage.server.embedded`.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from core.storage.server.embedded import find_mongod
from core.storage.server.folder import (
    MAX_SOCKET_PATH_BYTES,
    EmbeddedServerError,
    Folder,
    is_in_place,
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
"""How much of the cache may wait to be written out, percent. Of a cache this small the server's own 5 %, and
2.5 % of updates, are less than a second of recording: the same pages were written over and over."""


class Supervisor:
    """Starts or adopts the server of one DATA_DIR and ends it when nobody uses it any more."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._stopping = False
        self._lock: int | None = None
        self._last: int | None = None

    def run(self) -> int:
        """Keep the server running while it has users; the exit code of the process."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._lock = lock(self._folder.supervisor_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if self._lock is None:
            return 0  # another supervisor is at work
        try:
            while not self._abandoned():
                if not self._alive():
                    self._start_or_adopt()
                time.sleep(POLL_SECONDS)
        except (EmbeddedServerError, OSError) as error:
            if self._was_moved():
                return 1
            with contextlib.suppress(OSError):  # a full disk takes not even the reason
                self._folder.error.write_text(str(error), encoding="utf-8", errors="backslashreplace")
            return 1
        finally:
            self._end_server()
        return 0

    def _abandoned(self) -> bool:
        """Whether nobody uses the server any more, or this process was told to stop.

        The users' lock is then held until we have ended, so that a newcomer waits and starts afresh.
        """
        if self._last is None and not self._was_moved():
            self._last = lock(self._folder.users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._stopping or self._last is not None or self._was_moved()

    def _was_moved(self) -> bool:
        """Whether the folder is elsewhere by now: whatever is at its path is not ours to touch."""
        return self._lock is not None and not is_in_place(self._lock, self._folder.supervisor_lock)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        if self._pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, 0)
            return True
        return False

    def _start_or_adopt(self) -> None:
        self._child = None
        self._pid = self._adopted()
        if self._pid is None:
            self._start()

    def _adopted(self) -> int | None:
        """The server that a killed supervisor left behind, once it answers; one that never does is ended."""
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
        socket = self._choose_socket()
        # Written down first: who replaces this process while the server starts has to find it.
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
        # Crash recovery may take long: wait as long as it lives and somebody waits for it.
        while server_pid(self._folder, socket) is None:
            if self._child.poll() is not None:
                if self._child.returncode == DB_PATH_IN_USE and not self._folder.held_by_another:
                    return  # the next round adopts the one that was faster, or starts afresh
                raise EmbeddedServerError(self._why_it_ended())
            if self._abandoned():
                return
            time.sleep(0.05)

    def _why_it_ended(self) -> str:
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
        """Inside DATA_DIR where the path is short enough, else in a new private folder."""
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
        if self._child is None and self._pid is None and not self._was_moved():
            self._pid = self._folder.owner_pid  # its supervisor was killed, and then its last user
        pid = self._child.pid if self._child is not None else self._pid
        if pid is not None and self._alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + END_SECONDS
            while self._alive():
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)  # its journal has everything that was acknowledged
                time.sleep(0.02)
        if not self._was_moved():
            self._folder.remove_socket()


def main() -> int:
    """Run the supervisor of the DATA_DIR named on the command line."""
    os.umask(0o077)
    return Supervisor(Folder(Path(sys.argv[1]))).run()


if __name__ == "__main__":
    sys.exit(main())
