"""OpenID Connect in front of dashboard and API, all of it real: provider, Apache with our file, browser."""

import getpass
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
import trustme
from playwright.sync_api import Browser, expect
from pymongo.database import Database

from core.types import Document
from tests.dashboard.browser import PATIENCE_MS, ROOT
from tests.dashboard.conftest import fill_today
from tests.dashboard.sign_in.asking import ask, status_of_websocket
from tests.ports import free_port, wait_for

FILE = ROOT / "docs" / "deployment" / "apache.conf"
MODULES = Path("/usr/lib/apache2/modules")
LOADED = (
    *("mpm_event", "authn_core", "authz_core", "setenvif", "headers", "mime", "filter", "deflate"),
    *("socache_shmcb", "ssl", "proxy", "proxy_http", "auth_openidc"),
)
PEOPLE = {
    "asha": {"email": "asha@example.com", "email_verified": True},
    "mallory": {"email": "mallory@example.com", "email_verified": True},
    "eve": {"email": "asha@example.com", "email_verified": False},
}
"""What the provider says of whom: one has a role here, one has none, one only claims another's address."""
NAMED = "X-Forwarded-Email"
FORGED = {NAMED: "asha@example.com"}
KEY = "k" * 32
REFUSED = {302, 401, 403}
"""Sent to sign in, or turned away."""
pytestmark = pytest.mark.full


@dataclass(frozen=True)
class Site:
    """Where people open it, where the dashboard listens behind, whom it sends people to, what is logged."""

    address: str
    dashboard: int
    issuer: str
    trusted: ssl.SSLContext
    log: Path

    def client(self) -> httpx2.Client:
        """Somebody's browser, without a session yet."""
        return httpx2.Client(
            base_url=self.address, verify=self.trusted, timeout=60, follow_redirects=True, trust_env=False
        )

    def signed_in(self, who: str) -> tuple[httpx2.Client, httpx2.Response]:
        """Somebody who opened a page and signed in at the provider, and what they were shown then."""
        client = self.client()
        form = client.get("/alerts?view=Rules")
        assert str(form.url).startswith(f"{self.issuer}/"), form.url
        return client, client.post(form.url, data={"sub": who})

    def opens(self, headers: dict[str, str], origin: str | None = None) -> int:
        """What a websocket is told: 101 if it opens."""
        return status_of_websocket(self.address, headers, origin, trusted=self.trusted)


