"""Send lines in batches, over HTTPS, to Splunk's HTTP Event Collector."""

import socket
import ssl
from datetime import datetime
from http import HTTPStatus

import httpx2
import orjson

from core.logs.sinks.shipper import Lose, RefusedError, Shipper

_PATH = "/services/collector/event"
_SECONDS = 10.0
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_host = socket.gethostname()


class SplunkCollector(Shipper[bytes]):
    """Sends lines to SPLUNK_HEC_URL."""

    def __init__(self, url: str, token: str, lose: Lose, *, verify: ssl.SSLContext | bool = True) -> None:
        super().__init__("Splunk", lose)
        self._url = url if url.endswith(_PATH) else f"{url}{_PATH}"
        self._headers = {"Authorization": f"Splunk {token}", "Content-Type": "application/json"}
        self._verify = verify
        self._client: httpx2.Client | None = None

    def _begin(self) -> None:
        super()._begin()
        self._client = None  # a connection cannot be shared with a forked child

    def prepare(self, lines: list[bytes]) -> bytes:
        """Return the lines as events of the collector, concatenated."""
        return b"".join(map(_event, lines))

    def send(self, batch: bytes) -> None:
        """Send events.

        Raises:
            RefusedError: the collector rejects them (wrong token, malformed data).
            httpx2.HTTPError: it cannot be reached, or is overloaded.
        """
        if self._client is None:
            self._client = httpx2.Client(timeout=_SECONDS, verify=self._verify)
        answer = self._client.post(self._url, headers=self._headers, content=batch)
        if answer.is_success:
            return
        if answer.is_client_error and answer.status_code not in _LATER:
            raise RefusedError(f"it answered {answer.status_code}")
        answer.raise_for_status()
        raise RefusedError(f"it answered {answer.status_code}")


def _event(line: bytes) -> bytes:
    document = orjson.loads(line)
    timestamp = next(document[name] for name in ("timestamp", "@timestamp", "date") if name in document)
    about = {
        "time": datetime.fromisoformat(timestamp).timestamp(),
        "host": _host,
        "source": "voice-agent",
        "sourcetype": "_json",
        "event": orjson.Fragment(line.rstrip(b"\n")),
    }
    return orjson.dumps(about)
