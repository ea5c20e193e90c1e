"""Sending through Apprise, to Slack and whatever else it reaches by a URL."""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from core.alerting.channels.base import Failure, hide
from core.alerting.channels.message import Message, Tone
from core.errors import UserError

_NOTIFY_TYPES = {
    Tone.INFO: NotifyType.INFO,
    Tone.WARNING: NotifyType.WARNING,
    Tone.CRITICAL: NotifyType.FAILURE,
    Tone.RESOLVED: NotifyType.SUCCESS,
}
_ASSET = AppriseAsset(app_id="Voice agent monitoring", app_desc="Alerts of the voice agent")
_HTTP_STATUS = re.compile(r"error=(\d{3})")
_TRY_LATER = {408, 429}
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class AppriseSender:
    """Sends messages to a URL, which may depend on the message and is never shown."""

    url: Callable[[Message], str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    body: Callable[[Message], str] = lambda message: message.text

    def __call__(self, message: Message) -> Failure | None:
        """Send a message; why it was not taken."""
        _keep_quiet()
        # A fresh object each time: a used one sleeps between sends.
        plugin = Apprise.instantiate(self.url(message), asset=_ASSET)
        if plugin is None:
            return Failure("the address cannot be used; check the channel's settings", permanent=True)
        # The reason of a failure is logged at DEBUG, where Slack's token is too: a logger that
        # belongs to nobody lets the result have it, and no handler of the process.
        plugin.logger = logging.Logger("apprise.private", logging.DEBUG)  # noqa: LOG001 (registered nowhere)
        sender = Apprise(asset=_ASSET)
        sender.add(plugin)
        result = sender.notify(
            body=self.body(message),
            title=message.title,
            notify_type=_NOTIFY_TYPES[message.tone],
            body_format=NotifyFormat.TEXT,
            log_level=logging.DEBUG,
        )
        if bool(result):
            return None
        return _failure(((entry.level, entry.message) for entry in result.logs()), self.secrets)


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
    reason = (exceptions or warnings or ["no reason was given"])[-1]
    answered = _HTTP_STATUS.search(reason)
    return Failure(hide(reason, secrets), answered is not None and is_final(int(answered[1])))


def is_final(status: int) -> bool:
    """Whether an HTTP answer will be the same next time: a wrong address, key or payload."""
    return 300 <= status < 500 and status not in _TRY_LATER  # noqa: PLR2004 (HTTP classes)


def tokens(url: str) -> tuple[str, ...]:
    """Every part of a URL that might be a secret, the longest first."""
    parts = re.split(r"[/@:?&=]+", url.partition("://")[2])
    found = {form for part in parts for form in (part, unquote(part)) if len(form) >= _SHORTEST_SECRET}
    return tuple(sorted(found, key=len, reverse=True))


def check_url(name: str, url: str, *, allow_insecure: bool) -> None:
    """Refuse a URL that Apprise cannot use, or that goes without verified encryption.

    Raises:
        UserError: one line that names the channel, nothing of its URL but the scheme.
    """
    _keep_quiet()
    scheme = url.partition("://")[0].lower()
    plugin = Apprise.instantiate(url, asset=_ASSET, suppress_exceptions=True)
    if plugin is None:
        where = f"its form is in Apprise's documentation of {scheme}://"
        raise UserError(f"ALERT_APPRISE_URLS: the URL of {name} cannot be used; {where}")
    plain = plugin.protocol if isinstance(plugin.protocol, (tuple, list)) else (plugin.protocol,)
    unverified = not getattr(plugin, "verify_certificate", True)
    if (scheme in plain or unverified) and not allow_insecure:
        raise UserError(
            f"ALERT_APPRISE_URLS: {name} would be sent to without verified encryption; use {scheme}s:// "
            "without verify=no, or set ALERT_ALLOW_INSECURE=1 for a relay of your own"
        )
