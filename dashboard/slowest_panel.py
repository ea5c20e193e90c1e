"""The list of the slowest calls, each with the way to it."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.aggregation.definitions import METRICS
from core.aggregation.slowest import SlowCall
from core.settings import get_settings
from dashboard import formats
from dashboard.filters import label
from dashboard.reach import Aim


def slowest(calls: Sequence[SlowCall], field: str) -> None:
    """The slowest calls; an empty list says so."""
    zone, name = get_settings().tz, METRICS[field].label
    with st.container(border=True, key="chart-slowest", gap="xxsmall"):
        st.markdown(f"## Slowest calls by {name}")
        if not calls:
            st.caption(f"No {name} recorded in this period")
            return
        st.caption(f"The {len(calls)} highest means of a call's turns · a call opens with a click")
        rows = [
            {
                "Call": f"[{formats.plain(call.call_id)}]({Aim(facets={'call_id': call.call_id}).link})",
                name: formats.number(call.value, "ms"),
                "Started": f"{call.start_time.astimezone(zone):%a %-d %b %Y %H:%M:%S}",
                "Language": formats.plain(label("language", call.language)),
                "Outcome": label("status", call.status),
            }
            for call in calls
        ]
        st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt=f"Slowest calls by {name}")
