"""A rule's value before a message, for its chart and the previous value. From roll-ups, and cheap."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pymongo
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.alerting import wording
from core.alerting.evaluation.past_weeks import load_past
from core.logging_config import get_logger
from core.models.alerts import Alert, Notification, Trend
from core.models.rules import AlertRule
from core.storage.server.connection import blocking
from core.types import Document

WINDOWS = 12
"""How many windows are shown before the one the message is about."""
MOST_AT_ONCE = 10
_LONGEST_SECONDS = 5.0
_QUARTER = 900
logger = get_logger("alerting")


async def with_trends(
    database: AsyncDatabase[Document], notifications: Sequence[Notification], rules: Mapping[str, AlertRule]
) -> list[Notification]:
    """Return the notifications with the trends of their news; without, if anything fails."""
    news = {
        alert.id: (alert, notification.at)
        for notification in notifications
        for alert in notification.alerts[: min(notification.news, MOST_AT_ONCE)]
        if alert.alert_type in rules
    }
    try:
        found = await asyncio.to_thread(_trends, blocking(database), list(news.values()), rules)
    except Exception as error:  # noqa: BLE001 (a message is complete without its chart)
        logger.warning("Alert goes without its chart", extra={"reason": type(error).__name__})
        return list(notifications)
    return [
        notification.model_copy(
            update={"trends": {a.id: found[a.id] for a in notification.alerts if a.id in found}}
        )
        for notification in notifications
    ]


def _trends(
    database: Database[Document], news: Sequence[tuple[Alert, datetime]], rules: Mapping[str, AlertRule]
) -> dict[str, Trend]:
    with pymongo.timeout(_LONGEST_SECONDS):
        made = {alert.id: trend(database, rules[alert.alert_type], alert.labels, at) for alert, at in news}
    return {name: one for name, one in made.items() if one is not None}


def trend(
    database: Database[Document], rule: AlertRule, labels: Mapping[str, str], at: datetime
) -> Trend | None:
    """Return an instance's values in the windows before the one that ends at a given time.

    None if roll-ups cannot provide them: for windows that are not made of quarters of an hour, for requests
    to services, and for time without calls. The windows end on quarters of an hour and cover the calls that
    began in them.

    Raises:
        PyMongoError: the database does not answer.
    """
    length = timedelta(minutes=rule.window_minutes)
    beyond = rule.window_minutes % 15 or rule.window_minutes > 1440  # noqa: PLR2004 (a day)
    if beyond or not rule.measure.of_roll_ups:
        return None
    end = datetime.fromtimestamp((at - length).timestamp() // _QUARTER * _QUARTER, UTC)
    periods = [(end - number * length, end - (number - 1) * length) for number in range(WINDOWS, 0, -1)]
    past = load_past(database, rule, [(periods[0][0], end)])
    key = tuple(sorted(labels.items()))
    found = [past.value(period, key) for period in periods]
    values = [None if value is None else wording.shown(rule, value) for value in found]
    return Trend(values=values, minutes=rule.window_minutes, until=end)
