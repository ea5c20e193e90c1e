"""Reads of the audit log: pages, actors, and verification."""

import csv
import io

import streamlit as st

from core.access.audit.entries import Entry
from core.access.audit.reading import COLUMNS, Wanted, actors, csv_row, entries
from core.access.audit.verify import Report, verify
from core.storage import get_sync_database
from core.types import Progress
from dashboard.queries.cache import ANSWERS_KEPT

ROWS = 50
"""Rows per page."""
MOST_IN_CSV = 100_000


@st.cache_data(ttl=4, max_entries=ANSWERS_KEPT, show_spinner=False)
def page(wanted: Wanted, before: int | None) -> list[Entry]:
    """Return a page of entries, newest first, plus one if there are more; at most 4 s old."""
    return list(entries(get_sync_database(), wanted, before=before, most=ROWS + 1))


@st.cache_data(ttl=30, refresh_mode="background", show_spinner=False)
def known_actors() -> list[str]:
    """Return the actors in the log."""
    return actors(get_sync_database())


def as_csv(wanted: Wanted) -> str:
    """Return the entries as CSV; not cached."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for entry in entries(get_sync_database(), wanted, most=MOST_IN_CSV):
        rows.writerow(csv_row(entry))
    return text.getvalue()


def verify_log(progress: Progress) -> Report:
    """Verify the whole log; not cached."""
    return verify(get_sync_database(), progress)
