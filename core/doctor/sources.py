"""What arrives without the agent: which platforms and carriers may post, and which of them are silent."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pymongo.database import Database

from core.clock import utc_now
from core.doctor.result import Finding, State
from core.hooks.secrets import hook_secrets, title_of
from core.settings import Settings
from core.storage.collections import HOOK_DELIVERY_SECONDS
from core.storage.hook_deliveries import HookOutcome, SourceActivity, source_activity
from core.types import Document, counted

_A_DAY = timedelta(days=1)


def webhooks(database: Database[Document], settings: Settings) -> Iterator[Finding]:
    """Return whether each enabled source was heard from within a day, and whether its deliveries were usable.

    Raises:
        UserError: HOOK_SECRETS is invalid.
    """
    on = sorted(hook_secrets(settings))
    now = utc_now()
    activity = source_activity(database, now - _A_DAY)
    if not on and activity:
        heard = ", ".join(title_of(name) for name in sorted(activity))
        text = (
            f"{heard} delivered within a day; HOOK_SECRETS is not set here, so it is set where the API runs"
        )
        yield Finding("webhooks", State.OK, text)
    elif not on:
        yield Finding("webhooks", State.OFF, "no source is on; see docs/webhooks.md to set one up")
    for name in on:
        yield _source(name, activity.get(name, SourceActivity(source=name)), now)


def _source(name: str, activity: SourceActivity, now: datetime) -> Finding:
    title, refused = title_of(name), activity.outcomes.get(HookOutcome.REFUSED, 0)
    last = activity.last_at
    if last is None or now - last > _A_DAY:
        remedy = f"is {title} set to /hooks/{name} of this API, and can it reach it?"
        # Deliveries are kept for a week, so a source that was just set up looks like one silent for longer.
        never = f"nothing from {title} has arrived yet, or not for {HOOK_DELIVERY_SECONDS // 86_400} days"
        silent = never if last is None else f"{title} is on but has delivered nothing for a day"
        return Finding("webhooks", State.WARN, silent, remedy)
    text = f"{title}: {counted(activity.total, 'delivery', 'deliveries')} in 24 h"
    if refused:
        remedy = f"see why: python -m core hooks list --source {name} --refused"
        return Finding("webhooks", State.WARN, f"{text}, {refused:,} of them refused", remedy)
    return Finding("webhooks", State.OK, text)
