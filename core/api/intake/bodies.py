"""Read request bodies within limits: for each, for all that are held at once, and for the time one takes."""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from core.alerting import ack_links

MOST_BYTES = 10_000_000
"""For one body."""
MOST_HELD = 32_000_000
"""For all bodies held at once."""
LEAST_HELD = 16_384
"""What a body counts at least, as what is made of it takes memory too."""
BODY_SECONDS = 30.0
"""How long a body may take to arrive."""
HOOKS = "/hooks/"
TRACES = "/v1/traces"
ACKNOWLEDGE = ack_links.PATH
INTAKE = frozenset(f"/api/v1/{name}" for name in ("calls", "turns", "service-calls", "active-calls"))
REFUSALS = (400, 408, 413, 415, 503)
"""The statuses with which a body may be refused."""
OPERATING = re.compile(r"/api/v1/(alerts/[^/]+/(acknowledge|withdraw|close)|silences)")
"""Where operators post who they are, and why."""


def takes_body(scope: Scope) -> bool:
    """Return whether a request has a body."""
    path: str = scope["path"]
    named = path in INTAKE or path in {TRACES, ACKNOWLEDGE} or path.startswith(HOOKS)
    return scope["method"] == "POST" and (named or OPERATING.fullmatch(path) is not None)


class Bodies:
    """The bodies that a process is holding."""

    def __init__(self, most_held: int = MOST_HELD) -> None:
        self._most_held = most_held
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request, *, packed: bool = False) -> AsyncIterator[bytes]:
        """Hold the body of a request while it is used.

        Never reads more than a body may have, compressed or not.

        A compressed body counts in both forms.

        Args:
            request: the request.
            packed: whether it may be compressed with gzip.

        Raises:
            HTTPException: 413 if it is too long, 408 if it takes too long, 503 if too much is held already,
                400 if it arrives incomplete, 415 if it is compressed in another way.
        """
        packing = request.headers.get("content-encoding", "identity").lower()
        if packing not in ({"identity", "gzip"} if packed else {"identity"}):
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body unpacked")
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > MOST_BYTES:
            raise _too_large()
        share = _Share(self)
        try:
            body = await share.read(request)
            yield share.unpack(body) if packing == "gzip" else body
        finally:
            self._held -= share.claimed

    def claim(self, size: int) -> None:
        """Hold this many more bytes.

        Raises:
            HTTPException: 503 if too much is held already.
        """
        if self._held + size > self._most_held:
            detail = "too much is being received; try again in a moment"
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "2"})
        self._held += size


class _Share:
    """What one request holds."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.claimed = 0

    async def read(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._whole(request)
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time") from None
        except ClientDisconnect:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the body did not come whole") from None

    async def _whole(self, request: Request) -> bytes:
        self._claim(LEAST_HELD)
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > MOST_BYTES:
                raise _too_large()
            if size > self.claimed:
                self._claim(max(size - self.claimed, LEAST_HELD))
            parts.append(part)
        return b"".join(parts)

    def unpack(self, body: bytes) -> bytes:
        """Return a gzip body decompressed, piece by piece, each claimed before the next."""
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
        parts: list[bytes] = []
        size, rest = 0, body
        try:
            while (part := unpacking.decompress(rest, LEAST_HELD)) or unpacking.unconsumed_tail:
                parts.append(part)
                rest, size = unpacking.unconsumed_tail, size + len(part)
                if size > MOST_BYTES:
                    raise _too_large()
                self._claim(max(0, len(body) + size - self.claimed))
        except zlib.error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the body is not packed by gzip") from None
        if not unpacking.eof:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the body did not come whole")
        if unpacking.unused_data:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the body goes on behind the end of what is packed")
        return b"".join(parts)

    def _claim(self, size: int) -> None:
        self._bodies.claim(size)
        self.claimed += size


def _too_large() -> HTTPException:
    return HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {MOST_BYTES // 1_000_000} MB"
    )
