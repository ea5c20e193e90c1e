"""A server that answers byte by byte what a test wants: too long, too slow, or only half."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

from tests.ports import serving

HALF = (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of the",)
_BEGINNING = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = (_BEGINNING, *[b"10000\r\n%s\r\n" % (b"x" * 65_536)] * 2_000)
SLOW = (_BEGINNING, *[b"1\r\nx\r\n"] * 60)


class RawServer(ThreadingTCPServer):
    """Answers each connection with the same parts, and counts the requests."""

    daemon_threads = allow_reuse_address = True
    parts: tuple[bytes, ...] = ()
    pause, requests = 0.0, 0


class _Handler(BaseRequestHandler):
    server: RawServer

    def handle(self) -> None:
        """Read what has come, and answer."""
        assert isinstance(self.request, socket.socket)
        self.request.recv(65_536)
        self.server.requests += 1
        with suppress(OSError):
            for part in self.server.parts:
                self.request.sendall(part)
                time.sleep(self.server.pause)


@contextmanager
def raw_server(parts: tuple[bytes, ...]) -> Iterator[tuple[RawServer, str]]:
    """A running server and its address; of SLOW, each part takes a second."""
    with RawServer(("127.0.0.1", 0), _Handler) as server, serving(server):
        server.parts, server.pause = parts, 1.0 if parts is SLOW else 0.0
        yield server, f"http://127.0.0.1:{server.server_address[1]}/"
