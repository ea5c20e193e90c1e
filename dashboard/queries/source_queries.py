"""Cached reads of webhooks: recent activity per source, and the latest deliveries with outcomes."""

from dataclasses import dataclass
from datetime import timedelta

import streamlit as st

from core.clock import utc_now
from core.errors import UserError
from core.hooks.secrets import hook_secrets
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.collections import CALLS
from core.storage.hook_deliveries import HookDelivery, SourceActivity, recent_deliveries, source_activity
from core.storage.restrictions import hidden_leads, is_hidden

PERIOD = timedelta(hours=24)
MOST_LISTED = 50


@dataclass(frozen=True)
class Sources:
    """Which sources are on, their activity in 24 hours, and the latest deliveries."""

    on: tuple[str, ...]
    trouble: str | None
    """Why the configured secrets cannot be used."""
    activity: dict[str, SourceActivity]
    latest: list[HookDelivery]


@st.cache_data(ttl=4, show_spinner=False)
def sources() -> Sources:
    """Return the sources with their latest deliveries, at most 4 s old."""
    trouble: str | None = None
    on: list[str] = []
    try:
        on = sorted(hook_secrets(get_settings()))
    except UserError as error:
        trouble = str(error)
    return Sources(tuple(on), trouble, _activity(), _latest())


def _latest() -> list[HookDelivery]:
    """Return the latest deliveries; they name no call of a hidden lead."""
    database = get_sync_database()
    latest = recent_deliveries(database, most=MOST_LISTED)
    if not hidden_leads(database):
        return latest
    named = {"_id": {"$in": [one.call_id for one in latest if one.call_id]}}
    calls = database[CALLS].find(named, {"lead_id": 1})
    unnamed = {call["_id"] for call in calls if is_hidden(database, call)}
    return [one.model_copy(update={"call_id": None}) if one.call_id in unnamed else one for one in latest]


@st.cache_data(ttl=15, refresh_mode="background", show_spinner=False)
def _activity() -> dict[str, SourceActivity]:
    return source_activity(get_sync_database(), utc_now() - PERIOD)
