"""The files of an embedded server below DATA_DIR, and whether a server that answers uses these files.

A folder may be copied with everything in it, including the recorded socket and lock files with process ids.
So neither is trusted: before a server is used, adopted or ended, it is asked which files it has open.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextvars import Context
from pathlib import Path
from urllib.parse import quote

from core.errors import UserError
from core.files import refuse_foreign

MAX_SOCKET_PATH_BYTES = 107  # size of sockaddr_un, without the terminating zero
NEEDED_BYTES = 300_000_000
"""Free disk space the server needs from the first record on."""
_START = 19
"""Place of a process's start in its line of /proc, counted from after its name."""
_OWNER = "folder"
"""Name of the file next to a socket outside DATA_DIR that says whose socket it is."""


class EmbeddedServerError(UserError):
    """The embedded server cannot run here; the text names the ways out."""


class Folder:
    """The files of one embedded server, all below DATA_DIR."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir.expanduser().resolve() / "mongodb"
        self.db = self.root / "db"
        self.log = self.root / "mongod.log"
        self.error = self.root / "error"
        self.users_lock = self.root / "users.lock"
        self.supervisor_lock = self.root / "supervisor.lock"
        self._socket_record = self.root / "socket"

    def create(self) -> None:
        """Make the folders, for their owner only.

        Refuses what another user made or can write to, because the server in it would be that user's.

        Raises:
            EmbeddedServerError: DATA_DIR cannot be written, or is not this user's alone.
        """
        try:
            refuse_foreign(self.root.parent, shared=True)
            for path in (self.root, self.db, self._socket_record, self.users_lock, self.supervisor_lock):
                refuse_foreign(path)
            self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
            self.db.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self.unusable(error) from None

    def unusable(self, error: OSError) -> EmbeddedServerError:
        """Return the message for a DATA_DIR that cannot be written."""
        # If only a part of it is not ours alone, name that part.
        which = f"{error.filename}: " if isinstance(error, PermissionError) and error.filename else ""
        return EmbeddedServerError(
            f"DATA_DIR {self.root.parent} cannot be used ({which}{error.strerror}); "
            "set DATA_DIR to a folder you own"
        )

    def why_it_ended(self) -> str:
        """Return what its supervisor wrote down; a full disk may have taken not even that."""
        if said := self.error.read_text(encoding="utf-8"):
            return said
        free = shutil.disk_usage(self.root).free
        full = (
            f"only {free / 1e6:,.0f} MB are free there" if free < NEEDED_BYTES else f"{self.log} may say why"
        )
        return (
            f"the embedded MongoDB ended at its start in {self.root}: {full}; make room, or change DATA_DIR"
        )

    @property
    def inside(self) -> Path | None:
        """Return the socket's path inside DATA_DIR; None if that path is unsuitable for a socket."""
        socket = self.root / "mongod.sock"
        # mongod splits its addresses at commas and takes brackets for IPv6, clients take what follows a colon
        # for a port, and non-ASCII names are spelled differently in another locale.
        plain = str(socket).isascii() and not set(",:[]") & set(str(socket))
        return socket if plain and len(os.fsencode(socket)) <= MAX_SOCKET_PATH_BYTES else None

    @property
    def socket(self) -> Path | None:
        """Return where the running server listens, as its supervisor recorded it for this very folder."""
        try:
            refuse_foreign(self._socket_record)
            socket = Path(os.fsdecode(self._socket_record.read_bytes()))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None
        return socket if socket.parent == self.root or self._claimed(socket) else None

    def record_socket(self, socket: Path) -> None:
        """Record where the server listens, atomically for readers."""
        draft = self._socket_record.with_suffix(".new")
        draft.write_bytes(os.fsencode(socket))
        draft.replace(self._socket_record)

    def claim(self, socket: Path) -> None:
        """Record next to a socket outside DATA_DIR that it belongs to this folder."""
        (socket.parent / _OWNER).write_bytes(os.fsencode(self.root))

    def _claimed(self, socket: Path) -> bool:
        try:
            refuse_foreign(socket.parent)
            return (socket.parent / _OWNER).read_bytes() == os.fsencode(self.root)
        except OSError:
            return False

    def remove_socket(self) -> None:
        """Remove the socket and its record; if it is another folder's, only our copy of the record."""
        if (socket := self.socket) is not None:
            with contextlib.suppress(OSError):
                socket.unlink(missing_ok=True)
            if socket.parent != self.root:
                shutil.rmtree(socket.parent, ignore_errors=True)
        self._socket_record.unlink(missing_ok=True)

    @property
    def owner_pid(self) -> int | None:
        """Return the id of the process that has the database files locked, if it was started on them."""
        pid = self._holder_pid()
        return pid if pid is not None and self._is_served_by(pid) else None

    def server_pids(self) -> set[int]:
        """Return the ids of the servers started on these files, also of one that has not locked them yet."""
        return {pid for pid, arguments in _own_processes() if self._is_own(arguments)}

    @property
    def held_by_another(self) -> bool:
        """Return whether a server started on other files has these locked: they are hard links to its own."""
        pid = self._holder_pid()
        return pid is not None and not self._is_served_by(pid)

    @property
    def why_not_ours(self) -> str:
        """Return the message for database files that are being served for another folder."""
        return (
            f"the database files in {self.db} are in use by the server of another folder: "
            "are they hard links to its files? Copy them instead"
        )

    def _holder_pid(self) -> int | None:
        file = self.db / "mongod.lock"  # mongod locks this file and writes its pid into it
        if not file.exists():
            return None
        descriptor = lock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if descriptor is not None:
            os.close(descriptor)
            return None
        text = file.read_text().strip()
        return int(text) if text.isdigit() else None

    def _is_served_by(self, pid: int) -> bool:
        return any(_same(Path(part), self.db) for part in _arguments(pid) if part.startswith("/"))

    def _is_own(self, arguments: list[str]) -> bool:
        files = _database_files(arguments)
        return files is not None and _same(Path(files), self.db)


