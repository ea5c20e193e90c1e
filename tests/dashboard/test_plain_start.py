"""`streamlit run` has no middleware: what a websocket opened by hand is told there, and what it is not."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pymongo.database import Database
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus

from core.types import Document
from tests.dashboard.browser import PLAIN, served
from tests.dashboard.sign_in.asking import raw_websocket

STORED = ("hinglish", "call_", "outbound")
"""What any page has of the calls, if it has anything."""
pytestmark = pytest.mark.full


@pytest.fixture(autouse=True)
def no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit would ask a service there whether a strange origin is this machine's own address."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")


def _told(port: int, host: str, origin: str | None) -> str | None:
    """Return all that a run of the script sends; None if the websocket does not open."""
    try:
        with raw_websocket(port, host, origin, max_size=None) as opened:
            request = BackMsg()
            request.rerun_script.query_string = ""
            opened.send(request.SerializeToString())
            said = ""
            while True:
                answer = ForwardMsg.FromString(opened.recv(timeout=60, decode=False))
                said += str(answer)
                if answer.WhichOneof("type") == "script_finished":
                    return said
    except InvalidStatus:
        return None


def _tells(said: str) -> list[str]:
    return [word for word in STORED if word in said.lower()]


def test_only_its_own_pages_are_told_anything(calls_of_today: Database[Document], tmp_path: Path) -> None:
    """Another name does not get the websocket; another page, or none, not more than that it is refused."""
    with served(tmp_path, PLAIN) as address:
        port = urlsplit(address).port or 0
        own = f"localhost:{port}"
        said = _told(port, own, address)
        assert said is not None
        assert _tells(said) == list(STORED)
        for name in ("calls.example", "localhost.calls.example", "203.0.113.7"):
            assert _told(port, f"{name}:{port}", f"http://{name}:{port}") is None, name
        assert _told(port, own, "https://calls.example") is None
        for origin in (None, f"http://localhost:{port + 1}", f"https://localhost:{port}"):
            said = _told(port, own, origin)
            assert said is None or ("does not answer at this address" in said and not _tells(said)), origin


@pytest.mark.parametrize("sign_in", ["users", "proxy"])
def test_where_people_sign_in_it_tells_nobody_anything(
    calls_of_today: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign_in: str
) -> None:
    """It has no door that could ask them: it says how to start the dashboard instead."""
    monkeypatch.setenv("DASHBOARD_SIGN_IN", sign_in)
    monkeypatch.setenv("DASHBOARD_ROLES", "*=admin")
    with served(tmp_path, PLAIN) as address:
        port = urlsplit(address).port or 0
        said = _told(port, f"localhost:{port}", address)
    assert said is not None
    assert "python -m dashboard" in said
    assert _tells(said) == []
