"""The calls in progress."""

from datetime import datetime, tzinfo

import pandas as pd
import streamlit as st

from core.access.personal import Naming
from core.storage.recording.active_calls import MOST_LISTED, ActiveCall
from dashboard import formats
from dashboard.calls.personal import shown_lead
from dashboard.filters import label
from dashboard.queries import cache, system_queries


def button(count: int, now: datetime, zone: tzinfo) -> None:
    """Show a button that lists the calls in progress.

    Its label never changes: a new label would make it a new button, and close it.
    """
    with st.popover(
        "List them", icon=":material/list:", type="tertiary", width="content", key="live", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        calls = cache.ask("active", system_queries.active_calls).value
        if not calls:
            st.caption("None, or the agent does not report when calls begin: see docs/recording.md.")
            return
        more = f", the newest {MOST_LISTED}" if count > len(calls) else ""
        st.caption(f"Calls heard from in the last 90 seconds{more}")
        shown = shown_lead()
        table = pd.DataFrame([_row(call, shown, now, zone) for call in calls])
        st.dataframe(
            table, width="content", hide_index=True, key="live-table", placeholder="", alt="Calls in progress"
        )


def _row(call: ActiveCall, shown: Naming, now: datetime, zone: tzinfo) -> dict[str, str | None]:
    began = call.started_at
    return {
        "Call": call.call_id,
        "Lead": shown(call.lead_id) if call.lead_id else None,
        "Began": f"{began.astimezone(zone):%H:%M:%S}" if began else None,
        "Duration": formats.duration((now - began).total_seconds()) if began else None,
        "Direction": label("direction", call.direction or ""),
        "Language": label("language", call.language),
        "Campaign": call.campaign,
    }
