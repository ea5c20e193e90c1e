"""The door: nobody gets a page or the websocket who has not signed in, or whom no trusted proxy names."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from pymongo.database import Database
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed

from core.access.audit import audit_read
from core.access.roles import Role
from core.access.sessions import find_session
from core.access.users import add_user, set_password
from core.errors import UserError
from core.logging_config import flush
from core.types import Document
from dashboard.__main__ import configuration
from dashboard.guard import OwnPagesOnly
from dashboard.sign_in import door
from dashboard.sign_in.cookies import cookie_name, set_cookie
from tests.conftest import Setting
from tests.dashboard.browser import served
from tests.dashboard.sign_in.asking import PASSWORD, ask, sign_in, status_of_websocket, websocket

PAGES = ("/", "/alerts", "/_stcore/host-config", "/media/x.csv", "/component/x", "/sign-inx", "/nowhere")
HERE = "http://localhost:3000"
NAMED = "X-Forwarded-Email"


def behind_the_door(client: str = "127.0.0.1") -> TestClient:
    """What asks a page that stands behind guard and door, from an address."""

    async def page(_request: object) -> PlainTextResponse:
        return PlainTextResponse("a page")

    app = Starlette(
        routes=[Route("/{path:path}", page, methods=["GET", "POST"])],
        middleware=[Middleware(OwnPagesOnly), Middleware(door.SignedInOnly)],
    )
    return TestClient(app, base_url=HERE, client=(client, 50_000), follow_redirects=False)


@pytest.mark.full
def test_the_dashboard_opens_with_the_right_password_alone(
    database: Database[Document], tmp_path: Path, setting: Setting
) -> None:
    """Pages and websocket of the real server: before signing in, after it, and after signing out."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    with served(tmp_path) as address:
        for path in PAGES:
            answer = ask(address, path)
            assert (answer.status, answer.text) == (303, ""), path
            assert answer.headers["location"].startswith("/sign-in?next=%2F")
        name = f"voice-agent-{urlsplit(address).port}"
        for cookies in ({}, {"Cookie": f"{name}=x"}, {"Cookie": f"{name}={PASSWORD}"}):
            assert status_of_websocket(address, cookies) == 403
        assert ask(address, "/_stcore/upload_file/x/y", form={}, headers={"Origin": address}).status == 401
        health = ask(address, "/_stcore/health")
        assert (health.status, health.text) == (200, "ok")

        signed = sign_in(address)
        assert (signed.status, signed.headers["location"]) == (303, "/alerts?view=Rules")
        for part in ("HttpOnly", "SameSite=Strict", "Max-Age=43200", "Path=/"):
            assert part in signed.headers["set-cookie"]
        mine = {"Cookie": signed.cookie}
        assert ask(address, "/", headers=mine).status == 200
        assert ask(address, "/sign-in", headers=mine).status == 303
        assert status_of_websocket(address, mine) == 101
        assert status_of_websocket(address, mine, origin="http://localhost:1") == 403, "another page"
        assert status_of_websocket(address, mine, host="calls.example") == 403, "another name"

        out = ask(address, "/sign-out", form={}, headers={"Origin": address, **mine})
        assert (out.status, out.headers["location"]) == (303, "/sign-in")
        assert "Max-Age=0" in out.headers["set-cookie"]
        assert ask(address, "/", headers=mine).status == 303
        assert status_of_websocket(address, mine) == 403
        assert find_session(database, signed.cookie.partition("=")[2]) is None


