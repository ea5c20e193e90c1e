"""Loggers of components: the stdlib's, with a shortcut while only our handler is listening."""

import logging
import sys
from collections.abc import Mapping
from logging import Logger, LogRecord
from time import time
from types import FrameType
from typing import Any, ClassVar

from core.logs.context import current
from core.logs.event import FIXED, TAKEN, copied, formatted
from core.logs.handler import NAMESPACE, UNREADABLE, LibraryHandler, WriterHandler
from core.logs.outward import masked
from core.logs.sanitize import safe_repr
from core.logs.writer import HURRY_AT, LogWriter

_ROOT = logging.getLogger()
_OURS = logging.getLogger(NAMESPACE)
_LOGGING_FILE = logging.addLevelName.__code__.co_filename
"""How the stdlib recognises its own frames; all code of a module shares this one object."""
_CALL_HANDLERS, _HANDLE = Logger.callHandlers, Logger.handle
_all_fixed = FIXED.issuperset
_frame = sys._getframe  # noqa: SLF001 (a documented function)
_context = current.get


def component_logger(component: str) -> Logger:
    """Return the logger of a component; an application's own logger class stays in place.

    The class is set and restored, because ``logging`` offers no other way to choose it: under the lock of
    ``logging`` itself, so that no other thread makes a logger in between, and no process is forked.
    """
    name = f"{NAMESPACE}.{component}"
    known = Logger.manager.loggerDict.get(name)
    if isinstance(known, Logger):
        return known
    with logging._lock:  # type: ignore[attr-defined]  # noqa: SLF001 (nothing public takes it)
        before = logging.getLoggerClass()
        logging.setLoggerClass(ComponentLogger)
        try:
            return logging.getLogger(name)
        finally:
            logging.setLoggerClass(before)


def _level_method(level: int) -> Any:  # noqa: ANN401, C901 (has the type of the method it replaces)
    """Return the method that logs at ``level``: the stdlib's semantics in one frame instead of three.

    The method is built per level so that the level is a constant in it. It queues a tuple and returns;
    masking, formatting and writing happen later, on the writer's thread. It takes that shortcut only while
    the result cannot be told from the stdlib's. If anyone could notice a difference (another handler, a
    filter, a record factory, a patched method, a traceback to format), it calls ``self._log`` instead, which
    is the stdlib's own path. To change this method, keep two rules: it never raises and never blocks, and
    every new shortcut needs its condition in the list below.
    """
    quiet = level < logging.ERROR

    def log(  # noqa: C901, PLR0912 (each function called from here costs a third as much as all of it)
        self: "ComponentLogger",
        msg: object,
        *args: object,
        exc_info: Any = None,  # noqa: ANN401 (as in the stdlib)
        extra: Mapping[str, object] | None = None,
        stack_info: bool = False,
        stacklevel: int = 1,
    ) -> None:
        try:
            if self.silenced or not self._cache[level]:  # type: ignore[attr-defined]
                return
        except KeyError:
            if not self.isEnabledFor(level):
                return
        try:
            frame = _frame(1) if stacklevel == 1 else _counted(stacklevel)
        except ValueError:  # not called from Python code, as by atexit
            frame = None
        handler = self.handler
        # Take the stdlib's path if anyone else may want to see the record.
        if (
            exc_info
            or stack_info
            # Another handler listens: on our namespace, on the root logger, or on this logger.
            or _OURS.handlers != self.alone
            or (_ROOT.handlers and _ROOT.handlers != self.beside and _OURS.propagate)
            or self.handlers
            or self.filters
            # Our own handler was given a filter or a level.
            or handler.filters
            or handler.level
            # A logger of somebody's own stands in between, or propagation is off.
            or self.parent is not _OURS
            or not self.propagate
            # Another library patched logging (as tracers do) or builds records of its own.
            or Logger.callHandlers is not _CALL_HANDLERS
            or Logger.handle is not _HANDLE
            or logging._logRecordFactory is not LogRecord  # type: ignore[attr-defined]  # noqa: SLF001 (nothing public says it)
            # There is no caller to name, or the stdlib itself called us (logging.info, LoggerAdapter).
            or frame is None
            or (code := frame.f_code).co_filename is _LOGGING_FILE
        ):
            self._log(level, msg, args, exc_info, extra, stack_info, stacklevel + 1)
            return
        writer = self.writer
        try:
            # Whatever the caller could still change is formatted or copied now; everything else waits for the
            # writer.
            if type(msg) is not str or (args and not _all_fixed(map(type, args))):
                msg, args = formatted(msg, args), ()
            if extra is not None:
                if type(extra) is dict:
                    extra = extra.copy()
                    for value in extra.values():
                        if type(value) not in FIXED:
                            extra = copied(extra)
                            break
                else:
                    extra = copied(extra)
            active_span = writer.active_span if writer.calm else writer.find_span()
            span = active_span() if active_span is not None else None
            at = frame.f_lasti
            event = (time(), level, self.name, msg, args, _context(), extra, code, at, None, None, span)
            # The thread is awake and looks at the queue within 20 ms: appending is enough, and waking it
            # would cost more than all of the above.
            if quiet and writer.calm and len(queue := writer.queue) < HURRY_AT:
                queue.append(event)
            else:
                writer.put(level, event)
        except Exception:  # noqa: BLE001 (the stack or the memory may be at its end)
            writer.lose(1, UNREADABLE)

    return log


