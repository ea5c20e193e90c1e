"""Who is at the other end of a connection, where proxies may stand in between."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

from core.settings import get_settings

FORWARDED_FOR = b"x-forwarded-for"
_MOST_NAMED = 20
"""Addresses of one header that are looked at."""


def headers_of(scope: Scope, name: bytes) -> list[str]:
    """All headers of a name."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def peer_of(scope: Scope) -> str:
    """The address that the connection comes from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_trusted(address: str) -> bool:
    """Whether a proxy's word from there counts: DASHBOARD_TRUSTED_PROXIES, else this machine."""
    known, proxies = _address(address), get_settings().dashboard_trusted_proxies
    if known is None:
        return False
    return any(known in one for one in proxies) if proxies else known.is_loopback


def client_of(scope: Scope) -> str:
    """The address that a request comes from: the last that no trusted proxy has, as the proxies tell it."""
    seen = peer_of(scope)
    told = ",".join(headers_of(scope, FORWARDED_FOR)).split(",")
    for address in reversed([part.strip() for part in told if part.strip()][-_MOST_NAMED:]):
        if not is_trusted(seen) or _address(address) is None:
            break
        seen = address
    return seen


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket of IPv6 takes connections of IPv4, and names them in its own way.
    return getattr(address, "ipv4_mapped", None) or address
