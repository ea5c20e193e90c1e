"""Threads and locks that start fresh in a forked child, since those it inherits belong to its parent."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

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


def fork_safe_lock() -> threading.Lock:
    """Return a lock that is free in a forked child, whichever of its parent's threads held it."""
    lock = threading.Lock()
    os.register_at_fork(after_in_child=lock._at_fork_reinit)  # type: ignore[attr-defined] # noqa: SLF001 (as threading does)
    return lock
