"""Decide whether to try the database: after a failure it is bypassed for a while, so that no call waits."""

import time

REST_SECONDS = 5.0
"""How long to bypass the database after a failure."""
LOOK_SECONDS = 1.0
"""How often the spool is checked for waiting records while the database answers."""


class DatabaseBreaker:
    """A circuit breaker: open for REST_SECONDS after a failure, closed again by any success.

    There is no half-open state: once the rest is over, the next records try the database, within
    RECORD_WAIT_SECONDS, and a failure opens the breaker again. Its state is two floats, read and written
    without a lock: the worst a race can do is one try too many.
    """

    def __init__(self) -> None:
        self.rest_until = 0.0
        self.next_look = 0.0

    def is_open(self) -> bool:
        """Return whether records should go straight to the spool."""
        return time.monotonic() < self.rest_until

    def failed(self) -> None:
        """Bypass the database from now on."""
        self.rest_until = time.monotonic() + REST_SECONDS

    def succeeded(self) -> None:
        """Use the database again at once."""
        self.rest_until = 0.0

    def look_is_due(self) -> bool:
        """Return True to one caller a second: the one that should check the spool."""
        now = time.monotonic()
        if now < self.next_look:
            return False
        self.next_look = now + LOOK_SECONDS
        return True


breaker = DatabaseBreaker()
"""This process's breaker: all its recorders write to the same server."""
