"""How often a client, or whoever tries a name, has been wrong of late."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from threading import Lock

MOST_WRONG = 10
WINDOW_SECONDS = 60.0
MOST_CLIENTS = 10_000
"""Clients remembered; beyond that the one that failed longest ago is forgotten."""
_NETWORK_BYTES = 8
"""One customer's addresses of IPv6 have this much in common."""


class Guesses:
    """Counts wrong keys for each address, of IPv6 for each network of 64 bits; a name is taken as it is.

    After ``most`` of them it waits until ``window_seconds`` have passed since the first.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        most: int = MOST_WRONG,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._clock = clock
        self._most = most
        self._window_seconds = window_seconds
        self._wrong: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = Lock()

    def wait_seconds(self, client: str) -> int:
        """How long a client has to wait before its next try; 0 where it may try."""
        with self._lock:
            began, wrong = self._wrong.get(_network(client), (0.0, 0))
        left = began + self._window_seconds - self._clock()
        return max(1, round(left)) if wrong >= self._most and left > 0 else 0

    def add(self, client: str) -> None:
        """Count a wrong key."""
        name, now = _network(client), self._clock()
        with self._lock:
            began, wrong = self._wrong.pop(name, (now, 0))
            if now - began >= self._window_seconds:
                began, wrong = now, 0
            self._wrong[name] = (began, wrong + 1)
            if len(self._wrong) > MOST_CLIENTS:
                self._wrong.popitem(last=False)

    def take_back(self, client: str) -> None:
        """Count one less: what was counted before it was known turned out to be right."""
        name = _network(client)
        with self._lock:
            began, wrong = self._wrong.get(name, (0.0, 0))
            if wrong > 1:
                self._wrong[name] = (began, wrong - 1)
            else:
                self._wrong.pop(name, None)


def _network(client: str) -> str:
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return address.packed[:_NETWORK_BYTES].hex()
    return str(getattr(address, "ipv4_mapped", None) or address)
