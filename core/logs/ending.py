"""SIGTERM: what is queued is written before the process ends of it."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


def before_sigterm(act: Callable[[], object]) -> None:
    """Do something before SIGTERM ends the process as it would have; nothing where it is handled already.

    Only in the main thread, the one that may: elsewhere it is left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        try:
            act()
        finally:
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)
