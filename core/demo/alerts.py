"""The alerts of the demo's past: real checks, run as of the times around each incident."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from pymongo.database import Database

from core.alerting.actions import acknowledge
from core.alerting.channels.base import Channel, TargetChannel
from core.alerting.channels.configured import EMAIL, configured_channels
from core.alerting.check import check_alerts
from core.alerting.rules.rule_store import rules_in_force_async, save_rule
from core.demo.mailbox import TO
from core.demo.story import LIVE_TROUBLE_BEGAN, Story
from core.models.alerts import AlertState, Severity
from core.models.rules import AlertRule, Level
from core.settings import get_settings
from core.storage.collections import ALERTS
from core.storage.server.connection import blocking, database_for_loop
from core.types import Document

CHECK_EVERY = timedelta(minutes=5)
AFTERWARDS = timedelta(minutes=45)
ACKNOWLEDGED_AFTER = timedelta(minutes=10)
"""How long after the incident began its alerts are acknowledged."""
ON_CALL, COMMENT = "Kavya", "Model times out for Hinglish; ticket with the provider is open"
RULE = AlertRule(
    id="model_latency",
    name="Language model latency",
    metric="llm_latency_p95_ms",
    levels={Severity.WARNING: Level(threshold=2_000), Severity.CRITICAL: Level(threshold=3_500)},
    min_samples=10,
    group_by=("language",),
)
"""The demo's own rule beside the built-in ones; it shows which language is affected."""


def keep_rule(database: Database[Document]) -> None:
    """Store the demo's own rule, unless the rules come from a file."""
    if get_settings().alert_rules_file is None:
        save_rule(database, RULE, "demo")


def replay_checks(story: Story, start: datetime) -> None:
    """Check the rules in force as of the times around each incident after ``start``.

    Messages only go to the demo's own mail server, if there is one.
    """
    asyncio.run(_replay(story, start))


def own_channels() -> Mapping[str, Channel]:
    """Return the channels that only reach the demo: email, if it goes to the demo's own address."""
    settings = get_settings()
    if settings.alert_email_to != (TO,):
        return {}
    mail = configured_channels(settings)[EMAIL]
    # Two weeks of messages are sent at once here, so the rate limit is removed.
    return {EMAIL: replace(mail, limit=None) if isinstance(mail, TargetChannel) else mail}


async def _replay(story: Story, start: datetime) -> None:
    database = database_for_loop(None)
    rules = await rules_in_force_async(database)
    channels = own_channels()
    for at in _moments(story):
        if at > start:
            await check_alerts(database, at, rules=rules.enabled, channels=channels)
            await asyncio.to_thread(_acknowledge, blocking(database), story, at)


def _acknowledge(database: Database[Document], story: Story, at: datetime) -> None:
    """Acknowledge the alerts of the language model's incident, once."""
    incident = next(trouble for trouble in story.past if trouble.component == "llm")
    if not timedelta(0) <= at - incident.start - ACKNOWLEDGED_AFTER < CHECK_EVERY:
        return
    fires = {"state": AlertState.FIRING, "started_at": {"$gte": incident.start}}
    for alert in list(database[ALERTS].find(fires, {"_id": 1})):
        acknowledge(database, alert["_id"], ON_CALL, COMMENT, now=at)


def _moments(story: Story) -> Iterator[datetime]:
    spans = [(trouble.start, trouble.end + AFTERWARDS) for trouble in story.past]
    spans.append((story.now - LIVE_TROUBLE_BEGAN, story.now))
    for first, last in sorted(spans):
        count = int((last - first) / CHECK_EVERY)
        yield from (first + CHECK_EVERY * number for number in range(count + 1))
