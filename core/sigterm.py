"""SIGTERM and SIGHUP: what has to be done before one of them ends the process."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)
_acts: list[Callable[[], object]] = []


def before_sigterm(act: Callable[[], object]) -> None:
    """Run an action before SIGTERM, or SIGHUP of a closed terminal, ends the process as usual.

    The latest action runs first. Nothing is done if somebody else handles the signal, or ``nohup`` ignores
    it. Only the main thread can install it; actions registered on other threads take effect once that has
    happened.
    """
    _acts.append(act)
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    for act in reversed(_acts):
        with suppress(Exception):
            act()
    os.kill(os.getpid(), number)
