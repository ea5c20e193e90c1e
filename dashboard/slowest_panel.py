"""The panel of the slowest calls, each with the way to it."""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from core.aggregation.definitions import METRICS
from core.aggregation.slowest import SlowCall
from core.settings import get_settings
from dashboard import formats
from dashboard.filters import label
from dashboard.panel import Panel, show
from dashboard.reach import Aim

KEY = "slowest"


def slowest(calls: Sequence[SlowCall], field: str) -> None:
    """The slowest calls; an empty list says so."""
    zone, name = get_settings().tz, METRICS[field].label
    title = f"Slowest calls by {name}"
    if not calls:
        show(Panel(KEY, title, f"No {name} recorded in this period"))
        return
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
    caption = f"The {len(calls)} highest means of a call's turns · a call opens with a click"
    table = pd.DataFrame([asdict(call) for call in calls]).rename(columns={"value": f"{name} (ms)"})
    show(Panel(KEY, title, caption, table=table, page=pd.DataFrame(rows)))
