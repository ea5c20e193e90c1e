"""The stdlib handlers that pass records to the writer."""

import logging

from core.logs.event import event_of
from core.logs.outward import as_logged, mask_in_place
from core.logs.sinks.shipper import is_shipping
from core.logs.writer import LogWriter

NAMESPACE = "voice_agent"
"""Our loggers live below this name, so that an application's own getLogger("api") stays its own."""
_ROOT, _OURS = logging.getLogger(), logging.getLogger(NAMESPACE)
UNREADABLE = "dropped {} log lines: their records could not be read"


class WriterHandler(logging.Handler):
    """Queues each record for the background writer; never blocks, never raises."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def handle(self, record: logging.LogRecord) -> bool:
        """Queue the record, without the stdlib's lock: the queue does not need it."""
        if is_shipping():
            return False  # what a shipper's own client logs would be shipped, and logged again, for ever
        try:
            logged = as_logged(record)
            if self.takes(logged) and self.filter(logged):
                active_span = self._writer.find_span()
                event = event_of(logged, active_span() if active_span else None)
                self._writer.put(logged.levelno, event)
            if logged is record and (_ROOT.handlers or len(_OURS.handlers) > 1):
                self.passes_on(record)
        except Exception:  # noqa: BLE001 (logging must not break its caller)
            self._writer.lose(1, UNREADABLE)
        return True

    def takes(self, _record: logging.LogRecord) -> bool:
        """Return whether this handler is responsible for a record."""
        return True

    def passes_on(self, record: logging.LogRecord) -> None:
        """Mask a record that others get after us, where no component logger has done so.

        ``getLogger`` and ``getChild`` make plain loggers, also below our namespace.
        """
        if not all(isinstance(handler, WriterHandler) for handler in (*_OURS.handlers, *_ROOT.handlers)):
            mask_in_place(record)

    def flush(self) -> None:
        """Wait until everything logged so far is written, for 5 s at most."""
        self._writer.flush()


class LibraryHandler(WriterHandler):
    """A handler for the root logger: takes all records except those of our namespace, which has its own."""

    def __init__(self, writer: LogWriter, namespace: str) -> None:
        super().__init__(writer)
        self._namespace, self._below = namespace, f"{namespace}."

    def takes(self, record: logging.LogRecord) -> bool:
        """Return whether another library logged it."""
        return record.name != self._namespace and not record.name.startswith(self._below)

    def passes_on(self, record: logging.LogRecord) -> None:
        """Leave the records of other libraries as they are."""
