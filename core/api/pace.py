"""Limit how many queries each key may send per minute."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.intake.bodies import INTAKE
from core.api.keys import key_of
from core.api.problems import ProblemResponse
from core.settings import get_settings

_API = "/api/"


@dataclass
class _Allowance:
    """What a key had left, and when."""

    left: float
    at: float


class Pace:
    """Answers 429 to a key that sends more than API_REQUESTS_PER_MINUTE.

    Requests that bring calls do not count.

    After a pause a key may send that many at once; then they become available evenly. Each process counts on
    its own.
    """

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._allowances: dict[str, _Allowance] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say when to try again."""
        wait = self._wait_seconds(scope) if scope["type"] == "http" else 0
        if wait:
            detail = f"this key may ask {get_settings().api_requests_per_minute:,} times a minute"
            too_many = ProblemResponse(429, detail, headers={"Retry-After": str(wait)})
            await too_many(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _wait_seconds(self, scope: Scope) -> int:
        most = get_settings().api_requests_per_minute
        path: str = scope["path"]
        if not most or not path.startswith(_API) or path in INTAKE:
            return 0
        key = key_of(scope)
        if key is None:  # refused later, or no key is needed
            return 0
        now, a_second = self._clock(), most / 60
        one = self._allowances.setdefault(key.id, _Allowance(most, now))
        one.left, one.at = min(most, one.left + (now - one.at) * a_second), now
        if one.left >= 1:
            one.left -= 1
            return 0
        return math.ceil((1 - one.left) / a_second)
