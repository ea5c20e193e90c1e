"""Cached reads of webhooks: recent activity per source, and the latest deliveries with outcomes."""

from dataclasses import dataclass
from datetime import timedelta

import streamlit as st

from core.clock import utc_now
from core.errors import UserError
from core.hooks.secrets import hook_secrets
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.hook_deliveries import HookDelivery, SourceActivity, recent_deliveries, source_activity

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
    latest = recent_deliveries(get_sync_database(), most=MOST_LISTED)
    return Sources(tuple(on), trouble, _activity(), latest)


@st.cache_data(ttl=15, refresh_mode="background", show_spinner=False)
def _activity() -> dict[str, SourceActivity]:
    return source_activity(get_sync_database(), utc_now() - PERIOD)
