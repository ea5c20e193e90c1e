"""SIGTERM: what has to be done before the process ends of it."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

_acts: list[Callable[[], object]] = []


def before_sigterm(act: Callable[[], object]) -> None:
    """Do something before SIGTERM ends the process as it would have, the last thing asked for first.

    Nothing is done where somebody else handles it. Only the main thread may see to it; what other threads
    ask for is done once that has.
    """
    _acts.append(act)
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    for act in reversed(_acts):
        with suppress(Exception):
            act()
    os.kill(os.getpid(), number)
