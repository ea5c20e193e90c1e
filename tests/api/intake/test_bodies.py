"""Bodies that are small on the wire and large once they are unpacked."""

import asyncio
import gzip
import json
import zlib

import pytest
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient

from core.api.intake.bodies import INTAKE, TRACES, Bodies

LARGE = json.dumps({"resourceSpans": [], "padding": " " * 2_000_000}).encode()


def request_of(body: bytes) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": TRACES, "headers": [(b"content-encoding", b"gzip")]}
    return Request(scope, receive)


async def take(bodies: Bodies, body: bytes) -> int:
    async with bodies.read(request_of(body), packed=True) as content:
        return len(content)


def test_a_packed_body_counts_as_large_as_it_is_unpacked() -> None:
    """Many small ones that unpack to gigabytes are told to come again; what was held is free after each."""
    packed = gzip.compress(LARGE)
    bodies = Bodies(most_held=1_000_000)
    assert len(packed) < 10_000
    for _ in range(3):
        with pytest.raises(HTTPException, match="too much is being received"):
            asyncio.run(take(bodies, packed))
    assert asyncio.run(take(bodies, gzip.compress(LARGE[-900_000:]))) == 900_000
    assert asyncio.run(take(Bodies(), packed)) == len(LARGE)


def test_what_stands_behind_a_packed_body_is_not_dropped_in_silence() -> None:
    with pytest.raises(HTTPException, match="goes on behind"):
        asyncio.run(take(Bodies(), gzip.compress(b"{}") + gzip.compress(b"{}")))


@pytest.mark.parametrize("path", sorted({*INTAKE, TRACES}))
@pytest.mark.parametrize("packing", ["gzip", "deflate", "br", "gzip, gzip"])
def test_no_way_in_unpacks_what_it_cannot_bound(client: TestClient, path: str, packing: str) -> None:
    """Spans alone may come by gzip; all else is asked for unpacked."""
    if (path, packing) == (TRACES, "gzip"):
        return
    headers = {"Content-Type": "application/json", "Content-Encoding": packing}
    assert client.post(path, content=zlib.compress(LARGE), headers=headers).status_code == 415