@pytest.mark.full
def test_an_open_websocket_ends_soon_after_its_session(
    database: Database[Document], tmp_path: Path, setting: Setting
) -> None:
    """Whoever keeps asking on it is cut off: a program of one's own shows no page that says so."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    with served(tmp_path) as address:
        mine = {"Cookie": sign_in(address).cookie}
        with websocket(address, mine) as still_open:
            set_password(database, "asha", "quite another one")
            assert status_of_websocket(address, mine) == 403
            deadline = time.monotonic() + 60
            with pytest.raises(ConnectionClosed) as ended:  # noqa: PT012 (it ends at some time)
                while time.monotonic() < deadline:
                    still_open.send(b"")
                    time.sleep(0.5)
    assert ended.value.rcvd
    assert ended.value.rcvd.code == 1008


@pytest.mark.full
def test_only_a_trusted_proxy_says_who_comes(
    database: Database[Document], tmp_path: Path, setting: Setting
) -> None:
    """Once, and somebody with a role; the same for pages and the websocket of the real server."""
    setting(
        DASHBOARD_SIGN_IN="proxy",
        DASHBOARD_PUBLIC_URL="https://calls.example",
        DASHBOARD_ROLES="asha@example.com=operator",
    )
    host, origin = "calls.example", "https://calls.example"
    with served(tmp_path) as address:
        for name, status in (("Asha@example.com", 200), ("mallory@example.com", 403), ("", 403), (None, 403)):
            named = {} if name is None else {NAMED: name}
            assert ask(address, "/alerts", headers={"Host": host, **named}).status == status, name
            opened = status_of_websocket(address, named, origin, host)
            assert opened == (101 if status == 200 else 403), name
        asha = {NAMED: "asha@example.com"}
        assert status_of_websocket(address, asha, "https://evil.example", host) == 403
        far = {"Host": host, "X-Forwarded-For": "203.0.113.9", **asha}
        assert ask(address, "/", headers=far).status == 200, "through the proxy, from anywhere"


def test_a_header_of_somebody_else_lets_nobody_in(setting: Setting) -> None:
    """Whoever reaches the dashboard past the proxy can write into it what they like."""
    setting(DASHBOARD_SIGN_IN="proxy", DASHBOARD_ROLES="*=admin", DASHBOARD_TRUSTED_PROXIES="10.0.0.0/24")
    asha = {NAMED: "asha@example.com"}
    for peer, status in (("10.0.0.7", 200), ("127.0.0.1", 403), ("10.0.1.7", 403), ("203.0.113.9", 403)):
        client = behind_the_door(peer)
        assert client.get("/", headers=asha).status_code == status, peer
        forged = client.get("/", headers={**asha, "X-Forwarded-For": "127.0.0.1"})
        assert forged.status_code == status, peer
    twice = [(NAMED, "asha@example.com"), (NAMED, "ravi@example.com")]
    assert "in exactly one header" in behind_the_door("10.0.0.7").get("/", headers=twice).text


def sent(client: TestClient, password: str = PASSWORD, name: str = "asha", **headers: str) -> int:
    """The status of the form."""
    form = {"name": name, "password": password}
    return client.post("/sign-in", data=form, headers={"Origin": HERE, **headers}).status_code


def test_a_form_of_another_site_signs_nobody_in(database: Database[Document], setting: Setting) -> None:
    """Nor one that does not say where it is from, or is too long; and it leads to no other site."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    client = behind_the_door()
    for origin in ("http://evil.example", "null", "http://localhost:1"):
        assert sent(client, Origin=origin) == 403
    assert client.post("/sign-in", data={"name": "asha", "password": PASSWORD}).status_code == 403
    assert client.post("/sign-out").status_code == 403
    assert sent(client, "x" * door.MOST_FORM_BYTES) == 413
    assert not client.cookies
    for onward in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/sign-out",
        "/sign-in?next=x",
    ):
        form = {"name": "asha", "password": PASSWORD, "next": onward}
        led = client.post("/sign-in", data=form, headers={"Origin": HERE})
        assert (led.status_code, led.headers["location"]) == (303, "/"), onward


def test_guessing_is_slowed_for_a_client_and_leaves_others_alone(
    database: Database[Document], setting: Setting
) -> None:
    """After five wrong passwords that client waits, with a right one too; another one signs in."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    client = behind_the_door()
    assert [sent(client, f"wrong password {n}") for n in range(door.CLIENT_TRIES)] == [
        403
    ] * door.CLIENT_TRIES
    form = {"name": "asha", "password": PASSWORD}
    slowed = client.post("/sign-in", data=form, headers={"Origin": HERE})
    assert slowed.status_code == 429
    assert 0 < int(slowed.headers["retry-after"]) <= door.TRIES_SECONDS
    assert "Try again in 5 minutes" in slowed.text
    assert not client.cookies
    through_a_proxy = {"X-Forwarded-For": "203.0.113.9"}
    assert sent(client, **through_a_proxy) == 303


def test_the_answer_waits_for_no_note_that_only_a_known_name_gets(
    database: Database[Document], setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the time would tell which names there are; the note is made all the same, after the answer."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    answered = threading.Event()

    def noting(*args: Any, **more: Any) -> None:
        assert answered.wait(10)
        audit_read(*args, **more)

    monkeypatch.setattr(door, "audit_read", noting)
    with behind_the_door() as client:
        statuses = [sent(client, "wrong password", name) for name in ("asha", "nobody")]
        answered.set()
        assert statuses == [403, 403]
    assert [(row["actor"], row["action"]) for row in database["audit"].find()] == [("asha", "sign_in_failed")]


def test_right_passwords_are_no_guesses(database: Database[Document], setting: Setting) -> None:
    """Whoever signs in often is not slowed, and a slip or two are forgotten by nobody but the clock."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    client = behind_the_door()
    assert [sent(client) for _ in range(door.CLIENT_TRIES + 2)] == [303] * (door.CLIENT_TRIES + 2)
    tries = [sent(client, "wrong password"), *(sent(client) for _ in range(3))]
    assert tries == [403, 303, 303, 303]


