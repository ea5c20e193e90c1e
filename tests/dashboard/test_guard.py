"""Pages of other sites, and other names of this machine, get nothing from the dashboard."""

import os
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from socket import create_server
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from core.errors import UserError
from core.settings import get_settings
from dashboard.__main__ import configuration
from dashboard.guard import lets_in, refuses
from tests.dashboard.browser import served
from tests.dashboard.sign_in.asking import raw_websocket

NOBODY = 65_534
ASK = """
import encodings.idna, os, socket, sys
_, user, port, path, upgrade = sys.argv
os.setuid(int(user))
lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{port}"]
if upgrade:
    lines += [f"Origin: http://localhost:{port}", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
with socket.create_connection(("127.0.0.1", int(port)), 20) as asked:
    asked.sendall("\\r\\n".join([*lines, "", ""]).encode())
    print(asked.recv(12)[-3:].decode())
"""
OTHERS = (
    "http://calls.example:{port}",
    "http://localhost:{other}",
    "http://127.0.0.1:{other}",
    "http://0.0.0.0:1",
    "https://localhost:{port}",
    "http://localhost:{port}@calls.example",
    "null",
    "",
)


def _status(port: int, path: str, **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(
        "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    status = connection.getresponse().status
    connection.close()
    return status


def _opens(port: int, host: str, origin: str | None) -> bool:
    try:
        with raw_websocket(port, host, origin):
            return True
    except InvalidStatus as refused:
        return refused.response.status_code != 403


def test_no_other_site_reads_or_operates_the_dashboard(tmp_path: Path) -> None:
    """A rebound name is refused on page and websocket, another page on the websocket."""
    with served(tmp_path) as address:
        port = urlsplit(address).port or 0
        for own in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
            assert _status(port, "/", Host=own) == 200
            assert _opens(port, own, f"http://{own}"), own
            assert not _opens(port, own, None), "a browser names its page"
            for other in OTHERS:
                assert not _opens(port, own, other.format(port=port, other=port + 1)), other
        for rebound in (f"calls.example:{port}", f"localhost.calls.example:{port}", "203.0.113.7"):
            for path in ("/", "/alerts", "/_stcore/health", "/_stcore/host-config", "/static/js/none.js"):
                assert _status(port, path, Host=rebound) == 403, (path, rebound)
            assert not _opens(port, rebound, f"http://{rebound}")
        frame = {"Sec_Fetch_Dest": "iframe", "Sec_Fetch_Site": "same-site", "Host": f"localhost:{port}"}
        assert _status(port, "/alerts", **frame) == 403
        assert _status(port, "/", Host=f"localhost:{port}", Sec_Fetch_Site="cross-site") == 200, "a link"


def test_the_public_address_is_let_in_and_no_neighbour_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy, Host may be the public name or this machine's; Origin is the public one."""
    monkeypatch.setenv("DASHBOARD_PUBLIC_URL", "https://calls.example/board")
    get_settings.cache_clear()
    for host in ("calls.example", "127.0.0.1:3000"):
        assert not refuses("ws", [host], ["https://calls.example"], origin_needed=True)
        for origin in (
            "http://calls.example.evil.example",
            "https://shop.calls.example",
            "https://calls.example:8",
        ):
            assert refuses("ws", [host], [origin], origin_needed=True)
    assert refuses("ws", ["shop.example"], ["https://calls.example"], origin_needed=True)
    assert refuses("http", ["calls.example", "calls.example"], [], origin_needed=False), "two names"
    monkeypatch.undo()
    get_settings.cache_clear()


@given(st.text(max_size=60), st.text(max_size=60))
def test_strange_headers_are_refused_and_never_an_error(host: str, origin: str) -> None:
    """Whatever text stands in Host and Origin, it is judged; none of these is ours."""
    if not host.strip().startswith(("localhost", "127.", "[")):
        assert refuses("ws", [host], [origin], origin_needed=True)


@pytest.mark.full
@pytest.mark.skipif(
    os.getuid() != 0 or sys.platform != "linux", reason="only root can be another user: run it as root"
)
def test_another_user_of_the_machine_does_not_get_in(tmp_path: Path) -> None:
    """Neither to a page nor to the websocket: the port gives away no more than the files."""
    with served(tmp_path) as address:
        port = urlsplit(address).port or 0
        for path, upgrade in (("/", False), ("/_stcore/stream", True)):
            statuses = [_status_of(user, port, path, upgrade=upgrade) for user in (os.getuid(), NOBODY)]
            assert statuses == ["101" if upgrade else "200", "403"], path


def test_a_proxy_may_be_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where people open it at an address of another machine; at one of this, there is no proxy."""
    for public, proxied in (("https://calls.example", True), ("http://localhost:3000", False), ("", False)):
        monkeypatch.setenv("DASHBOARD_PUBLIC_URL", public)
        get_settings.cache_clear()
        assert get_settings().dashboard_has_proxy is proxied


CONNECT = """
import encodings.idna, os, socket, sys
os.setuid(int(sys.argv[1]))
with socket.create_connection(("127.0.0.1", int(sys.argv[2]))):
    sys.stdin.read()
"""


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="only root can be another user")
def test_of_other_users_of_this_machine_only_the_proxys_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else has an account could write any name into the header; other machines are not its matter."""
    monkeypatch.setenv("DASHBOARD_SIGN_IN", "proxy")
    monkeypatch.setenv("DASHBOARD_PROXY_USER", "nobody")
    get_settings.cache_clear()
    with create_server(("127.0.0.1", 0)) as listening:
        own = listening.getsockname()
        for user, let_in in ((NOBODY, True), (NOBODY - 1, False)):
            command = [sys.executable, "-I", "-c", CONNECT, str(user), str(own[1])]
            with subprocess.Popen(command, stdin=subprocess.PIPE) as asking, listening.accept()[0] as asked:
                assert lets_in({"client": asked.getpeername(), "server": own}) is let_in
                asking.communicate()
    assert lets_in({"client": ("203.0.113.9", 1), "server": ("192.0.2.1", 3000)})
    assert not lets_in({"client": ("192.0.2.1", 1), "server": ("192.0.2.1", 3000)})


def test_a_user_that_the_machine_does_not_have_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_PROXY_USER", "www-dta")
    get_settings.cache_clear()
    with pytest.raises(UserError, match="DASHBOARD_PROXY_USER: this machine has no user www-dta"):
        configuration()


def _status_of(user: int, port: int, path: str, *, upgrade: bool) -> str:
    command = [sys.executable, "-I", "-c", ASK, str(user), str(port), path, "1" * upgrade]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
