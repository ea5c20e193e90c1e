"""Send to a Slack incoming webhook, with a text for the phone's notification and a linked title."""

from dataclasses import dataclass, field
from typing import Any

from core.alerting.channels.base import Failure
from core.alerting.channels.layout import COLOURS, cut
from core.alerting.channels.message import Message
from core.alerting.channels.post import post
from core.settings import PRODUCT

LONGEST_TEXT = 8_000
"""Slack silently cuts an attachment's text beyond this. It counts & < > as several letters."""
_LONGEST_TITLE = 300


@dataclass(frozen=True)
class SlackSender:
    """Sends messages to a webhook, whose address is never shown."""

    url: str = field(repr=False)

    def __call__(self, message: Message) -> Failure | None:
        """Send a message; return why it was not accepted, or None."""
        return post(self.url, payload(message))


def payload(message: Message) -> dict[str, Any]:
    """Return what is posted; no text in it is markup, and none mentions anybody."""
    title = _within(message.title, _LONGEST_TITLE)
    attachment = {
        "title": title,
        "text": _within(message.brief, LONGEST_TEXT),
        "fallback": title,
        "color": COLOURS[message.tone],
        "mrkdwn_in": [],
    }
    if message.link:
        attachment["title_link"] = message.link
    return {"text": title, "username": PRODUCT, "mrkdwn": False, "attachments": [attachment]}


def _within(text: str, most: int) -> str:
    """Return a text escaped for Slack, at a length it accepts."""
    for width in (most, most - most // 10, most // 2, most // 5):
        escaped = cut(text, width).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if len(escaped) <= most:
            break
    return escaped
