"""Channels: who is notified and how. Each recipient is sent to, and succeeds or fails, separately."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import Protocol

from core.alerting.channels.message import Message
from core.alerting.channels.rate_limit import Limit
from core.logging_config import get_logger
from core.models.alerts import Severity

SEND_TIMEOUT_SECONDS = 60.0
"""Longest time to wait for a send; within it, a mail server has 10 s for each answer, others 5 s."""
_AT_ONCE = 32
logger = get_logger("alerting")


@dataclass(frozen=True)
class Failure:
    """Why a message did not arrive, without secrets; ``permanent``: trying again cannot help."""

    reason: str
    permanent: bool = False
    wait: timedelta | None = None
    """How long the other side asked to be left alone."""
    held: bool = False
    """It was not tried because of the recipient's rate limit; it follows by itself."""


@dataclass(frozen=True)
class Recipient:
    """Somebody who is notified: an identity without secrets, and what may be shown of it."""

    id: str
    label: str


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """Return the name in results: email, slack, or the one in ALERT_APPRISE_URLS."""

    @property
    def recipients(self) -> Sequence[Recipient]:
        """Return who is notified; each is sent to separately."""

    @property
    def severities(self) -> frozenset[Severity] | None:
        """Return the severities it accepts; None accepts all."""

    @property
    def pages(self) -> bool:
        """Return whether each alert is a message of its own that opens or closes an incident."""

    @property
    def limit(self) -> Limit | None:
        """Return how many messages a recipient accepts."""

    @property
    def ends(self) -> bool:
        """Return whether it is notified of ends."""

    async def send(self, recipient: Recipient, message: Message) -> Failure | None:
        """Send one message; return why it did not arrive, or None. Never raises because of the other side."""


@dataclass(frozen=True)
class Target:
    """A recipient and the function that sends to it, which blocks and knows the secrets."""

    recipient: Recipient
    deliver: Callable[[Message], Failure | None] = field(repr=False)


@dataclass(frozen=True)
class TargetChannel:
    """A channel made of targets."""

    name: str
    targets: Sequence[Target]
    severities: frozenset[Severity] | None = None
    pages: bool = False
    limit: Limit | None = None
    ends: bool = True

    @property
    def recipients(self) -> Sequence[Recipient]:
        """Return who is notified."""
        return [target.recipient for target in self.targets]

    async def send(self, recipient: Recipient, message: Message) -> Failure | None:
        """Send to one recipient; a send that takes over a minute counts as failed."""
        target = next((target for target in self.targets if target.recipient.id == recipient.id), None)
        if target is None:
            return Failure("the recipient is no longer configured", permanent=True)
        failure = await _within_a_minute(target, message)
        if failure is not None:
            extra = {"channel": self.name, "recipient": recipient.label, "reason": failure.reason}
            logger.error("Alert not delivered", extra=extra)
        return failure


async def _within_a_minute(target: Target, message: Message) -> Failure | None:
    loop = asyncio.get_running_loop()
    try:
        sending = loop.run_in_executor(_threads(), target.deliver, message)
        return await asyncio.wait_for(sending, SEND_TIMEOUT_SECONDS)
    except TimeoutError:
        return Failure(f"no answer within {SEND_TIMEOUT_SECONDS:.0f} s")
    except Exception as error:  # noqa: BLE001 (one channel's fault is not the caller's, nor another channel's)
        return Failure(type(error).__name__)


@cache
def _threads() -> ThreadPoolExecutor:
    """Separate threads: those waiting for a mail server must not keep others from sending."""
    return ThreadPoolExecutor(_AT_ONCE, "alert-sender")


os.register_at_fork(after_in_child=_threads.cache_clear)  # a child has none of its parent's threads


async def send_directly(
    channels: Mapping[str, Channel], message: Message
) -> dict[str, dict[str, str | None]]:
    """Send to everybody at once, bypassing the outbox.

    Return by channel and recipient why it failed, or None.
    """

    async def send(channel: Channel) -> dict[str, str | None]:
        failures = await asyncio.gather(*(channel.send(one, message) for one in channel.recipients))
        reasons = [failure.reason if failure else None for failure in failures]
        return dict(zip((one.label for one in channel.recipients), reasons, strict=True))

    outcome = await asyncio.gather(*map(send, channels.values()))
    return dict(zip(channels, outcome, strict=True))


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each secret replaced."""
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    return text


def identity(*parts: str) -> str:
    """Return a short identity for an address; no part of it is a secret."""
    return sha256("|".join(parts).encode()).hexdigest()[:12]
