"""The receiver as a process of its own: killed while deliveries come, and sent more than it can hold."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.database import Database

from core.storage.recording.spool import Spool
from core.types import Document
from tests.api.intake.conftest import SECRET
from tests.api.intake.receiver import Receiver

SENDERS = 16
PATH = f"/hooks/example/{SECRET}"
HUNDRED_MB = 100_000_000
MOST_GROWTH = 150_000_000
"""Bytes that the receiver may take more, whatever it is sent."""


def deliver(port: int, number: int) -> int:
    """Post one delivery until it is answered 2xx, as platforms do; how often it took."""
    start = f"2026-11-20T{number // 3_600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
    body = json.dumps({"id": f"p-{number}", "event": "ended", "status": "completed", "start": start})
    for tries in range(1, 1_000):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", PATH, body, {"Content-Type": "application/json"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            continue
        finally:
            connection.close()
        if status == 200:
            return tries
        assert status == 503
        time.sleep(0.05)
    raise AssertionError(f"delivery {number} was never taken")


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("deliveries", "kills"), [(400, 1), pytest.param(10_000, 5, marks=pytest.mark.full)], ids=["some", "many"]
)
def test_what_was_answered_2xx_is_stored_once_though_the_receiver_is_killed(
    receiver: Receiver, database: Database[Document], deliveries: int, kills: int
) -> None:
    """Also what was in the air, or in the spool, when it was killed."""
    taken: list[int] = []
    guard = threading.Lock()

    def send(number: int) -> None:
        deliver(receiver.port, number)
        with guard:
            taken.append(number)

    with ThreadPoolExecutor(SENDERS) as senders:
        sent = [senders.submit(send, number) for number in range(deliveries)]
        for kill in range(1, kills + 1):
            while len(taken) < deliveries * kill / (kills + 2):
                time.sleep(0.01)
            receiver.kill()
        for one in sent:
            one.result()
    assert len(taken) == deliveries
    deadline = time.monotonic() + 60
    while Spool().has_waiting() and time.monotonic() < deadline:
        time.sleep(0.1)
    stored = [row["_id"] for row in database["calls"].find({}, {"_id": 1})]
    assert sorted(stored) == sorted(f"p-{number}" for number in range(deliveries))


def push(port: int, head: str, size: int, chunked: bool = False) -> bytes:
    """Send so many bytes of nothing after a head; what is answered, as far as it comes."""
    part = b" " * 1_000_000
    with socket.create_connection(("127.0.0.1", port), 60) as sent:
        sent.sendall(head.encode())
        try:
            for _ in range(size // len(part)):
                sent.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            sent.sendall(b"0\r\n\r\n" if chunked else b"")
        except ConnectionError:
            pass
        return sent.recv(65_536)


def test_a_body_of_100_mb_is_refused_and_takes_no_memory(receiver: Receiver) -> None:
    """Announced or in parts; with the secret and without, and with others at the same time."""
    head = "Host: localhost\r\nContent-Type: application/json\r\n"
    announced = f"POST {PATH} HTTP/1.1\r\n{head}Content-Length: {HUNDRED_MB}\r\n\r\n"
    in_parts = f"POST {PATH} HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n"
    unknown = announced.replace(SECRET, "wrong")
    before = receiver.peak_bytes()
    assert push(receiver.port, announced, HUNDRED_MB)[:12] == b"HTTP/1.1 413"
    assert push(receiver.port, in_parts, HUNDRED_MB, chunked=True)[:12] == b"HTTP/1.1 413"
    assert push(receiver.port, unknown, HUNDRED_MB)[:12] == b"HTTP/1.1 401"
    nine = f"POST {PATH} HTTP/1.1\r\n{head}Content-Length: 9000000\r\n\r\n"
    with ThreadPoolExecutor(12) as many:
        answered = [many.submit(push, receiver.port, nine, 9_000_000) for _ in range(12)]
        statuses = {one.result()[:12] for one in answered}
    assert statuses <= {b"HTTP/1.1 400", b"HTTP/1.1 503"}
    assert b"HTTP/1.1 400" in statuses
    assert receiver.peak_bytes() - before < MOST_GROWTH
    deliver(receiver.port, 1)


FORM = b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n' + b"\r\n" * 1_000_000 + b"\r\n--b--\r\n"
FIELDS = json.dumps({"id": "p-1", **{f"field {number}": number for number in range(30_000)}}).encode()


@pytest.mark.alone
@pytest.mark.parametrize(
    ("body", "kind"),
    [(FORM, "multipart/form-data; boundary=b"), (FIELDS, "application/json")],
    ids=["lines", "fields"],
)
def test_a_large_delivery_keeps_nobody_waiting(receiver: Receiver, body: bytes, kind: str) -> None:
    """Neither a form of a million lines while it is read, nor thousands of fields while they are masked."""

    def ask(method: str, path: str, *about: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=60)
        connection.request(method, path, *about)
        connection.getresponse().read()
        connection.close()

    longest, began = 0.0, time.monotonic()
    with ThreadPoolExecutor(1) as sender:
        posted = sender.submit(ask, "POST", PATH, body, {"Content-Type": kind})
        while not posted.done():
            asked = time.monotonic()
            ask("GET", "/healthz")
            longest = max(longest, time.monotonic() - asked)
            time.sleep(0.01)
    posted.result()
    assert longest < max(0.25, (time.monotonic() - began) / 2)
