"""Cached reads of webhooks: recent activity per source, and the latest deliveries with outcomes."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

import streamlit as st
from pymongo.database import Database

from core.clock import utc_now
from core.errors import UserError
from core.hooks.secrets import hook_secrets
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.archive.known_ids import perhaps_archived
from core.storage.collections import ACTIVE_CALLS, CALLS
from core.storage.hook_deliveries import HookDelivery, SourceActivity, recent_deliveries, source_activity
from core.storage.restrictions import hidden_leads, is_hidden
from core.types import Document

PERIOD = timedelta(hours=24)
MOST_LISTED = 50
_WHOSE = {"lead_id": 1, "provider_call_id": 1}


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
    unnamed = _unnamed(database, [one.call_id for one in latest if one.call_id])
    return [one.model_copy(update={"call_id": None}) if one.call_id in unnamed else one for one in latest]


def _unnamed(database: Database[Document], ids: list[str]) -> set[str]:
    """Return the ids, the agent's or a source's, of calls that may be a hidden lead's, in progress or over.

    Archived ones are among them whoever's they are: which lead's would have to be read from every file.
    """
    named: Document = {"$in": ids, "$type": "string"}
    stored = database[CALLS].find({"$or": [{"_id": named}, {"provider_call_id": named}]}, _WHOSE)
    known, hidden = set[str](), set[str]()
    for call in chain(stored, database[ACTIVE_CALLS].find({"_id": named}, _WHOSE)):
        own = {call["_id"], call.get("provider_call_id")}
        known |= own
        if is_hidden(database, call):
            hidden |= own
    rest = [one for one in ids if one not in known]
    archived = (perhaps_archived(database, rest, [], field) for field in ("_id", "provider_call_id"))
    return hidden.union(*archived)


@st.cache_data(ttl=15, refresh_mode="background", show_spinner=False)
def _activity() -> dict[str, SourceActivity]:
    return source_activity(get_sync_database(), utc_now() - PERIOD)
