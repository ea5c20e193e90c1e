"""Post JSON to a service, and describe the outcome without revealing the address."""

import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import httpx2

from core.alerting.channels.base import Failure
from core.clock import asked_to_wait

_TIMEOUT = httpx2.Timeout(5.0, connect=3.0)
_TRY_LATER = {408, 429}


def post(
    url: str,
    payload: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> Failure | None:
    """Post to a service; return why it was not accepted, or None. Redirects are not followed.

    The status decides; the rest of the answer is not read, so one that breaks off or never ends changes
    nothing.
    """
    keep_quiet()
    try:
        with httpx2.stream(
            "POST", url, json=dict(payload), headers=headers, params=params, timeout=_TIMEOUT
        ) as answer:
            status, asked = answer.status_code, answer.headers.get("Retry-After", "")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        return Failure(reason_of(error))
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    return Failure(f"refused: error={status}", is_final(status), asked_to_wait(asked))


def keep_quiet() -> None:
    """Silence the HTTP client, which logs whole addresses at INFO, some of which are secrets."""
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def is_final(status: int) -> bool:
    """Return whether a status would be the same next time: a wrong address, key or payload."""
    return 300 <= status < 500 and status not in _TRY_LATER  # noqa: PLR2004 (HTTP classes)


def reason_of(error: BaseException) -> str:
    """Return what went wrong, by the kinds of errors and the system's messages.

    Other texts may contain the address.
    """
    chain = list(_chain(error))
    for cause in reversed(chain):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{type(error).__name__}: the certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, ssl.SSLError):
            name = "name cannot be resolved: " if isinstance(cause, socket.gaierror) else ""
            return f"{type(error).__name__}: {name}{cause.strerror}"
    return type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
