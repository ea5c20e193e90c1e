"""Log from the voice agent: structured, masked JSON lines, written without holding up the caller.

logger = get_logger("api") with call_context(call_id="call_123", lead_id="lead_456"):
    logger.info("Call completed", extra={"duration": 180, "status": "completed"})
"""

import atexit
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.logs.asgi import RequestLogMiddleware
from core.logs.context import call_context, clear_call_context, set_call_context
from core.logs.handler import NAMESPACE, LibraryHandler, WriterHandler
from core.logs.logger import ComponentLogger, component_logger
from core.logs.render import forget_contexts
from core.logs.requests import (
    ServiceRecorder,
    attach_metrics,
    log_api_request,
    log_call_event,
    log_external_call,
    log_security_event,
)
from core.logs.sinks.log_file import sink_for
from core.logs.sinks.rotation import Rotation
from core.logs.sinks.sink import Both, StandardName
from core.logs.writer import Backlog, LogWriter
from core.privacy.masking import configure_masking
from core.settings import Settings, SettingsError, load_settings, load_what_is_good
from core.sigterm import before_sigterm
from core.threads import fork_safe_rlock
from core.variables.kinds import level_number

if TYPE_CHECKING:
    from core.logs.sinks.shipper import Shipper

__all__ = [
    "RequestLogMiddleware",
    "ServiceRecorder",
    "attach_metrics",
    "call_context",
    "clear_call_context",
    "flush",
    "get_logger",
    "leave_bad_settings_to_caller",
    "log_api_request",
    "log_backlog",
    "log_call_event",
    "log_external_call",
    "log_security_event",
    "set_call_context",
    "setup_logging",
    "spare_stdout",
]

_writer = LogWriter(sink_for(None))
_handler = WriterHandler(_writer)
_library_handler = LibraryHandler(_writer, NAMESPACE)
ComponentLogger.write_to(_writer, _handler, _library_handler)
_setup = fork_safe_rlock()
_configured = False
_set_up_by: int | None = None
_standard: StandardName = "stdout"
_reports_bad_settings = True
_SECONDS_TO_SEND = 1.0
atexit.register(_writer.close)


def get_logger(component: str) -> logging.Logger:
    """Return the logger of a component: api, telephony, speech, business, database, security or another.

    Sets up logging from the environment if that has not been done. A malformed setting is then logged and
    ignored, so that a typo never keeps an agent from starting; ``setup_logging`` raises instead.
    """
    _set_up_implicitly()
    return component_logger(component)


def setup_logging(
    level: str | int | None = None,
    file: Path | str | None = None,
    *,
    libraries: bool = False,
    mask_off: Iterable[str] | None = None,
    mask_also: Mapping[str, str | re.Pattern[str]] | None = None,
) -> None:
    """Set up logging; calling it again changes only what is given.

    Call it once at the start of a program that wants errors in its settings reported; otherwise the first
    :func:`get_logger` sets up what the environment says.

    Args:
        level: lowest level to log; LOG_LEVEL if left out.
        file: file to append to; LOG_FILE if left out, and stdout if that is unset.
        libraries: also log what other libraries log (through the root logger, at its level), and Python's
            warnings.
        mask_off: kinds not to mask (core.privacy.kinds.KINDS); LOG_MASK_OFF if left out.
        mask_also: patterns of your own; a match becomes ``[name]``.

    Raises:
        SettingsError: a setting has an invalid value.
        UserError: a kind is unknown, or a pattern is invalid.
    """
    global _configured  # noqa: PLW0603 (one configuration per process, as in logging itself)
    with _setting_up():
        if not _configured:
            settings = load_settings()
            level = settings.log_level if level is None else level
            mask_off = settings.log_mask_off if mask_off is None else mask_off
            _begin(settings, settings.log_file if file is None else Path(file))
        elif file is not None:
            _apply_file(Path(file), load_settings())
        if mask_off is not None or mask_also is not None:
            configure_masking(off=mask_off, own=mask_also)
            forget_contexts()
        if level is not None:
            _apply_level(level)
        _attach(libraries=libraries)
        _configured = True


def spare_stdout() -> None:
    """Write lines to LOG_FILE only, or to stderr, for a program whose stdout is read by others."""
    global _standard  # noqa: PLW0603 (one configuration per process, as in logging itself)
    with _setting_up():
        if isinstance(_writer.sink, Both):
            _writer.use(_writer.sink.first)
        elif _writer.sink.name == _standard:
            _writer.use(sink_for(None, standard="stderr"))
        _standard = "stderr"


