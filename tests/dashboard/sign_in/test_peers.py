"""Whose word about a client counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from core.settings import get_settings
from dashboard.sign_in.pages import is_own_path
from dashboard.sign_in.peers import client_of, is_trusted


def asked(peer: str, *told: str) -> Scope:
    headers = [(b"x-forwarded-for", one.encode("latin-1", errors="replace")) for one in told]
    return {"type": "http", "client": (peer, 1), "headers": headers}


def test_named_proxies_are_believed_and_without_any_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger may write into the header what it likes; the last one that no proxy has is the client."""
    monkeypatch.setenv("DASHBOARD_TRUSTED_PROXIES", "10.0.0.7, 172.18.0.0/16, 127.0.0.1")
    get_settings.cache_clear()
    for peer, told, client in (
        ("203.0.113.9", ["127.0.0.1"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        ("172.18.3.4", ["203.0.113.9", "10.0.0.7"], "203.0.113.9"),
        ("::ffff:127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("10.0.0.8", ["203.0.113.9"], "10.0.0.8"),
    ):
        assert client_of(asked(peer, *told)) == client
    assert not is_trusted("")
    assert not is_trusted("localhost")
    monkeypatch.setenv("DASHBOARD_TRUSTED_PROXIES", "10.0.0.7")
    get_settings.cache_clear()
    assert [is_trusted(one) for one in ("10.0.0.7", "127.0.0.1", "::1")] == [True, False, False]
    monkeypatch.delenv("DASHBOARD_TRUSTED_PROXIES")
    get_settings.cache_clear()
    assert [is_trusted(one) for one in ("10.0.0.7", "127.0.0.1", "::1")] == [False, True, True]


@given(st.text(max_size=80))
def test_whatever_a_proxy_tells_is_no_error(told: str) -> None:
    assert client_of(asked("127.0.0.1", told))


def test_the_form_leads_on_to_pages_of_ours_alone() -> None:
    for path in ("/", "/alerts?view=Rules", "/calls?q=%2F%2Fx"):
        assert is_own_path(path)
    for path in (
        "",
        "alerts",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "https://evil.example",
        "/\t/evil",
        "javascript:alert(1)",
    ):
        assert not is_own_path(path)
