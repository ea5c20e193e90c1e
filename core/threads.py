"""Start background threads without letting one that cannot start break a call; pools and locks for forks.

A forked child starts afresh, since the threads and locks it inherits belong to its parent.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from _thread import RLock

T = TypeVar("T")
P = ParamSpec("P")


class Threads:
    """A pool of threads."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=self._size, thread_name_prefix=self._name)

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it on a thread.

        Raises:
            RuntimeError: the interpreter is shutting down.
        """
        return self._pool.submit(work, *args, **kwargs)


def start_daemon(name: str, target: Callable[..., object], *args: object) -> threading.Thread | None:
    """Start a daemon thread and return it; None where the system starts no more threads.

    That is so at a container's limit of processes, and while the interpreter ends: Python 3.12.0 to 3.12.2
    refuse even what exit functions start, and 3.11 waits for ever for what a last ``__del__`` starts.
    """
    if sys.is_finalizing():
        return None
    thread = threading.Thread(target=target, args=args, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread


def fork_safe_lock() -> threading.Lock:
    """Return a lock that is free in a forked child, whichever of its parent's threads held it."""
    lock = threading.Lock()
    os.register_at_fork(after_in_child=lock._at_fork_reinit)  # type: ignore[attr-defined] # noqa: SLF001 (as threading does)
    return lock


def fork_safe_rlock() -> "RLock":
    """Return such a lock that its holder may take again, as a signal handler in between may."""
    lock = threading.RLock()
    os.register_at_fork(after_in_child=lock._at_fork_reinit)  # type: ignore[attr-defined] # noqa: SLF001 (as threading does)
    return lock


def at_child_end(action: Callable[[], object]) -> None:
    """Run an action before this child of ``multiprocessing`` ends: a forked one runs no atexit functions.

    Call it in the child, once it has begun; in any other process it does nothing.
    """
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, action, exitpriority=10)  # before the log is flushed
