"""Sending a message through the configured channels; Apprise does the talking."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from core.alerting.message import Message, Tone
from core.logging_config import get_logger
from core.settings import Settings

EMAIL = "email"
SLACK = "slack"
CHANNEL_NAMES = (EMAIL, SLACK)

SEND_TIMEOUT_SECONDS = 30.0
"""Longest that a send is waited for; a mail server has 10 s to answer, Slack 5 s."""
_IMPLICIT_TLS_PORT = 465
_NOTIFY_TYPES = {
    Tone.INFO: NotifyType.INFO,
    Tone.WARNING: NotifyType.WARNING,
    Tone.CRITICAL: NotifyType.FAILURE,
    Tone.RESOLVED: NotifyType.SUCCESS,
}
_ASSET = AppriseAsset(app_id="Voice agent monitoring", app_desc="Alerts of the voice agent")
_logger = get_logger("alerting")


@dataclass(frozen=True)
class Delivery:
    """What became of one message in one channel, by recipient; reasons hold no secrets."""

    delivered: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Somebody got it: sending it again would repeat it to them."""
        return bool(self.delivered)

    @property
    def complete(self) -> bool:
        """Everybody got it."""
        return bool(self.delivered) and not self.failed


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """Name in results: email, slack."""

    async def send(self, message: Message) -> Delivery:
        """Send one message; never raises for what the other side does."""


@dataclass(frozen=True)
class _Target:
    """One recipient: a label that may be shown, and what must never be."""

    label: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class AppriseChannel:
    """A channel that Apprise serves; each recipient is sent to, and answers, on its own."""

    name: str
    targets: Sequence[_Target]
    brief: bool = False

    async def send(self, message: Message) -> Delivery:
        """Send to every recipient at once; what is not done in 30 s counts as failed."""
        body = message.brief if self.brief else message.text
        reasons = await asyncio.gather(*(_deliver(target, message, body) for target in self.targets))
        outcome = dict(zip((target.label for target in self.targets), reasons, strict=True))
        failed = {label: reason for label, reason in outcome.items() if reason is not None}
        for label, reason in failed.items():
            _logger.error(
                "Alert not delivered", extra={"channel": self.name, "recipient": label, "reason": reason}
            )
        return Delivery(tuple(label for label in outcome if label not in failed), failed)


async def _deliver(target: _Target, message: Message, body: str) -> str | None:
    """Send to one recipient; why it failed, None when it did not."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(_notify, target, message, body), SEND_TIMEOUT_SECONDS)
    except TimeoutError:
        return f"no answer within {SEND_TIMEOUT_SECONDS:.0f} s"
    except Exception as error:  # noqa: BLE001 (one channel's fault is not the caller's, nor another channel's)
        return type(error).__name__


def _notify(target: _Target, message: Message, body: str) -> str | None:
    _keep_quiet()
    # A fresh object each time: a used one sleeps between sends.
    plugin = Apprise.instantiate(target.url, asset=_ASSET)
    if plugin is None:
        return "the address cannot be used; check the channel's settings"
    # The reason of a failure is logged at DEBUG, where Slack's token is too: a logger that
    # belongs to nobody lets the result have it, and no handler of the process.
    plugin.logger = logging.Logger("apprise.private", logging.DEBUG)  # noqa: LOG001 (registered nowhere)
    sender = Apprise(asset=_ASSET)
    sender.add(plugin)
    result = sender.notify(
        body=body,
        title=message.title,
        notify_type=_NOTIFY_TYPES[message.tone],
        body_format=NotifyFormat.TEXT,
        log_level=logging.DEBUG,
    )
    if bool(result):
        return None
    return _reason(((entry.level, entry.message) for entry in result.logs()), target.secrets)


def _keep_quiet() -> None:
    """These libraries print tokens at DEBUG; whatever the application logs, they stay above it."""
    for name in ("apprise", "urllib3"):
        logger = logging.getLogger(name)
        if logger.getEffectiveLevel() < logging.INFO or logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)


def _reason(entries: Iterable[tuple[str, str]], secrets: Iterable[str]) -> str:
    """The most telling line of what the plugin logged, without secrets."""
    lines = list(entries)
    exceptions = [text.partition(": ")[2] for _, text in lines if text.startswith("Socket Exception: ")]
    warnings = [text for level, text in lines if level in {"WARNING", "ERROR"}]
    reason = (exceptions or warnings or ["no reason was given"])[-1]
    for secret in secrets:
        reason = reason.replace(secret, "***")
    return reason


def configured_channels(settings: Settings) -> dict[str, Channel]:
    """The channels that are set up, by name."""
    channels: dict[str, Channel] = {}
    if settings.smtp_server:
        channels[EMAIL] = AppriseChannel(EMAIL, _mails(settings))
    if settings.slack_webhook_url:
        target = _slack(settings.slack_webhook_url.get_secret_value())
        channels[SLACK] = AppriseChannel(SLACK, [target], brief=True)
    return channels


def _mails(settings: Settings) -> list[_Target]:
    # Addresses are masked in the log: it tells recipients apart by their number.
    return [
        _mail(settings, recipient, f"recipient {number} of ALERT_EMAIL_TO")
        for number, recipient in enumerate(settings.alert_email_to, start=1)
    ]


def _mail(settings: Settings, recipient: str, label: str) -> _Target:
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
    user = settings.smtp_username or ""
    credentials = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    options = {
        "mode": "ssl" if settings.smtp_port == _IMPLICIT_TLS_PORT else "starttls",
        "smtp": settings.smtp_server,
        "from": settings.alert_email_from,
        "to": recipient,
        "format": "text",
        "cto": 10,
    }
    server = f"{settings.smtp_server}:{settings.smtp_port}"
    url = f"mailtos://{credentials}{server}/?{urlencode(options, quote_via=quote)}"
    secrets = tuple(text for text in (password, quote(password, safe="")) if text)
    return _Target(label, url, secrets)


def _slack(webhook: str) -> _Target:
    parts = urlsplit(webhook)
    options = {"cto": 3, "rto": 5, "image": "no", "footer": "no", "redirect": "no"}
    url = f"{parts.scheme}://{parts.netloc}{parts.path}?{urlencode(options)}"
    return _Target("Slack", url, tuple(part for part in parts.path.split("/")[2:] if part))


async def send_everywhere(channels: Mapping[str, Channel], message: Message) -> dict[str, Delivery]:
    """Send one message to every channel at once; the outcome by channel."""
    deliveries = await asyncio.gather(*(channel.send(message) for channel in channels.values()))
    return dict(zip(channels, deliveries, strict=True))
