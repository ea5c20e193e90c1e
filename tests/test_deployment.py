"""What docs/deployment has to copy, with the real nginx and systemd behind it where they are installed."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme
import yaml
from pymongo.database import Database

from core.access.roles import Role
from core.access.users import add_user
from core.types import Document
from tests.ports import free_port, wait_for

ROOT = Path(__file__).resolve().parents[1]
DEPLOYMENT = ROOT / "docs" / "deployment"
UNITS = sorted((DEPLOYMENT / "systemd").glob("*.service"))
NAME = "monitoring.test"
KEY = "k" * 32
PASSWORD = "correct horse battery"


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def test_every_container_of_ours_is_watched_and_may_little() -> None:
    ours = {name: service for name, service in services().items() if "build" in service}
    assert set(ours) == {"scheduler", "api", "dashboard"}
    for service in ours.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["depends_on"] == {"mongodb": {"condition": "service_healthy"}}
    assert all("healthcheck" in service for service in services().values())
    assert "USER monitoring" in (ROOT / "Dockerfile").read_text()


def test_only_the_proxy_has_a_door_to_the_network() -> None:
    assert {name for name, service in services().items() if "ports" in service} == {"proxy"}
    inside = {name for name, service in services().items() if service.get("network_mode") == "service:proxy"}
    assert inside == {"api", "dashboard"}


def test_the_image_has_every_folder_that_the_program_imports() -> None:
    copied = set(re.findall(r"^COPY (?!--)(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    kept = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert {"core", "dashboard", "pages", "run_scheduler.py", "streamlit_config"} <= copied
    assert copied == kept


@pytest.mark.full
def test_the_commands_of_units_and_containers_exist() -> None:
    commands = [
        " ".join(service["command"][1:])
        for service in services().values()
        if "build" in service and "command" in service
    ]
    commands += [
        re.findall(r"^ExecStart=\S+python (.*)$", unit.read_text(), re.MULTILINE)[0] for unit in UNITS
    ]
    for command in sorted(set(commands)):
        done = subprocess.run(
            [sys.executable, *command.split(), "--help"],
            cwd=ROOT,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
    assert len(commands) == 5


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text(), flags=re.MULTILINE)
    (tmp_path / unit.name).write_text(re.sub(r"^(User|Group)=.*", r"\1=root", text, flags=re.MULTILINE))
    done = subprocess.run(
        [program, "verify", "--man=no", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


@pytest.mark.full
def test_nginx_lets_in_who_may_come(
    database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS, signing in for people, keys for programs, compression, the websocket, a log without secrets."""
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("no nginx: apt-get install nginx-light")
    origin = f"https://{NAME}"
    for name, value in {
        "API_KEYS": KEY,
        "DASHBOARD_PUBLIC_URL": origin,
        "DASHBOARD_SIGN_IN": "users",
    }.items():
        monkeypatch.setenv(name, value)
    add_user(database, "asha", Role.VIEWER, PASSWORD)
    with behind_nginx(tmp_path) as port:

        def get(path: str, **headers: str) -> HTTPResponse:
            return answer(tmp_path, port, path, headers)

        assert get("/").headers["Location"].startswith("/sign-in")
        form = urlencode({"name": "asha", "password": PASSWORD})
        signed = answer(tmp_path, port, "/sign-in", {"Origin": origin}, form)
        cookie = signed.headers["Set-Cookie"].partition(";")[0]
        assert (signed.status, cookie.startswith("__Host-")) == (303, True)
        page = get("/", Cookie=cookie).read().decode()
        script = re.findall(r'src="\./(static/js/index[^"]+)"', page)[0]
        packed = get(f"/{script}", Cookie=cookie, **{"Accept-Encoding": "gzip"})
        assert (packed.status, packed.headers["Content-Encoding"]) == (200, "gzip")
        for of, shown, status in (
            (origin, cookie, 101),
            (origin, "", 403),
            ("https://elsewhere.test", cookie, 403),
        ):
            assert handshake(tmp_path, port, of, shown).startswith(f"HTTP/1.1 {status}")
        assert get("/api/v1/analytics/alerts").status == 401
        assert get("/api/v1/analytics/alerts?token=hush", **{"X-API-Key": KEY}).status in {200, 422}
        assert get("/healthz").status == 200
        assert get("/hooks/bolna/hush-hush").status in {401, 403, 404, 405}
        assert get("/acknowledge/hush-hush").status == 404
        log = (tmp_path / "access.log").read_text()
        assert "/api/v1/analytics/alerts 401" in log
        assert "GET /hooks/bolna/- " in log
        assert "hush" not in log


