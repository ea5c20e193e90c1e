"""The loggers of components: the stdlib's, with a shorter way where nobody but our handler listens."""

import logging
import sys
import threading
from collections.abc import Mapping
from logging import Logger, LogRecord
from time import time
from types import FrameType
from typing import Any

from core.logs.context import current
from core.logs.event import FIXED, TAKEN, copied, formatted
from core.logs.handler import UNREADABLE, WriterHandler
from core.logs.plain import safe_repr
from core.logs.writer import LogWriter

NAMESPACE = "voice_agent"
"""Our loggers live below this name, so that an application's own getLogger("api") stays its own."""

_ROOT = logging.getLogger()
_OURS = logging.getLogger(NAMESPACE)
_LOGGING_FILE = logging._srcfile  # noqa: SLF001 - as the stdlib itself recognises its own frames
_CALL_HANDLERS, _HANDLE = Logger.callHandlers, Logger.handle
_all_fixed = FIXED.issuperset
_frame = sys._getframe  # noqa: SLF001 - a documented function
_context = current.get
_making = threading.Lock()


def component_logger(component: str) -> Logger:
    """The logger of a component; an application's own logger class stays what it is."""
    with _making:
        before = logging.getLoggerClass()
        logging.setLoggerClass(ComponentLogger)
        try:
            return logging.getLogger(f"{NAMESPACE}.{component}")
        finally:
            logging.setLoggerClass(before)


class ComponentLogger(Logger):
    """A stdlib logger that hands a tuple to the writer where the stdlib would build a LogRecord.

    As soon as anything else wants to see the record (a further handler, a filter, a record factory, a
    patched ``Logger.handle`` or ``callHandlers``), there is one, and everything goes the stdlib's way.
    """

    writer: LogWriter
    handler: WriterHandler

    def _log(
        self,
        level: int,
        msg: object,
        args: Any,  # noqa: ANN401 - as in the stdlib
        exc_info: Any = None,  # noqa: ANN401 - as in the stdlib
        extra: Mapping[str, object] | None = None,
        stack_info: bool = False,
        stacklevel: int = 1,
    ) -> None:
        if not exc_info and not stack_info and self._has_no_other_listener():
            frame = _frame().f_back.f_back if stacklevel == 1 else _counted(stacklevel)  # type: ignore[union-attr]
            code = frame.f_code if frame else None
            if frame and code and code.co_filename != _LOGGING_FILE:
                try:
                    if type(msg) is not str or not _all_fixed(map(type, args)):
                        msg, args = formatted(msg, args), ()
                    if type(extra) is dict and _all_fixed(map(type, extra.values())):
                        extra = extra.copy()
                    elif extra is not None:
                        extra = copied(extra)
                    self.writer.put(
                        level,
                        (
                            time(),
                            level,
                            self.name,
                            msg,
                            args,
                            _context(),
                            extra,
                            code,
                            frame.f_lasti,
                            None,
                            None,
                        ),
                    )
                except Exception:  # noqa: BLE001 - the stack or the memory may be at its end
                    self.writer.lose(1, UNREADABLE)
                return
        super()._log(level, msg, args, exc_info, extra, stack_info, stacklevel + 1)

    def _has_no_other_listener(self) -> bool:
        ours, handler = _OURS.handlers or _ROOT.handlers, self.handler
        return (
            len(ours) == 1
            and ours[0] is handler
            and not self.handlers
            and self.parent is _OURS
            and self.propagate
            and (ours is not _OURS.handlers or not _ROOT.handlers or not _OURS.propagate)
            and not self.filters
            and not handler.filters
            and not handler.level
            and Logger.callHandlers is _CALL_HANDLERS
            and Logger.handle is _HANDLE
            and logging._logRecordFactory is LogRecord  # type: ignore[attr-defined]  # noqa: SLF001
        )

    def makeRecord(  # noqa: N802 - the stdlib's name
        self,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,  # noqa: ANN401 - as in the stdlib
        exc_info: Any,  # noqa: ANN401 - as in the stdlib
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> LogRecord:
        """A record with the extras as attributes, ``extra_name`` where ``name`` is the record's own."""
        try:
            record = super().makeRecord(name, level, fn, lno, msg, args, exc_info, func, None, sinfo)
        except Exception:  # noqa: BLE001 - the stdlib looks into an argument that is alone
            text = formatted(msg, args)
            record = super().makeRecord(name, level, fn, lno, text, (), exc_info, func, None, sinfo)
        if extra is not None:
            fields = extra if type(extra) is dict else copied(extra)
            for key, value in fields.items():
                free = key if type(key) is str else safe_repr(key)
                record.__dict__[f"extra_{free}" if free in TAKEN else free] = value
        return record


def _counted(stacklevel: int) -> FrameType | None:
    """The frame that a caller of ``info(stacklevel=…)`` means; None where the stdlib has to find it."""
    frame: FrameType | None = _frame(3)
    for _ in range(stacklevel - 1):
        if frame is None or frame.f_code.co_filename == _LOGGING_FILE:
            return None
        frame = frame.f_back
    return frame if stacklevel > 0 else None
