"""The client of a connection, behind any trusted proxies."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

from core.settings import get_settings

FORWARDED_FOR = b"x-forwarded-for"
_MOST_NAMED = 20
"""Addresses of one header to consider."""


def headers_of(scope: Scope, name: bytes) -> list[str]:
    """Return all headers of a name."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def peer_of(scope: Scope) -> str:
    """Return the address the connection comes from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_trusted(address: str) -> bool:
    """Return whether to trust a proxy there: DASHBOARD_TRUSTED_PROXIES, by default this machine."""
    known, proxies = _address(address), get_settings().dashboard_trusted_proxies
    if known is None:
        return False
    return any(known in one for one in proxies) if proxies else known.is_loopback


def client_of(scope: Scope) -> str:
    """Return a request's client address: the last forwarded one that is not a trusted proxy."""
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
    # An IPv6 socket accepts IPv4 connections and reports them as mapped addresses.
    return getattr(address, "ipv4_mapped", None) or address