class ComponentLogger(Logger):
    """A stdlib logger that hands a tuple to the writer where the stdlib would build a LogRecord.

    As soon as anything else wants to see the record (another handler, a filter, a record factory, a patched
    ``Logger.handle`` or ``callHandlers``), a record is built and everything goes the stdlib's way.
    """

    writer: ClassVar[LogWriter]
    handler: ClassVar[WriterHandler]
    alone: ClassVar[list[logging.Handler]]
    beside: ClassVar[list[logging.Handler]]
    silenced = False

    debug = _level_method(logging.DEBUG)
    info = _level_method(logging.INFO)
    warning = _level_method(logging.WARNING)
    error = _level_method(logging.ERROR)
    critical = _level_method(logging.CRITICAL)

    def log(self, level: int, msg: object, *args: object, stacklevel: int = 1, **options: Any) -> None:  # noqa: ANN401 (as in the stdlib)
        """Log at a level given as a number, with the stdlib's options."""
        method = _METHODS.get(level)
        if method is None:
            super().log(level, msg, *args, stacklevel=stacklevel + 1, **options)
        else:
            method(self, msg, *args, stacklevel=stacklevel + 1, **options)

    @property
    def disabled(self) -> bool:
        """Return whether nothing is logged.

        ``dictConfig`` and ``fileConfig`` disable all loggers they do not name. For ours that is ignored:
        lines would go missing and nothing would say so.
        """
        return self.silenced

    @disabled.setter
    def disabled(self, silenced: bool) -> None:
        if not silenced or _frame(1).f_globals.get("__name__") != "logging.config":
            self.silenced = bool(silenced)

    @classmethod
    def write_to(cls, writer: LogWriter, handler: WriterHandler, beside: LibraryHandler) -> None:
        """Make all component loggers write to ``writer``, past the handlers while nothing else listens."""
        cls.writer, cls.handler, cls.alone, cls.beside = writer, handler, [handler], [beside]

    def callHandlers(self, record: LogRecord) -> None:  # noqa: N802 (the stdlib's name)
        """Pass the record to our handler, and a masked copy to any other."""
        if self._only_we_listen():
            super().callHandlers(record)
            return
        with masked(record) as copy:
            super().callHandlers(copy)

    def _only_we_listen(self) -> bool:
        """Return whether every handler that would get the record is ours."""
        if Logger.callHandlers is not _CALL_HANDLERS:
            return False
        found: list[logging.Handler] = []
        logger: Logger | None = self
        while logger is not None:
            found += logger.handlers
            logger = logger.parent if logger.propagate else None
        ours = [*self.alone, *self.beside]
        return bool(found) and all(handler in ours for handler in found)

    def makeRecord(  # noqa: N802 (the stdlib's name)
        self,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,  # noqa: ANN401 (as in the stdlib)
        exc_info: Any,  # noqa: ANN401 (as in the stdlib)
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> LogRecord:
        """Return a record with the extras as attributes; one whose name is taken becomes ``extra_name``.

        The stdlib raises KeyError for such an extra; a log call must not.
        """
        try:
            record = super().makeRecord(name, level, fn, lno, msg, args, exc_info, func, None, sinfo)
        except Exception:  # noqa: BLE001 (the stdlib looks into an argument that is alone)
            text = formatted(msg, args)
            record = super().makeRecord(name, level, fn, lno, text, (), exc_info, func, None, sinfo)
        if extra is not None:
            fields = extra if type(extra) is dict else copied(extra)
            for key, value in fields.items():
                free = key if type(key) is str else safe_repr(key)
                record.__dict__[f"extra_{free}" if free in TAKEN else free] = value
        return record


def _counted(stacklevel: int) -> FrameType | None:
    """Return the frame that ``info(stacklevel=…)`` refers to; None if the stdlib has to find it."""
    frame: FrameType | None = _frame(2)
    for _ in range(stacklevel - 1):
        if frame is None or frame.f_code.co_filename is _LOGGING_FILE:
            return None
        frame = frame.f_back
    return frame if stacklevel > 0 else None


_METHODS = {
    level: getattr(ComponentLogger, logging.getLevelName(level).lower())
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
}
