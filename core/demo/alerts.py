"""The alerts of the demo's past: the real checks, as of the moments around each trouble."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.database import Database

from core.alerting.channels.base import Channel, Recipient
from core.alerting.channels.message import Message
from core.alerting.channels.rate_limit import Limit
from core.alerting.check import check_alerts
from core.alerting.rules.rule_store import rules_in_force_async, save_rule
from core.demo.story import LIVE_TROUBLE_BEGAN, Story
from core.models.alerts import Severity
from core.models.rules import AlertRule, Level
from core.settings import get_settings
from core.storage.server.connection import database_for_loop
from core.types import Document

CHECK_EVERY = timedelta(minutes=5)
AFTERWARDS = timedelta(minutes=45)
RULE = AlertRule(
    id="model_latency",
    name="Language model latency",
    metric="llm_latency_p95_ms",
    levels={Severity.WARNING: Level(threshold=2_000), Severity.CRITICAL: Level(threshold=3_500)},
    min_samples=10,
    group_by=("language",),
)
"""A rule of the demo's own beside the built-in ones: it tells which language suffers."""


@dataclass(frozen=True)
class _Told:
    """A channel that says it told its people, so that the history has who was told; nothing is sent."""

    name: str
    recipients: tuple[Recipient, ...]
    severities: frozenset[Severity] | None = None
    pages: bool = False
    limit: Limit | None = None
    ends: bool = True

    async def send(self, recipient: Recipient, message: Message) -> None:
        """Nobody is told."""


def keep_rule(database: Database[Document]) -> None:
    """Store the demo's own rule, unless the rules come from a file."""
    if get_settings().alert_rules_file is None:
        save_rule(database, RULE, "demo")


def replay_checks(story: Story, start: datetime) -> None:
    """Check the rules in force as of the times around each trouble after ``start``; no message is sent."""
    asyncio.run(_replay(story, start))


async def _replay(story: Story, start: datetime) -> None:
    database = database_for_loop(None)
    rules = await rules_in_force_async(database)
    channels: dict[str, Channel] = {
        # The names say so, for on the page of channels none is set up.
        name: _Told(name, (Recipient(name, "nobody: simulated"),))
        for name in ("slack (simulated)", "email (simulated)")
    }
    for at in _moments(story):
        if at > start:
            await check_alerts(database, at, rules=rules.enabled, channels=channels)


def _moments(story: Story) -> Iterator[datetime]:
    spans = [(trouble.start, trouble.end + AFTERWARDS) for trouble in story.past]
    spans.append((story.now - LIVE_TROUBLE_BEGAN, story.now))
    for first, last in sorted(spans):
        count = int((last - first) / CHECK_EVERY)
        yield from (first + CHECK_EVERY * number for number in range(count + 1))
