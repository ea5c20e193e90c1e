"""Send through Apprise, to Slack and everything else it reaches by URL."""

import builtins
import logging
import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import requests.exceptions
import urllib3.exceptions
from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType

from core.alerting.channels.base import Failure
from core.alerting.channels.layout import Tone, cut
from core.alerting.channels.message import Message
from core.alerting.channels.post import is_final
from core.errors import UserError
from core.settings import PRODUCT

_NOTIFY_TYPES = {
    Tone.INFO: NotifyType.INFO,
    Tone.WARNING: NotifyType.WARNING,
    Tone.CRITICAL: NotifyType.FAILURE,
    Tone.RESOLVED: NotifyType.SUCCESS,
}
_ASSET = AppriseAsset(app_id=PRODUCT, app_desc="Alerts of the voice agent")
_HTTP_STATUS = re.compile(r"error=(\d{3})\b")
_SMTP_STATUS = re.compile(r"Socket Exception: \((\d{3}), ")
_ERRNO = re.compile(r"\[Errno (\d{1,3})\]")
_WORD = re.compile(r"[A-Za-z]+")
_KINDS = frozenset(
    name
    for module in (builtins, smtplib, ssl, socket, requests.exceptions, urllib3.exceptions)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
)
"""Names of errors: the only parts of foreign texts that may be shown."""
_PLAIN_MODES = {"insecure", "none"}
_MENTION = re.compile(r"(?<![\w.])@(?=[\w*&!])")
"""An @everyone, @here, @all or a user's name, as chats understand it; not the one of a mail address."""
_UNHEARD = "@\N{ZERO WIDTH SPACE}"


@dataclass(frozen=True)
class AppriseSender:
    """Sends messages to a URL, which may depend on the message and is never shown."""

    url: Callable[[Message], str] = field(repr=False)

    def __call__(self, message: Message) -> Failure | None:
        """Send a message; return why it was not accepted, or None."""
        _keep_quiet()
        # A new object each time, because a used one sleeps between sends.
        plugin = Apprise.instantiate(self.url(message), asset=_ASSET)
        if plugin is None:
            return Failure("the address cannot be used; check the channel's settings", permanent=True)
        # Apprise logs the reason of a failure at DEBUG, along with Slack's token. A logger outside the
        # hierarchy passes it to the result, and to no handler of the process.
        plugin.logger = logging.Logger("apprise.private", logging.DEBUG)  # noqa: LOG001 (registered nowhere)
        sender = Apprise(asset=_ASSET)
        sender.add(plugin)
        title = _MENTION.sub(_UNHEARD, message.title)
        result = sender.notify(
            body=_fitting(title, _MENTION.sub(_UNHEARD, message.text), plugin),
            title=title,
            notify_type=_NOTIFY_TYPES[message.tone],
            body_format=NotifyFormat.TEXT,
            log_level=logging.DEBUG,
        )
        if bool(result):
            return None
        return _failure(entry.message for entry in result.logs())


def _fitting(title: str, text: str, plugin: NotifyBase) -> str:
    """Return the text shortened to what the service accepts.

    If it has no titles, the title counts as well.
    """
    room = len(title) + len("\r\n") if plugin.title_maxlen <= 0 else 0
    return cut(text, max(plugin.body_maxlen - room, 1)) if plugin.body_maxlen > 0 else text


def _keep_quiet() -> None:
    """These libraries print tokens at DEBUG, so they stay above it whatever the application logs."""
    for name in ("apprise", "urllib3"):
        logger = logging.getLogger(name)
        if logger.getEffectiveLevel() < logging.INFO or logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)


def _failure(lines: Iterable[str]) -> Failure:
    """Return the reason from the plugin's log in words of our own, and whether it is final.

    The original words may contain the address in any spelling, so only kinds and numbers of errors are used.
    """
    text = "\n".join(lines)
    if answered := _HTTP_STATUS.search(text):
        return Failure(f"refused: error={answered[1]}", is_final(int(answered[1])))
    if answered := _SMTP_STATUS.search(text):
        return Failure(f"refused: {answered[1]}", permanent=answered[1].startswith("5"))
    kinds = [kind for kind in _WORD.findall(text) if kind in _KINDS]
    codes = [int(code) for code in _ERRNO.findall(text)]
    reasons = [*kinds[-1:], *(os.strerror(code) for code in codes[-1:])]
    reasons += ["the certificate is not trusted"] if "CERTIFICATE_VERIFY_FAILED" in text else []
    return Failure(": ".join(reasons) or "not taken; the service gave no reason")


def check_url(name: str, url: str, *, allow_insecure: bool) -> None:
    """Refuse a URL that Apprise cannot use, or that works without verified encryption.

    Raises:
        UserError: one line that names the channel, and nothing of its URL but the scheme.
    """
    _keep_quiet()
    scheme = url.partition("://")[0].lower()
    plugin = Apprise.instantiate(url, asset=_ASSET, suppress_exceptions=True)
    if plugin is None:
        where = f"its form is in Apprise's documentation of {scheme}://"
        raise UserError(f"ALERT_APPRISE_URLS: the URL of {name} cannot be used; {where}")
    plain_schemes = plugin.protocol if isinstance(plugin.protocol, (tuple, list)) else (plugin.protocol,)
    unverified = not getattr(plugin, "verify_certificate", True)
    # What will actually be done counts, not the scheme: a URL's mode can undo what its scheme promises.
    plain = scheme in plain_schemes or str(getattr(plugin, "secure_mode", "")) in _PLAIN_MODES
    plain = plain or str(getattr(plugin, "notify_url", "")).startswith("http://")
    if (plain or unverified) and not allow_insecure:
        raise UserError(
            f"ALERT_APPRISE_URLS: {name} would be sent to without verified encryption; "
            f"use {_secure(scheme)}:// without verify=no or an insecure mode, "
            "or set ALERT_ALLOW_INSECURE=1 for a service of your own"
        )


def _secure(scheme: str) -> str:
    return scheme if scheme.endswith("s") else f"{scheme}s"
