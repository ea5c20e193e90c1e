"""Requests to a dashboard as a browser makes them: pages, forms, the websocket."""

from dataclasses import dataclass
from http.client import HTTPConnection
from socket import create_connection
from ssl import SSLContext
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

PASSWORD = "correct horse battery"
HERE = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """The response to a request."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def cookie(self) -> str:
        """Return the cookie it sets, as a browser would send it back."""
        return self.headers.get("set-cookie", "").partition(";")[0]


def ask(
    address: str,
    path: str,
    *,
    form: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    client: str = HERE,
) -> Answer:
    """GET a path, or POST a form to it, from an address of this machine, and return the response."""
    parts = urlsplit(address)
    connection = HTTPConnection(HERE, parts.port or 0, timeout=60, source_address=(client, 0))
    given = {"Host": parts.netloc, "Content-Type": "application/x-www-form-urlencoded"} | (headers or {})
    connection.request("GET" if form is None else "POST", path, urlencode(form or {}), given)
    got = connection.getresponse()
    told = {name.lower(): value for name, value in got.getheaders()}
    answer = Answer(got.status, told, got.read().decode())
    connection.close()
    return answer


def sign_in(address: str, name: str = "asha", password: str = PASSWORD, **headers: str) -> Answer:
    """Submit the form from its own page."""
    form = {"name": name, "password": password, "next": "/alerts?view=Rules"}
    return ask(address, "/sign-in", form=form, headers={"Origin": address} | headers)


def websocket(
    address: str,
    headers: dict[str, str],
    origin: str | None = None,
    host: str | None = None,
    *,
    client: str = HERE,
    trusted: SSLContext | None = None,
) -> ClientConnection:
    """Open the websocket like a page does, with TLS if there are ``trusted`` authorities."""
    parts = urlsplit(address)
    return raw_websocket(
        parts.port or 0,
        host or parts.netloc,
        origin or address,
        client=client,
        trusted=trusted,
        additional_headers=headers,
    )


def raw_websocket(
    port: int,
    host: str,
    origin: str | None,
    *,
    client: str = HERE,
    trusted: SSLContext | None = None,
    **options: Any,
) -> ClientConnection:
    """Open the websocket under any name, from any page or none."""
    # The client writes Host from the address: only the address of the socket is ours.
    return connect(
        f"{'wss' if trusted else 'ws'}://{host}/_stcore/stream",
        sock=create_connection((HERE, port), source_address=(client, 0)),
        ssl=trusted,
        origin=origin,  # type: ignore[arg-type] # any text
        subprotocols=["streamlit"],  # type: ignore[list-item] # any text
        proxy=None,
        **options,
    )


def status_of_websocket(
    address: str,
    headers: dict[str, str],
    origin: str | None = None,
    host: str | None = None,
    *,
    client: str = HERE,
    trusted: SSLContext | None = None,
) -> int:
    """Return 101 if the websocket opens, else the status it is refused with."""
    try:
        with websocket(address, headers, origin, host, client=client, trusted=trusted):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code
