import asyncio
import gc
import os
import platform
import socket
import subprocess
import sys
import weakref

import pytest
from streamlit.web.server.starlette import starlette_server

from core.errors import UserError
from dashboard import __main__ as launcher
from dashboard.__main__ import configuration, send_at_once
from tests.dashboard.conftest import ROOT


@pytest.mark.full
def test_an_address_open_to_others_is_refused_in_one_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "dashboard"],
        cwd=ROOT,
        env=os.environ | {"DASHBOARD_HOST": "0.0.0.0"},  # noqa: S104 (it must be refused)
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.strip().splitlines()
    assert "DASHBOARD_HOST is 0.0.0.0" in line
    assert "127.0.0.1" in line


def test_streamlits_own_variable_is_no_way_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "0.0.0.0")  # noqa: S104 (it must be refused)
    with pytest.raises(UserError, match="serves this machine only"):
        configuration()


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_PORT", "3456")
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "5")
    monkeypatch.setenv("STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL", "7")
    monkeypatch.setenv("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "false")
    options = configuration()
    assert options["server.port"] == 3456
    assert options["server.maxUploadSize"] == 5
    assert options["server.disconnectedSessionTTL"] == 7
    assert options["browser.gatherUsageStats"] is False
    assert options["theme.dark.primaryColor"] == "#56B4E9"


def test_an_error_leads_to_no_search_engine_or_chatbot() -> None:
    """On localhost Streamlit offers to ask them, with the error's text in the address."""
    assert configuration()["client.showErrorLinks"] == "false"


def test_a_malformed_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "much")
    with pytest.raises(UserError, match="STREAMLIT_SERVER_MAX_UPLOAD_SIZE must be a number"):
        configuration()


def test_connections_do_not_hold_small_messages_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starlette_server, "_bind_socket", starlette_server._bind_socket)
    send_at_once()
    with starlette_server._bind_socket("127.0.0.1", 0, 1) as listening:
        listening.setblocking(True)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_pages_left_behind_is_freed_meanwhile_not_after_each_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Left:
        itself: object

    async def serve() -> None:
        collecting = asyncio.create_task(launcher._collect())
        await asyncio.sleep(0.2)
        collecting.cancel()

    assert configuration()["runner.postScriptGC"] is False
    monkeypatch.setattr(launcher, "COLLECTED_SECONDS", 0.01)
    gc.disable()
    try:
        left = Left()
        left.itself = left
        there = weakref.ref(left)
        del left
        assert there() is not None
        asyncio.run(serve())
        assert there() is None
    finally:
        gc.enable()


_BLOCKS = """
import ctypes, sys
from dashboard.__main__ import return_large_blocks

class Found(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    _fields_ = [(name, ctypes.c_size_t) for name in names]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Found
if sys.argv[1:]:
    return_large_blocks()
large = bytearray(8_000_000)
del large  # from now on, the C library would keep blocks of up to this size
before = libc.mallinfo2().hblks
kept = bytearray(1_000_000)
print(libc.mallinfo2().hblks - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
@pytest.mark.full
def test_large_blocks_of_memory_go_back_to_the_system() -> None:
    def mapped(*arguments: str, **variables: str) -> int:
        """How many mappings of its own a block got after a larger one was freed."""
        command = [sys.executable, "-c", _BLOCKS, *arguments]
        return int(subprocess.check_output(command, cwd=ROOT, env=os.environ | variables))

    assert mapped() == 0
    assert mapped("set") == 1
    assert mapped("set", MALLOC_MMAP_THRESHOLD_="2000000") == 0  # whoever set it meant it
