"""Cached checks of calls against the calling rules."""

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from core.aggregation.compliance.judge import Judged
from core.aggregation.compliance.read import load_compliance
from core.aggregation.rollups.call_frames import CallFilters
from core.clock import utc_now
from core.storage import get_sync_database
from core.storage.archive.archived_rows import archived_rows
from core.storage.collections import CALLS
from dashboard.filters import Window

KEPT = 8
"""Few, because frames of calls are large."""


@dataclass(frozen=True)
class Compliance:
    """The calls of a period checked against the rules."""

    judged: Judged
    archived: int
    """Archived calls on the days of the period, which are not checked."""
    at: datetime
    """When they were read."""


@st.cache_resource(ttl=55, max_entries=KEPT, show_spinner=False)
def compliance(window: Window, filters: CallFilters) -> Compliance:
    """Return the calls of a period checked against the rules; shared, so never changed."""
    database, at = get_sync_database(), utc_now()
    judged = load_compliance(database, window.start, window.end, filters)
    return Compliance(judged, archived_rows(database, CALLS, window.start, window.end), at)
