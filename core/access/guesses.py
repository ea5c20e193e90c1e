"""Count how often a client, or attempts on a name, failed recently."""

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from threading import Lock

MOST_WRONG = 10
WINDOW_SECONDS = 60.0
MOST_CLIENTS = 10_000
"""Clients remembered; beyond that the one whose last failure is longest ago is forgotten."""
_NETWORK_BYTES = 8
"""Length of the prefix shared by one customer's IPv6 addresses."""


class Guesses:
    """Counts failed attempts by address (for IPv6 by network of 64 bits) or by name.

    After ``most`` of them a client has to wait until ``window_seconds`` have passed since the first. It holds
    MOST_CLIENTS entries at most, in this process's memory, and is safe to use from several threads.
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
        """Return how many seconds a client must wait before its next try, at least 1; 0 if it may try now."""
        with self._lock:
            began, wrong = self._wrong.get(_network(client), (0.0, 0))
        left = began + self._window_seconds - self._clock()
        return max(1, round(left)) if wrong >= self._most and left > 0 else 0

    def add(self, client: str) -> None:
        """Count a failed attempt."""
        name, now = _network(client), self._clock()
        with self._lock:
            began, wrong = self._wrong.pop(name, (now, 0))
            if now - began >= self._window_seconds:
                began, wrong = now, 0
            self._wrong[name] = (began, wrong + 1)
            if len(self._wrong) > MOST_CLIENTS:
                self._wrong.popitem(last=False)

    def take_back(self, client: str) -> None:
        """Undo one count: an attempt counted in advance turned out to be right."""
        name = _network(client)
        with self._lock:
            began, wrong = self._wrong.get(name, (0.0, 0))
            if wrong > 1:
                self._wrong[name] = (began, wrong - 1)
            else:
                self._wrong.pop(name, None)


@lru_cache(maxsize=1_000)
def _network(client: str) -> str:
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return address.packed[:_NETWORK_BYTES].hex()
    return str(getattr(address, "ipv4_mapped", None) or address)