def data_dirs_in_use(but: Path | None) -> list[Path]:
    """Return the DATA_DIRs on this machine, except one, whose embedded servers run as the same user."""
    databases = {Path(files) for _, arguments in _own_processes() if (files := _database_files(arguments))}
    found = {db.parents[1] for db in databases if db.parts[-2:] == ("mongodb", "db")}
    return sorted(path for path in found if but is None or not _same(path, but.expanduser()))


def is_running(pid: int) -> bool:
    """Return whether a process is alive; one that ended and that nobody has waited for is not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except ProcessLookupError:
        return False
    except OSError:  # a system without /proc, whose first process waits for all
        return True
    return state != b"Z"


def born(pid: int) -> bytes | None:
    """Return what tells a process from a later one with the same id: its start. None without /proc."""
    try:
        _, _, after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")
        return after_name.split()[_START]
    except (OSError, IndexError):
        return None


def _own_processes() -> Iterator[tuple[int, list[str]]]:
    """Yield the ids and command lines of this user's processes."""
    processes = Path("/proc")
    if not (processes / "self").exists():
        ids = subprocess.run(["/bin/ps", "x", "-o", "pid="], capture_output=True, text=True, check=False)
        yield from ((int(pid), _arguments(int(pid))) for pid in ids.stdout.split())
        return
    for process in processes.iterdir():
        with contextlib.suppress(OSError):  # it ended meanwhile
            if process.name.isdigit() and process.stat().st_uid == os.geteuid():
                yield int(process.name), _arguments(int(process.name))


def _database_files(arguments: list[str]) -> str | None:
    """Return where a server's files are; None if this is the command line of something else."""
    if len(arguments) < 2:  # noqa: PLR2004 (ps names the files only; nothing, what has ended)
        return next((path for path in arguments if path.startswith("/")), None)
    ours = Path(arguments[0]).name == "mongod" and "--dbpath" in arguments[:-1]
    return arguments[arguments.index("--dbpath") + 1] if ours else None


def _arguments(pid: int) -> list[str]:
    """Return the command line of a process."""
    try:
        return [os.fsdecode(part) for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
    except OSError:
        if Path("/proc/self").exists():
            return []
    asked = subprocess.run(  # noqa: S603 (a number of our own making)
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    _, _, after = asked.stdout.strip().partition("--dbpath ")
    return [after.partition(" --")[0]]


def is_in_place(descriptor: int, path: Path) -> bool:
    """Return whether an open file is still the one at its path, and its folder was not moved away."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # a disk that does not answer right now has not moved
        return True


def lock(path: Path, operation: int) -> int | None:
    """Open ``path`` and lock it; return the descriptor that holds the lock, or None if it is taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def socket_uri(socket: Path) -> str:
    """Return the MongoDB URI of a unix socket."""
    return f"mongodb://{quote(os.fsencode(socket), safe='')}/?directConnection=true"


def server_pid(folder: Folder, socket: Path | None, timeout_ms: int = 500) -> int | None:
    """Return the process id of the server that answers on the socket, if its files are the folder's."""
    if socket is None or not socket.exists():
        return None
    # A caller's deadline must not make a healthy server look dead.
    pid, path = Context().run(_ask, socket, timeout_ms)
    return pid if path is not None and _same(path, folder.db) else None


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _ask(socket: Path, timeout_ms: int) -> tuple[int | None, Path | None]:
    """Return process id and database files of the server that answers on a socket."""
    from pymongo import MongoClient  # noqa: PLC0415 (kept out of the start of processes that have a URI)
    from pymongo.errors import PyMongoError  # noqa: PLC0415 (kept out of the start of processes that have a URI)

    client: MongoClient[dict[str, object]] = MongoClient(
        socket_uri(socket), serverSelectionTimeoutMS=timeout_ms, socketTimeoutMS=5_000
    )
    try:
        status = client.admin.command("serverStatus", repl=0, metrics=0)
        options = client.admin.command("getCmdLineOpts")
        return int(str(status["pid"])), Path(str(options["parsed"]["storage"]["dbPath"]))
    except (PyMongoError, KeyError, TypeError):
        return None, None
    finally:
        client.close()
