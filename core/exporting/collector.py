"""The HTTP session that metrics are posted with: it hears what the collector answers, within bounds."""

import time
from http import HTTPStatus
from typing import Any

import requests
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from core.alerting.channels.post import reason_of

_LONGEST_ANSWER = 64 * 1024
_SECONDS = 5.0
_LONGEST_REASON = 500
_PROTOBUF = "application/x-protobuf"


class CollectorSession(requests.Session):
    """Keeps the latest answer: the exporter takes a redirect for success, and reads no answer at all.

    Only as much is read as a collector can have to say; the rest, however long or slow, is not waited for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headers["Accept-Encoding"] = "identity"
        self.status: int | None = None
        self.failure = ""
        """Why the latest request has no answer, without its address and headers."""
        self._body = b""

    def request(self, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 (those of requests)
        """Send a request and keep the beginning of its answer."""
        self.status, self._body, self.failure = None, b"", ""
        try:
            answer = super().request(*args, **(options | {"stream": True}))
        except Exception as error:
            self.failure = reason_of(error)
            raise
        self.status = answer.status_code
        if answer.headers.get("Content-Type", "").startswith(_PROTOBUF):
            self._body = _beginning(answer)
        answer.close()
        return answer

    @property
    def accepted(self) -> bool:
        """Return whether the latest request was accepted, at least in part."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def refused(self) -> str:
        """Return what the collector said it does not take of a request it accepted; empty if nothing."""
        try:
            said = ExportMetricsServiceResponse.FromString(self._body).partial_success
        except DecodeError:
            return ""
        if not said.rejected_data_points and not said.error_message:
            return ""
        return f"{said.rejected_data_points} values: {said.error_message}"[:_LONGEST_REASON]


def _beginning(answer: requests.Response) -> bytes:
    """Return what arrives of the content within bounds; a connection that breaks ends it."""
    content, until = b"", time.monotonic() + _SECONDS
    try:
        while len(content) < _LONGEST_ANSWER and time.monotonic() < until:
            part = answer.raw.read1(_LONGEST_ANSWER - len(content))
            if not part:
                break
            content += part
    except Exception:  # noqa: BLE001 (the status has come: the collector has the request)
        return content
    return content