def test_guessing_is_slowed_for_a_name_whoever_tries_it(
    database: Database[Document], setting: Setting
) -> None:
    """From as many addresses as one likes; a name that nobody has is answered in the same way."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    client = behind_the_door()
    for name in ("asha", "nobody"):
        addresses = [f"203.0.113.{n}" for n in range(door.NAME_TRIES + 1)]
        statuses = [sent(client, "wrong", name, **{"X-Forwarded-For": one}) for one in addresses]
        assert statuses == [403] * door.NAME_TRIES + [429]


def test_a_link_of_another_site_finds_whoever_has_signed_in(
    database: Database[Document], setting: Setting
) -> None:
    """A strict cookie does not come with it: a page of ours asks again, and then it does."""
    setting(DASHBOARD_SIGN_IN="users")
    client = behind_the_door()
    cross = {"Sec-Fetch-Site": "cross-site"}
    first = client.get("/alerts?view=Rules", headers=cross)
    bounced = client.get(first.headers["location"], headers=cross)
    assert 'http-equiv="refresh"' in bounced.text
    assert "/sign-in?next=%2Falerts%3Fview%3DRules" in bounced.text
    assert "<form" not in bounced.text
    asked = client.get("/sign-in?next=%2Falerts", headers={"Sec-Fetch-Site": "same-origin"})
    assert 'name="next" value="/alerts"' in asked.text
    assert "python -m core users add" in asked.text, "there is no user yet"


def test_while_the_database_is_away_nobody_is_let_in(database: Database[Document], setting: Setting) -> None:
    """And is told why."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    client = behind_the_door()
    assert sent(client) == 303
    assert client.get("/").text == "a page"
    setting(MONGODB_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50")
    for path in ("/", "/sign-in"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "The database does not answer" in answer.text


def test_who_came_is_logged_and_no_password(
    database: Database[Document], setting: Setting, capfd: pytest.CaptureFixture[str]
) -> None:
    """The name of a user, or that it is none: what is typed for a name may be a password."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    client = behind_the_door()
    capfd.readouterr()
    sent(client)
    sent(client, "wrong password")
    sent(client, "x", "my-secret-password")
    client.post("/sign-out", headers={"Origin": HERE})
    flush()
    written = "".join(capfd.readouterr())
    lines = [orjson.loads(line) for line in written.splitlines() if '"event":"sign' in line]
    assert [(line["event"], line["user"]) for line in lines] == [
        ("signed_in", "asha"),
        ("sign_in_refused", "asha"),
        ("sign_in_refused", "unknown"),
        ("signed_out", "asha"),
    ]
    assert all(line["client"] == "127.0.0.1" for line in lines)
    assert "my-secret" not in written
    assert PASSWORD not in written


def test_a_failed_sign_in_is_logged_although_its_server_stops_at_once(
    database: Database[Document],
    setting: Setting,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client's loop ends with its request, while all threads are still busy."""
    setting(DASHBOARD_SIGN_IN="users")
    add_user(database, "asha", Role.OPERATOR, PASSWORD)
    check = door._check

    def with_busy_threads(name: str, password: str) -> object:
        threads = min(32, (os.cpu_count() or 1) + 4)  # as many as a loop starts
        for _ in range(threads):
            loops[-1].call_soon_threadsafe(loops[-1].run_in_executor, None, time.sleep, 0.2)
        return check(name, password)

    loops: list[asyncio.AbstractEventLoop] = []
    form = door._form

    async def noted(request: Request) -> dict[str, str] | None:
        loops.append(asyncio.get_running_loop())
        return await form(request)

    monkeypatch.setattr(door, "_form", noted)
    monkeypatch.setattr(door, "_check", with_busy_threads)
    capfd.readouterr()
    assert sent(behind_the_door(), "wrong password") == 403
    flush()
    assert '"event":"sign_in_refused"' in "".join(capfd.readouterr())


def test_another_address_needs_sign_in_and_the_public_one(setting: Setting) -> None:
    """What is missing is named; then it may listen there."""
    anywhere = "0.0.0.0"  # noqa: S104 (whether it may is the point)
    for variables, said in (
        ({"DASHBOARD_HOST": anywhere}, "DASHBOARD_SIGN_IN=users"),
        ({"DASHBOARD_SIGN_IN": "users"}, "DASHBOARD_PUBLIC_URL is not set"),
        ({"DASHBOARD_SIGN_IN": "proxy"}, "DASHBOARD_ROLES"),
        ({"DASHBOARD_ROLES": "asha=boss"}, "'boss' is not a role"),
        ({"DASHBOARD_ROLES": "*=viewer"}, "DASHBOARD_PUBLIC_URL is not set"),
    ):
        setting(**variables)
        with pytest.raises(UserError, match=said):
            configuration()
    setting(DASHBOARD_PUBLIC_URL="https://calls.example")
    assert configuration()["server.address"] == anywhere


def test_over_tls_the_cookie_is_of_its_host_alone(setting: Setting) -> None:
    assert "Secure" not in set_cookie("token")
    setting(DASHBOARD_PUBLIC_URL="https://calls.example")
    assert cookie_name().startswith("__Host-")
    assert set_cookie("token").startswith(f"{cookie_name()}=token; Path=/; HttpOnly; SameSite=Strict; Secure")
    assert "Domain" not in set_cookie("token")
