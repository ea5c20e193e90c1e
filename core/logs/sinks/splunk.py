"""Send lines in batches, over HTTPS, to Splunk's HTTP Event Collector."""

import socket
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus

import httpx2
import orjson

from core.clock import asked_to_wait
from core.logs.sinks.shipper import BusyError, Lose, RefusedError, Shipper

_COLLECTOR = "/services/collector"
_PATH = f"{_COLLECTOR}/event"
_SECONDS = 10.0
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_MOST_BYTES = 1_000_000
"""Splunk Cloud accepts 1 MB in a request, and Splunk Enterprise as much as it is configured to."""
_BAD_EVENT = frozenset({6, 12, 13, 15})
"""Codes of an answer about one event: bad data, event missing, blank, indexed fields."""
_LONGEST_ANSWER = 64 * 1024
_host = socket.gethostname()

Requests = deque[list[bytes]]
"""The events of each request that is yet to be accepted."""


class SplunkCollector(Shipper[Requests]):
    """Sends lines to SPLUNK_HEC_URL."""

    def __init__(self, url: str, token: str, lose: Lose) -> None:
        super().__init__("Splunk", lose)
        self._url = f"{url.partition(_COLLECTOR)[0]}{_PATH}"
        self._headers = {"Authorization": f"Splunk {token}", "Content-Type": "application/json"}
        self._client: httpx2.Client | None = None

    def _begin(self) -> None:
        super()._begin()
        self._client = None  # a connection cannot be shared with a forked child

    def prepare(self, lines: list[bytes]) -> Requests:
        """Return the lines as events of the collector, divided into requests that it accepts."""
        return deque(_divided(self._each(lines, _event)))

    def send(self, batch: Requests) -> None:
        """Send events; what is accepted, or never will be, is removed from the batch.

        Raises:
            RefusedError: the collector accepts none (wrong token).
            BusyError: it is overloaded.
            httpx2.HTTPError: it cannot be reached.
        """
        while batch:
            events = batch[0]
            status, wait, answer = self._post(b"".join(events))
            reason = f"it answered {status}"
            if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                batch.popleft()
                self._done(len(events))
            elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and len(events) > 1:
                middle = len(events) // 2
                batch.popleft()
                batch.extendleft((events[middle:], events[:middle]))
            elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                batch.popleft()
                self._done(1, reason)
            elif (bad := _bad_event(answer)) is not None and bad < len(events):
                del events[bad]
                self._done(1, reason)
                if not events:
                    batch.popleft()
            elif HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR and (
                status not in _LATER
            ):
                raise RefusedError(reason)
            else:
                raise BusyError(reason, wait)

    def _post(self, content: bytes) -> tuple[int, float, bytes]:
        """Return the status, the seconds it asks to wait and the beginning of the answer."""
        if self._client is None:
            self._client = httpx2.Client(timeout=_SECONDS)
        with self._client.stream("POST", self._url, headers=self._headers, content=content) as answer:
            wait = asked_to_wait(answer.headers.get("Retry-After", ""))
            return answer.status_code, wait.total_seconds() if wait else 0.0, _beginning(answer)


def _beginning(answer: httpx2.Response) -> bytes:
    """Return what arrives of an answer within bounds: neither a long nor a slow one is waited for.

    A connection that breaks now changes nothing: the status has come.
    """
    content, until = b"", time.monotonic() + _SECONDS
    try:
        for part in answer.iter_raw():
            content += part
            if len(content) > _LONGEST_ANSWER or time.monotonic() > until:
                break
    except httpx2.HTTPError:
        return content
    return content


def _bad_event(answer: bytes) -> int | None:
    """Return the number of the event that the collector cannot use; None if it names none."""
    try:
        said = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict) or said.get("code") not in _BAD_EVENT:
        return None
    number = said.get("invalid-event-number")
    return number if isinstance(number, int) and number >= 0 else None


def _divided(events: Iterable[bytes]) -> Iterable[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for event in events:
        if part and size + len(event) > _MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(event)
        size += len(event)
    if part:
        yield part


def _event(line: bytes) -> bytes:
    document = orjson.loads(line)
    # "@timestamp" last: only in ECS is it ours.
    timestamp = next(document[name] for name in ("timestamp", "date", "@timestamp") if name in document)
    about = {
        "time": datetime.fromisoformat(timestamp).timestamp(),
        "host": _host,
        "source": "voice-agent",
        "sourcetype": "_json",
        "event": orjson.Fragment(line.rstrip(b"\n")),
    }
    return orjson.dumps(about)
