"""Sending one message to one recipient; Apprise does the talking."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Protocol

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from core.alerting.limits import Limit
from core.alerting.message import Incident, Message, Tone
from core.logging_config import get_logger
from core.models.alerts import Severity

SEND_TIMEOUT_SECONDS = 60.0
"""Longest that a send is waited for; a mail server has 10 s for each answer, others 5 s."""
_AT_ONCE = 32
_NOTIFY_TYPES = {
    Tone.INFO: NotifyType.INFO,
    Tone.WARNING: NotifyType.WARNING,
    Tone.CRITICAL: NotifyType.FAILURE,
    Tone.RESOLVED: NotifyType.SUCCESS,
}
_ASSET = AppriseAsset(app_id="Voice agent monitoring", app_desc="Alerts of the voice agent")
_HTTP_STATUS = re.compile(r"error=(\d{3})")
_SMTP_STATUS = re.compile(r"(?:\(|refused: )(\d{3})\b")
_TRY_LATER = {408, 429}
_logger = get_logger("alerting")


@dataclass(frozen=True)
class Failure:
    """Why a message did not arrive, without secrets; ``permanent``: trying again cannot help."""

    reason: str
    permanent: bool = False


@dataclass(frozen=True)
class Recipient:
    """Somebody who is told: an identity without secrets, and what may be shown of it."""

    id: str
    label: str


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """Name in results: email, slack, or that of ALERT_APPRISE_URLS."""

    @property
    def recipients(self) -> Sequence[Recipient]:
        """Who is told; each is sent to on its own."""

    @property
    def severities(self) -> frozenset[Severity] | None:
        """The severities it takes; None takes all."""

    @property
    def pages(self) -> bool:
        """Whether each alert is a message of its own that opens or closes an incident."""

    @property
    def limit(self) -> Limit | None:
        """How much a recipient takes."""

    async def send(self, recipient: Recipient, message: Message) -> Failure | None:
        """Send one message; why it did not arrive. Never raises for what the other side does."""


@dataclass(frozen=True)
class Target:
    """A recipient's address: the URL may depend on the message, and is never shown."""

    recipient: Recipient
    url: Callable[[Message], str] = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    close: Callable[[Incident, str], Failure | None] | None = field(default=None, repr=False)
    """How an incident is closed, with a note, where Apprise cannot."""


@dataclass(frozen=True)
class AppriseChannel:
    """A channel that Apprise serves."""

    name: str
    targets: Sequence[Target]
    body: Callable[[Message], str] = lambda message: message.text
    html: bool = False
    title: Callable[[Message], str] | None = None
    severities: frozenset[Severity] | None = None
    pages: bool = False
    limit: Limit | None = None

    @property
    def recipients(self) -> Sequence[Recipient]:
        """Who is told."""
        return [target.recipient for target in self.targets]

    async def send(self, recipient: Recipient, message: Message) -> Failure | None:
        """Send to one recipient; what is not done in a minute counts as failed."""
        target = next((target for target in self.targets if target.recipient.id == recipient.id), None)
        if target is None:
            return Failure("the recipient is no longer configured", permanent=True)
        failure = await self._send(target, message)
        if failure is not None:
            extra = {"channel": self.name, "recipient": recipient.label, "reason": failure.reason}
            _logger.error("Alert not delivered", extra=extra)
        return failure

    async def _send(self, target: Target, message: Message) -> Failure | None:
        loop = asyncio.get_running_loop()
        try:
            sending = loop.run_in_executor(_threads(), self._notify, target, message)
            return await asyncio.wait_for(sending, SEND_TIMEOUT_SECONDS)
        except TimeoutError:
            return Failure(f"no answer within {SEND_TIMEOUT_SECONDS:.0f} s")
        except Exception as error:  # noqa: BLE001 (one channel's fault is not the caller's, nor another channel's)
            return Failure(type(error).__name__)

    def _notify(self, target: Target, message: Message) -> Failure | None:
        if target.close is not None and message.incident is not None and message.incident.over:
            return target.close(message.incident, message.text)
        _keep_quiet()
        # A fresh object each time: a used one sleeps between sends.
        plugin = Apprise.instantiate(target.url(message), asset=_ASSET)
        if plugin is None:
            return Failure("the address cannot be used; check the channel's settings", permanent=True)
        # The reason of a failure is logged at DEBUG, where Slack's token is too: a logger that
        # belongs to nobody lets the result have it, and no handler of the process.
        plugin.logger = logging.Logger("apprise.private", logging.DEBUG)  # noqa: LOG001 (registered nowhere)
        sender = Apprise(asset=_ASSET)
        sender.add(plugin)
        result = sender.notify(
            body=message.html if self.html else self.body(message),
            title=self.title(message) if self.title else message.title,
            notify_type=_NOTIFY_TYPES[message.tone],
            body_format=NotifyFormat.HTML if self.html else NotifyFormat.TEXT,
            log_level=logging.DEBUG,
        )
        if bool(result):
            return None
        return _failure(((entry.level, entry.message) for entry in result.logs()), target.secrets)


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads of our own: those that wait for a mail server must not keep others from sending."""
    return ThreadPoolExecutor(_AT_ONCE, "alert-sender")


def _keep_quiet() -> None:
    """These libraries print tokens at DEBUG; whatever the application logs, they stay above it."""
    for name in ("apprise", "urllib3"):
        logger = logging.getLogger(name)
        if logger.getEffectiveLevel() < logging.INFO or logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)


def _failure(entries: Iterable[tuple[str, str]], secrets: Iterable[str]) -> Failure:
    """The most telling line of what the plugin logged, without secrets, and whether it is final."""
    lines = list(entries)
    exceptions = [text.partition(": ")[2] for _, text in lines if text.startswith("Socket Exception: ")]
    warnings = [text for level, text in lines if level in {"WARNING", "ERROR"}]
    refused = [text for text in warnings if " was refused: " in text]
    reason = (refused or exceptions or warnings or ["no reason was given"])[-1]
    return Failure(hide(reason, secrets), _is_final(reason))


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text with each secret replaced."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def is_final_status(status: int) -> bool:
    """Whether an HTTP answer will be the same next time: a wrong address, key or payload."""
    return 300 <= status < 500 and status not in _TRY_LATER  # noqa: PLR2004


def _is_final(reason: str) -> bool:
    if answered := _HTTP_STATUS.search(reason):
        return is_final_status(int(answered[1]))
    # RFC 5321, 4.2.1: with mail servers it is 5xx that will not change.
    answered = _SMTP_STATUS.search(reason)
    return answered is not None and answered[1].startswith("5")


def identity(*parts: str) -> str:
    """A short identity of an address; no part may be a secret."""
    return sha256("|".join(parts).encode()).hexdigest()[:12]


async def send_directly(
    channels: Mapping[str, Channel], message: Message
) -> dict[str, dict[str, str | None]]:
    """Send past the outbox to everybody at once; by channel and recipient why it failed, or None."""

    async def send(channel: Channel) -> dict[str, str | None]:
        failures = await asyncio.gather(*(channel.send(one, message) for one in channel.recipients))
        reasons = [failure.reason if failure else None for failure in failures]
        return dict(zip((one.label for one in channel.recipients), reasons, strict=True))

    outcome = await asyncio.gather(*map(send, channels.values()))
    return dict(zip(channels, outcome, strict=True))
