"""Log lines of particular kinds, and the figures that some of them feed."""

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, Protocol

from core.logs.event import formatted

if TYPE_CHECKING:
    from core.models.metrics import ServiceSample

_ID = re.compile(r"(?<=/)(?=[^/]*[0-9])(?!v[0-9]+(?:/|$))[^/]+")
_LONGEST = {"service": 128, "operation": 256}


class ServiceRecorder(Protocol):
    """Receives the figures of requests: a ``MetricsService``."""

    def record_service_call(self, sample: "ServiceSample", /) -> None:
        """Count and time one request; neither waits nor raises because of the store."""


_recorder: ServiceRecorder | None = None


def attach_metrics(recorder: ServiceRecorder | None) -> None:
    """Count and time every logged request with a ``MetricsService``; None stops that."""
    global _recorder  # noqa: PLW0603 (one for the process)
    _recorder = recorder


def log_api_request(
    logger: logging.Logger,
    method: str,
    path: str,
    status: int,
    duration_ms: float,
    **extra: Any,  # noqa: ANN401 (any value can be logged)
) -> None:
    """Log a request that the agent served: ERROR for a status of 500 and above, WARNING from 400, else INFO.

    With a MetricsService attached, it also counts towards the figures of the agent's own API. There the path
    is the operation; parts of it that contain digits become ``{id}``.
    """
    level = _level_of_status(status)
    if logger.isEnabledFor(level):
        fields = {"method": method, "path": path, "status_code": status, "duration_ms": duration_ms}
        logger.log(level, "%s %s %s", method, path, status, extra=_with(fields, extra), stacklevel=2)
    if _recorder is not None:
        _count("api", _operation(method, path), duration_ms, "5xx" if level == logging.ERROR else None)


def log_external_call(
    logger: logging.Logger,
    service: str,
    operation: str,
    duration_ms: float,
    ok: bool = True,
    *,
    error: Literal["5xx", "exception", "timeout"] | None = None,
    **extra: Any,  # noqa: ANN401 (any value can be logged)
) -> None:
    """Log a request to a service the agent uses: INFO if it succeeded, else WARNING.

    With a MetricsService attached, it also counts towards the figures of that service.

    Args:
        logger: the logger to use.
        service: the provider: ``deepgram``.
        operation: the method or route, without ids: ``transcribe``.
        duration_ms: how long it took, in milliseconds.
        ok: whether it succeeded.
        error: how it failed; implies that it did.
        **extra: further fields.
    """
    failed = error or (None if ok else "exception")
    level = logging.WARNING if failed else logging.INFO
    if logger.isEnabledFor(level):
        fields = {"service": service, "operation": operation, "duration_ms": duration_ms, "ok": not failed}
        if failed:
            fields["error"] = failed
        outcome = f"failed ({failed})" if failed else "ok"
        logger.log(level, "%s %s %s", service, operation, outcome, extra=_with(fields, extra), stacklevel=2)
    if _recorder is not None:
        _count(service, operation, duration_ms, failed)


def log_call_event(
    logger: logging.Logger,
    event: str,
    level: int = logging.INFO,
    **extra: Any,  # noqa: ANN401 (any value can be logged)
) -> None:
    """Log what happened to a call (``started``, ``answered``, ``handoff``, ``ended`` …) as its ``event``."""
    if logger.isEnabledFor(level):
        logger.log(level, "Call %s", event, extra=_with({"event": event}, extra), stacklevel=2)


def log_security_event(
    logger: logging.Logger,
    event: str,
    level: int = logging.WARNING,
    **extra: Any,  # noqa: ANN401 (any value can be logged)
) -> None:
    """Log what anyone watching over access needs to know (``login_failed`` …) as its ``event``."""
    if logger.isEnabledFor(level):
        fields = {"event": event, "category": "security"}
        logger.log(level, "Security: %s", event, extra=_with(fields, extra), stacklevel=2)


def _with(fields: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Return both sets of fields; a caller's field that is named like one of ours becomes ``extra_…``."""
    for key, value in extra.items():
        free = key
        while free in fields:
            free = f"extra_{free}"
        fields[free] = value
    return fields


def _level_of_status(status: int) -> int:
    if not isinstance(status, int) or status < HTTPStatus.BAD_REQUEST:
        return logging.INFO
    return logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.WARNING


def _operation(method: str, path: str) -> str:
    path = formatted(path, ())  # never raises, whatever it is
    return f"{formatted(method, ())} {_ID.sub('{id}', path.partition('?')[0])}"


def _count(service: str, operation: str, duration_ms: float, error: str | None) -> None:
    from core.models.metrics import ServiceError, ServiceSample  # noqa: PLC0415 (only for those who count)

    try:
        sample = ServiceSample(
            service=str(service)[: _LONGEST["service"]],
            operation=str(operation)[: _LONGEST["operation"]],
            duration_ms=duration_ms,
            error=ServiceError(error) if error else None,
        )
        if _recorder is not None:
            _recorder.record_service_call(sample)
    except Exception:
        logging.getLogger("voice_agent.logging").warning(
            "a request to %s was not counted", service, exc_info=True
        )