@pytest.fixture(scope="module")
def site(lasting_database: Database[Document], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Apache with the file to copy, of which names and ports alone are changed, and all that is around it."""
    apache = shutil.which("apache2", path=f"{os.environ['PATH']}:/usr/sbin")
    if apache is None or not (MODULES / "mod_auth_openidc.so").exists():
        pytest.skip("no Apache with OpenID Connect: apt-get install libapache2-mod-auth-openidc")
    fill_today(lasting_database)
    folder = tmp_path_factory.mktemp("apache")
    tls, provider, api, dashboard = (free_port() for _ in range(4))
    address, issuer = f"https://localhost:{tls}", f"http://localhost:{provider}"
    authority = trustme.CA()
    configured = _configured(
        folder, authority, {"443": tls, "3000": dashboard, "8000": api}, address.partition("//")[2], issuer
    )
    env = os.environ | {
        "API_KEYS": KEY,
        "API_PORT": str(api),
        "DASHBOARD_PORT": str(dashboard),
        "DASHBOARD_PUBLIC_URL": address,
        "DASHBOARD_ROLES": "asha@example.com=operator",
        "DASHBOARD_SIGN_IN": "proxy",
        "DASHBOARD_PROXY_USER": "nobody" if os.getuid() == 0 else getpass.getuser(),
        "DASHBOARD_TRUSTED_PROXIES": "127.0.0.1",
    }
    people = (f"--user-claims={json.dumps({'sub': who, **claims})}" for who, claims in PEOPLE.items())
    commands = [
        [sys.executable, "-m", "oidc_provider_mock", f"--port={provider}", *people],
        [sys.executable, "-m", "core", "api"],
        [sys.executable, "-m", "dashboard"],
        [apache, "-f", str(configured), "-D", "FOREGROUND"],
    ]
    running = [subprocess.Popen(command, cwd=ROOT, env=env) for command in commands]
    try:
        for port in (provider, api, dashboard, tls):
            wait_for(port, running)
        trusted = ssl.create_default_context()
        authority.configure_trust(trusted)
        yield Site(address, dashboard, issuer, trusted, folder / "monitoring.log")
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(timeout=30)


def _configured(folder: Path, authority: trustme.CA, ports: dict[str, int], host: str, issuer: str) -> Path:
    """A main file for Apache, as a distribution brings one, and beside it ours."""
    (folder / "tls").mkdir()
    issued = authority.issue_cert("localhost")
    (folder / "tls" / "fullchain.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(folder / "tls" / "privkey.pem")
    (folder / "openid.secrets").write_text("OIDCClientSecret a-secret\nOIDCCryptoPassphrase a-passphrase\n")
    text = FILE.read_text().replace("/etc/apache2", str(folder))
    text = text.replace("monitoring.example.com", host).replace("https://login.example.com", issuer)
    text = re.sub(r"(\*:|127\.0\.0\.1:)(\d+)", lambda found: f"{found[1]}{ports[found[2]]}", text)
    (folder / "ours.conf").write_text(text)
    lines = [
        f"ServerRoot {folder}",
        f"DefaultRuntimeDir {folder}",
        f"PidFile {folder}/pid",
        f"ErrorLog {folder}/error.log",
        "Mutex sem",
        *(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED),
        "TypesConfig /dev/null",
        f"Listen 127.0.0.1:{ports['443']}",
        *(("User nobody", "Group nogroup") if os.getuid() == 0 else ()),
        f"Define APACHE_LOG_DIR {folder}",
        f"Include {folder}/ours.conf",
    ]
    (folder / "main.conf").write_text("\n".join([*lines, ""]))
    return folder / "main.conf"


def _cookies(client: httpx2.Client) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{one.name}={one.value}" for one in client.cookies.jar)}


def test_whoever_signs_in_at_the_provider_and_has_a_role_gets_in(site: Site) -> None:
    """Back to the page they opened, and to the websocket, from pages of this address alone."""
    asha, shown = site.signed_in("asha")
    assert (shown.status_code, str(shown.url)) == (200, f"{site.address}/alerts?view=Rules")
    assert "static/js/index" in shown.text
    assert "secure" in shown.history[-1].headers["set-cookie"].lower()
    assert site.opens(_cookies(asha)) == 101
    assert site.opens(_cookies(asha), "https://evil.example") == 403


def test_nobody_else_gets_in_whatever_they_say_of_themselves(site: Site) -> None:
    """Without a session, with a made-up one, without a role, with an address that nobody confirmed."""
    mallory, shown = site.signed_in("mallory")
    assert (shown.status_code, "mallory@example.com has no role here" in shown.text) == (403, True)
    eve, told = site.signed_in("eve")
    assert told.status_code in {401, 403}
    assert "static/js/index" not in told.text
    made_up = {"Cookie": "mod_auth_openidc_session=00000000-0000-0000-0000-000000000000"}
    for cookies in (_cookies(mallory), _cookies(eve), made_up, {}):
        for named in ({}, FORGED, {NAMED.lower(): "asha@example.com"}):
            headers = {**cookies, **named}
            for path in ("/", "/alerts", "/_stcore/host-config", "/media/x.csv"):
                with site.client() as stranger:
                    answer = stranger.get(path, headers=headers, follow_redirects=False)
                assert answer.status_code in REFUSED, (path, headers)
            assert site.opens(headers) in REFUSED, headers


def test_the_header_counts_from_the_proxy_alone(site: Site) -> None:
    """Past Apache, from an address that is not among DASHBOARD_TRUSTED_PROXIES."""
    behind, host = f"http://localhost:{site.dashboard}", site.address.partition("//")[2]
    for client, status, opened in (("127.0.0.1", 200, 101), ("127.0.0.2", 403, 403)):
        headers = {"Host": host, "X-Forwarded-For": "127.0.0.1", **FORGED}
        assert ask(behind, "/alerts", headers=headers, client=client).status == status, client
        assert status_of_websocket(behind, FORGED, site.address, host, client=client) == opened, client


def test_programs_need_a_key_and_a_name_is_none(site: Site) -> None:
    """Nor is a session: the API is asked with keys, and what it is asked is logged without secrets."""
    asha, _ = site.signed_in("asha")
    path = "/api/v1/analytics/alerts"
    for headers, status in ((FORGED, 401), ({"X-API-Key": "wrong"}, 401), ({"X-API-Key": KEY}, 200)):
        assert asha.get(path, headers=headers).status_code == status
    with site.client() as program:
        assert program.get("/healthz?token=hush").status_code in {200, 422}
        assert program.get("/hooks/bolna/hush-hush").status_code in {401, 403, 404, 405}
        assert program.get("/acknowledge/hush-hush").status_code == 404
    log = site.log.read_text()
    assert f"GET {path} 401" in log
    assert "GET /hooks/bolna/- " in log
    assert "hush" not in log
    assert "code=" not in log


def test_a_page_says_who_signed_in_until_they_sign_out(site: Site, browser: Browser) -> None:
    """By the websocket of a real browser, with the name that the proxy passes and the role it has here."""
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    asked = page.get_by_role("button", name="asha", exact=True)
    try:
        page.goto(f"{site.address}/alerts")
        asked.click()
        expect(page.locator(".st-key-visitor")).to_contain_text(re.compile("asha@\\W?example.com . operator"))
        assert page.url.startswith(f"{site.address}/alerts")
        page.goto(f"{site.address}/openid/callback?logout={quote(site.address, safe='')}%2F")
        page.goto(f"{site.address}/alerts")
        expect(asked).to_be_visible()
        assert page.url.startswith(f"{site.issuer}/")
    finally:
        context.close()
