"""Sending to a Slack incoming webhook: with words for the notice on a phone, and a title that is a link."""

from dataclasses import dataclass, field
from typing import Any

from core.alerting.channels.base import Failure
from core.alerting.channels.layout import COLOURS, cut
from core.alerting.channels.message import Message
from core.alerting.channels.post import post
from core.settings import PRODUCT

LONGEST_TEXT = 8_000
"""Slack cuts an attachment's text off beyond it, unsaid. In its letters: & < > are several."""
_LONGEST_TITLE = 300


@dataclass(frozen=True)
class SlackSender:
    """Sends messages to a webhook, whose address is never shown."""

    url: str = field(repr=False)

    def __call__(self, message: Message) -> Failure | None:
        """Send a message; why it was not taken."""
        return post(self.url, payload(message))


def payload(message: Message) -> dict[str, Any]:
    """What is posted; no text in it is markup, and none pings anybody."""
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
    """A text as Slack wants it escaped, in the length that it takes."""
    for width in (most, most - most // 10, most // 2, most // 5):
        escaped = cut(text, width).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if len(escaped) <= most:
            break
    return escaped
