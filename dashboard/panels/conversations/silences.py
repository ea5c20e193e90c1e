"""The silence panel: how often leads hang up, by the agent's longest silence."""

import pandas as pd

from core.aggregation.conversations import silences as of_silences
from core.aggregation.conversations.read import Conversations
from dashboard.charts import distributions
from dashboard.charts.distributions import Dots
from dashboard.drilldown import CallsTarget
from dashboard.panels.conversations.wording import TOO_LONG, of_which, share_words
from dashboard.panels.panel import Panel, fails_alone
from dashboard.panels.view import View

HUNG_UP = CallsTarget(facets={"end_reason": of_silences.HANG_UP})


@fails_alone("Hang-ups and silences")
def silences(view: View, found: Conversations | None) -> Panel:
    """Return how often leads hang up, by the agent's longest silence."""
    key, title = "silences", "Hang-ups by the agent's longest silence"
    if found is None:
        return Panel(key, title, TOO_LONG)
    frame = of_silences.hang_ups(found.calls)
    there = frame[frame["n"] > 0]
    if there.empty:
        return view.missing(key, title, "silence")
    ended, hung_up = of_silences.ended_in_silence(found.calls)
    rows = [str(name) for name in there.index]
    dots = Dots(
        "Hung up",
        view.palette.accent,
        there["rate"].tolist(),
        there["low"].tolist(),
        there["high"].tolist(),
        there["n"].astype(int).tolist(),
    )
    table = pd.DataFrame(
        {
            "Longest silence": rows,
            "Calls": there["n"].to_numpy(int),
            "Hung up (%)": (100 * there["rate"]).round(1).to_numpy(),
            "from": (100 * there["low"]).round(1).to_numpy(),
            "to": (100 * there["high"]).round(1).to_numpy(),
        }
    )
    return Panel(
        key,
        title,
        f"Of {hung_up:,} hang-ups {share_words(ended, hung_up)} came during a silence · share of "
        f"calls that the lead hung up, bars: 95 % interval · n {int(there['n'].sum()):,} answered calls of "
        f"{of_which(view, found)}",
        distributions.rate_dots(rows, [dots], view.palette),
        table,
        drilldown=lambda _: HUNG_UP,
    )
