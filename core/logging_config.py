"""Logging of the voice agent: structured, masked JSON lines, written without holding up the caller.

logger = get_logger("api")
with call_context(call_id="call_123", lead_id="lead_456"):
    logger.info("Call completed", extra={"duration": 180, "status": "completed"})
"""

import atexit
import logging
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any

from core.logs.context import call_context, clear_call_context, set_call_context
from core.logs.handler import WriterHandler
from core.logs.logger import NAMESPACE, ComponentLogger
from core.logs.sinks import sink_for
from core.logs.writer import LogWriter
from core.settings import Settings, SettingsError, load_settings

__all__ = [
    "call_context",
    "clear_call_context",
    "flush",
    "get_logger",
    "log_api_request",
    "set_call_context",
    "setup_logging",
]

_writer = LogWriter(sink_for(None))
_handler = WriterHandler(_writer)
ComponentLogger.writer, ComponentLogger.handler = _writer, _handler
_setup = threading.RLock()
_configured = False
atexit.register(_writer.close)


def get_logger(component: str) -> logging.Logger:
    """The logger of a component: api, telephony, speech, business, database, security or another.

    Sets logging up from the environment if nobody has yet; a malformed setting is then logged, and
    the defaults (INFO, stdout) are used.
    """
    _set_up_implicitly()
    with _setup:
        before = logging.getLoggerClass()
        logging.setLoggerClass(ComponentLogger)
        try:
            return logging.getLogger(f"{NAMESPACE}.{component}")
        finally:
            logging.setLoggerClass(before)


def setup_logging(
    level: str | int | None = None, file: Path | str | None = None, *, libraries: bool = False
) -> None:
    """Set logging up; calling it again changes only what is given.

    Args:
        level: lowest level that is logged; else LOG_LEVEL.
        file: file to append to; else LOG_FILE, else stdout.
        libraries: also take what other libraries log (through the root logger, at its level).

    Raises:
        SettingsError: a setting has a value that cannot be used.
    """
    global _configured  # noqa: PLW0603 - one configuration per process, as in logging itself
    with _setup:
        if not _configured:
            settings = load_settings()
            level = settings.log_level if level is None else level
            _apply_file(settings.log_file if file is None else Path(file), settings)
        elif file is not None:
            _apply_file(Path(file), load_settings())
        if level is not None:
            _apply_level(level)
        _attach(libraries=libraries)
        _configured = True


def flush(timeout: float = 5.0) -> bool:
    """Wait until everything logged so far is written; False when ``timeout`` seconds pass first."""
    return _writer.flush(timeout)


def log_api_request(
    logger: logging.Logger,
    method: str,
    path: str,
    status: int,
    duration_ms: float,
    **extra: Any,  # noqa: ANN401 - any value can be logged
) -> None:
    """Log a served request: ERROR for a status of 500 and above, WARNING from 400, else INFO."""
    level = _level_of_status(status)
    if logger.isEnabledFor(level):
        fields = {"method": method, "path": path, "status_code": status, "duration_ms": duration_ms}
        more = {f"extra_{key}" if key in fields else key: value for key, value in extra.items()}
        logger.log(level, "%s %s %s", method, path, status, extra={**fields, **more}, stacklevel=2)


def _level_of_status(status: int) -> int:
    if not isinstance(status, int) or status < HTTPStatus.BAD_REQUEST:
        return logging.INFO
    return logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.WARNING


def _set_up_implicitly() -> None:
    if _handler in logging.getLogger(NAMESPACE).handlers or _handler in logging.getLogger().handlers:
        return
    try:
        setup_logging()
    except SettingsError as error:
        # Whoever reads the settings themselves gets the error; a line is all that a log call may cost.
        _apply_level(logging.INFO)
        _attach(libraries=False)
        get_logger("logging").warning("%s; logging with the defaults", error)


def _apply_level(level: str | int) -> None:
    known = logging.getLevelNamesMapping()
    number = known.get(level.upper()) if isinstance(level, str) else level
    if number is None:
        raise SettingsError(f"level is {level!r}; use one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    logging.getLogger(NAMESPACE).setLevel(number)


def _apply_file(path: Path | None, settings: Settings) -> None:
    sink = sink_for(path, settings.log_file_mode)
    if sink.name != _writer.sink.name:
        _writer.use(sink)


def _attach(*, libraries: bool) -> None:
    """Put the handler on our namespace, or on the root logger, to which ours propagate too."""
    ours, root = logging.getLogger(NAMESPACE), logging.getLogger()
    if libraries or _handler in root.handlers:
        ours.removeHandler(_handler)
        root.addHandler(_handler)
    else:
        ours.addHandler(_handler)
