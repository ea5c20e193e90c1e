"""Whether a server can listen at an address, and whether one answers there."""

import socket
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import urlopen

from core.errors import UserError


def check_free(name: str, host: str, port: int) -> None:
    """Try to bind an address; ``name`` is that of its variables, API or DASHBOARD.

    Raises:
        UserError: it is not possible to listen there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise UserError(f"{name}_HOST {host} is not an address of this machine") from None
    except OSError as error:
        raise UserError(
            f"{host} port {port} cannot be listened on ({error.strerror}); stop what listens there, "
            f"or set {name}_PORT to another port"
        ) from None


def is_taken(host: str, port: int) -> bool:
    """Return whether somebody is listening there, or nobody could."""
    try:
        check_free("", host, port)
    except UserError:
        return True
    return False


def address(host: str, port: int) -> str:
    """Return where a program on this machine reaches a server that listens there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (named, not bound)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def answers(url: str) -> bool:
    """Return whether one of our servers answers at the URL within 2 s."""
    try:
        with urlopen(url, timeout=2) as response:  # noqa: S310 (our own address)
            return bool(response.status == 200)  # noqa: PLR2004 (HTTP OK)
    except (URLError, OSError, HTTPException):
        return False
