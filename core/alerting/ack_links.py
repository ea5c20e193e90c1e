"""Links in messages that let their reader acknowledge the alert, signed with ACK_LINK_KEY."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.models.alerts import Alert
from core.settings import get_settings

PATH = "/acknowledge"
LASTS = timedelta(hours=24)
"""How long after its message a link works."""
_PURPOSE = b"acknowledge\0"
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True)
class AckLink:
    """What a link is valid for: one alert, in its current run of firing, until a given time."""

    alert_id: str
    started_at: datetime
    until: datetime

    def is_about(self, alert: Alert) -> bool:
        """Return whether this is the very alert of the message, and not a later one of the same rule."""
        return alert.id == self.alert_id and alert.started_at == self.started_at


def ack_link(alert: Alert, at: datetime) -> str | None:
    """Return the address that acknowledges an alert of a message sent at ``at``.

    None without ACK_LINK_KEY.
    """
    settings = get_settings()
    if settings.ack_link_key is None:
        return None
    said = f"{alert.id}.{_number(alert.started_at):x}.{_number(at + LASTS):x}"
    return f"{settings.api_url}{PATH}/{said}.{_signature(said, settings.ack_link_key.get_secret_value())}"


def read_token(token: str) -> AckLink | None:
    """Return what the last part of such an address says; None unless it is signed with our key."""
    key = get_settings().ack_link_key
    said, _, signature = token.rpartition(".")
    if key is None or not hmac.compare_digest(
        _signature(said, key.get_secret_value()).encode(), signature.encode(errors="replace")
    ):
        return None
    alert_id, started, until = said.rsplit(".", 2)
    return AckLink(alert_id, _moment(started), _moment(until))


def _signature(said: str, key: str) -> str:
    digest = hmac.digest(key.encode(), _PURPOSE + said.encode(errors="replace"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _number(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _TICK


def _moment(number: str) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + int(number, 16) * _TICK
