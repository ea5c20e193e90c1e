"""Find out whose program is asking over the loopback address: the kernel knows."""

import os
import pwd
import struct
import sys
from collections.abc import Collection, Iterator
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from core.errors import UserError

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""One line per connection: its number, both ends, its state …, its owner."""
_ESTABLISHED = "01"
"""Other states no longer show the owner: a closed connection appears as root's."""
_ROOT = 0
KERNEL_TELLS = sys.platform == "linux"
End = tuple[str, int]
"""Host and port of one end of a connection."""


def is_own_user(client: End | None, server: End | None) -> bool:
    """Return whether a program of the serving user, or of root, is asking; see :func:`is_one_of`."""
    return is_one_of({os.getuid()}, client, server)


def is_one_of(users: Collection[int], client: End | None, server: End | None) -> bool:
    """Return whether a program of one of these users, or of root, is asking.

    True if the kernel does not tell: on macOS every user of the machine may ask.

    Args:
        users: their numbers.
        client: host and port the connection comes from, on this machine.
        server: host and port it goes to.
    """
    if not KERNEL_TELLS:
        return True
    if client is None or server is None:
        return False
    try:
        return any(owner in {_ROOT, *users} for owner in _owners(client, server))
    except (OSError, ValueError):
        return False


def is_here(client: End | None, server: End | None) -> bool:
    """Return whether a connection comes from this machine: over loopback, or to the address it comes from."""
    if client is None or server is None:
        return True
    try:
        near, far = (ip_address(end[0]) for end in (client, server))
    except ValueError:
        return True
    return near == far or (getattr(near, "ipv4_mapped", None) or near).is_loopback


@cache
def number_of(user: str) -> int:
    """Return the number of a user of this machine.

    Raises:
        UserError: there is no such user, or the kernel does not tell users apart.
    """
    if not KERNEL_TELLS:
        raise UserError("DASHBOARD_PROXY_USER needs Linux, whose kernel says which user is asking")
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise UserError(f"DASHBOARD_PROXY_USER: this machine has no user {user}") from None


def _owners(near: End, far: End) -> Iterator[int]:
    """Return the users that own the connection with these ends."""
    spellings = [f"{one} {other}" for one, other in zip(_spelt(*near), _spelt(*far), strict=False)]
    for table in _TABLES:
        if not table.exists():
            continue  # a kernel without IPv6
        with table.open() as lines:
            for line in lines:
                if any(ends in line for ends in spellings):
                    _, _, _, state, _, _, _, owner, *_ = line.split()
                    if state == _ESTABLISHED:
                        yield int(owner)


def _spelt(host: str, port: int) -> list[str]:
    """Return an address as the kernel's tables write it: 32-bit words in the machine's own byte order.

    An IPv4 address is also returned as an IPv6 socket has it.
    """
    address: IPv4Address | IPv6Address = ip_address(host)
    forms = [address.packed]
    if isinstance(address, IPv4Address):
        forms.append(ip_address(f"::ffff:{address}").packed)
    return [f"{_words(form)}:{port:04X}" for form in forms]


def _words(packed: bytes) -> str:
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(packed) // 4}I", packed))