def test_nginx_takes_the_file_where_systemd_starts_it(tmp_path: Path) -> None:
    """Its output is a socket there, which nothing can open by the name /dev/stdout."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no nginx: apt-get install nginx-light")
    configuration = as_copied(tmp_path)
    text = configuration.read_text()
    configuration.write_text(text.replace("listen 443", f"listen {free_port()}"))  # for root alone
    ours, theirs = socket.socketpair()
    with ours, theirs:
        end = theirs.fileno()
        command = [program, "-t", "-c", str(configuration)]
        done = subprocess.run(command, stdout=end, stderr=end, timeout=60, check=False)
        theirs.shutdown(socket.SHUT_RDWR)
        assert done.returncode == 0, ours.recv(4096).decode()


def as_copied(folder: Path) -> Path:
    """Our nginx.conf with paths below a folder, and a certificate there."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert(NAME)
    (folder / "tls").mkdir()
    (folder / "tls" / "fullchain.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(folder / "tls" / "privkey.pem")
    text = (DEPLOYMENT / "nginx.conf").read_text().replace("/etc/nginx/tls", str(folder / "tls"))
    text = text.replace("/var/log/nginx", str(folder)).replace("/run/nginx.pid", str(folder / "pid"))
    (folder / "nginx.conf").write_text(f"user root;\n{text}")
    return folder / "nginx.conf"


@contextmanager
def behind_nginx(folder: Path) -> Iterator[int]:
    """The port of an nginx with our file, whose paths and ports alone are changed."""
    ports = {"443": free_port(), "8000": free_port(), "3000": free_port()}
    text = as_copied(folder).read_text()
    text = re.sub(r"(listen |127\.0\.0\.1:)(\d+)", lambda found: f"{found[1]}{ports[found[2]]}", text)
    (folder / "nginx.conf").write_text(f"daemon off;\n{text}")
    env = os.environ | {"API_PORT": str(ports["8000"]), "DASHBOARD_PORT": str(ports["3000"])}
    nginx = [shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx", "-c", str(folder / "nginx.conf")]
    commands = [[sys.executable, "-m", "core", "api"], [sys.executable, "-m", "dashboard"], nginx]
    running = [subprocess.Popen(command, cwd=ROOT, env=env) for command in commands]
    try:
        for port in ports.values():
            wait_for(port, running)
        yield ports["443"]
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(timeout=30)


def trusted(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "ca.pem"))


class _Connection(HTTPSConnection):
    """To this machine, whatever name is asked for."""

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)  # type: ignore[attr-defined]


def answer(
    folder: Path, port: int, path: str, headers: dict[str, str], form: str | None = None
) -> HTTPResponse:
    connection = _Connection(NAME, port, context=trusted(folder))
    kind = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("GET" if form is None else "POST", path, form, {"Host": NAME} | kind | headers)
    return connection.getresponse()


def handshake(folder: Path, port: int, origin: str, cookie: str) -> str:
    """What a browser's websocket from a page of ``origin`` is told first."""
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {NAME}",
        f"Origin: {origin}",
        f"Cookie: {cookie}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "\r\n",
    ]
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        trusted(folder).wrap_socket(plain, server_hostname=NAME) as secured,
    ):
        secured.sendall("\r\n".join(lines).encode())
        return secured.recv(4096).decode("latin-1")