def leave_bad_settings_to_caller() -> None:
    """Log no line about an invalid setting, for a program that reports it and stops."""
    global _reports_bad_settings  # noqa: PLW0603 (one configuration per process, as in logging itself)
    _reports_bad_settings = False


def flush(timeout: float = 5.0) -> bool:
    """Wait until everything logged so far is written; return False if ``timeout`` seconds pass first."""
    return _writer.flush(timeout)


@contextmanager
def _setting_up() -> Iterator[None]:
    """Allow one thread at a time to set up.

    Loggers requested by imports during that are simply handed out.
    """
    global _set_up_by  # noqa: PLW0603 (one configuration per process, as in logging itself)
    with _setup:
        before, _set_up_by = _set_up_by, threading.get_ident()
        try:
            yield
        finally:
            _set_up_by = before


def _by_this_thread() -> bool:
    return _set_up_by == threading.get_ident()


def log_backlog() -> Backlog:
    """Return how many lines wait in this process, and how many it dropped."""
    return _writer.backlog


def _begin(settings: Settings, file: Path | None) -> None:
    """Set up what needs it once per process, or again if a setting was invalid before."""
    _apply_file(file, settings)
    _apply_sinks(settings)
    before_sigterm(_writer.close)


def _set_up_implicitly() -> None:
    """Set up from the environment; an invalid setting is ignored and named in a line.

    A later call of ``setup_logging`` reports it as well.
    """
    global _configured  # noqa: PLW0603 (one configuration per process, as in logging itself)
    if _configured or _handler in logging.getLogger(NAMESPACE).handlers or _by_this_thread():
        return
    with _setting_up():
        settings, bad = load_what_is_good()
        problems = bad if _reports_bad_settings else []
        _begin(settings, settings.log_file)
        try:
            configure_masking(off=settings.log_mask_off)
        except UserError as error:
            problems.append(SettingsError(f"LOG_MASK_OFF: {error}"))
        _apply_level(settings.log_level)
        _attach(libraries=False)
        _configured = not bad and not problems
    for problem in problems:
        component_logger("logging").warning("%s; continuing without it", problem)


def _apply_level(level: str | int) -> None:
    number = level_number(level)
    if number is None:
        raise SettingsError(f"level is {level!r}; use one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    logging.getLogger(NAMESPACE).setLevel(number)


def _apply_file(path: Path | None, settings: Settings) -> None:
    rotation = None
    if settings.log_rotate_mb or settings.log_rotate_hours:
        size = int(settings.log_rotate_mb * 1_000_000) if settings.log_rotate_mb else None
        rotation = Rotation(settings.log_rotate_keep, size, settings.log_rotate_hours, settings.tz)
    both = settings.log_stdout and _standard == "stdout"
    sink = sink_for(path, settings.log_file_mode, rotation, _standard, both=both)
    if sink.name != _writer.sink.name:
        _writer.use(sink)


def _apply_sinks(settings: Settings) -> None:
    _writer.format = settings.log_format
    shippers: list[Shipper[Any]] = []
    if settings.log_to_database:
        # PyMongo only where it is used.
        from core.storage.log_store import StoredLines  # noqa: PLC0415 (PyMongo only where it is used)
        from core.storage.server.connection import get_sync_database  # noqa: PLC0415 (PyMongo only where it is used)

        shippers.append(StoredLines(get_sync_database, settings.log_database_days, _writer.lose))
    if settings.splunk_hec_url and settings.splunk_hec_token:
        from core.logs.sinks.splunk import SplunkCollector  # noqa: PLC0415 (a web client only where it is used)

        token = settings.splunk_hec_token.get_secret_value()
        shippers.append(SplunkCollector(settings.splunk_hec_url, token, _writer.lose))
    before, _writer.shippers = _writer.shippers, tuple(shippers)
    for shipper in before:
        shipper.close(_SECONDS_TO_SEND)


def _attach(*, libraries: bool) -> None:
    """Put our handler on our namespace and, on request, another one on the root logger for everything else.

    Two handlers, because anyone may replace the root logger's.
    """
    logging.getLogger(NAMESPACE).addHandler(_handler)
    if libraries:
        logging.getLogger().addHandler(_library_handler)
        logging.captureWarnings(True)
