"""Threads and locks that a forked child makes afresh: those it inherits are its parent's."""

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
        """Have a thread do it.

        Raises:
            RuntimeError: the interpreter is ending.
        """
        return self._pool.submit(work, *args, **kwargs)


class Guard:
    """A lock, for ``with``."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_exc: object) -> None:
        self._lock.release()
