"""Requests to a dashboard as a browser makes them: pages, forms, the websocket."""

from dataclasses import dataclass
from http.client import HTTPConnection
from socket import create_connection
from ssl import SSLContext
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
    opened: ClientConnection = connect(  # type: ignore[call-overload] # any text for an origin
        f"{'wss' if trusted else 'ws'}://{host or urlsplit(address).netloc}/_stcore/stream",
        sock=create_connection((HERE, urlsplit(address).port or 0), source_address=(client, 0)),
        ssl=trusted,
        origin=origin or address,
        subprotocols=["streamlit"],
        additional_headers=headers,
        proxy=None,
    )
    return opened


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
