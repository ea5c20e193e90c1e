"""The handoff panel: how long leads wait for a person, and how often one answers in time."""

import pandas as pd

from core.aggregation.conversations import handoffs as of_handoffs
from core.aggregation.conversations.read import Conversations
from dashboard.charts.bins import stacked_bins
from dashboard.drilldown import CallsTarget
from dashboard.filters import label
from dashboard.panels.conversations.wording import TOO_LONG, of_which, share_words
from dashboard.panels.panel import Panel, fails_alone
from dashboard.panels.view import View

HANDED_OFF = CallsTarget(facets={"stage": "handed_off"})


@fails_alone("Handoffs")
def handoffs(view: View, found: Conversations | None) -> Panel:
    """Return how long leads wait for a person, and how often one answers in time."""
    key, title = "handoff-waits", "Handoffs: how long leads wait for a person"
    if found is None:
        return Panel(key, title, TOO_LONG)
    frame, waits = of_handoffs.handoffs(found.calls), of_handoffs.waits(found.calls)
    whole = {str(name): float(value) for name, value in frame.iloc[0].items()}
    n = int(whole["offered"])
    if not n:
        return view.missing(key, title, "handoff wait")
    answered, in_time = (round(whole[name] * n) for name in ("answered", "in_time"))
    palette = view.palette
    figure = stacked_bins(
        [_bin(start, end) for start, end in zip(waits["start"], waits["end"], strict=True)],
        waits,
        {"answered": "Answered by a person", "unanswered": "Not answered"},
        {"answered": palette.colours["completed"], "unanswered": palette.colours["failed"]},
        palette,
        x_title="wait, s",
    )
    untold = f" · wait unknown for {int(whole['untold']):,}" if whole["untold"] else ""
    table = pd.DataFrame(
        {
            "Language": ["All", *(label("language", str(name)) for name in frame.index[1:])],
            "Handoffs": frame["offered"].to_numpy(int),
            "Answered (%)": (100 * frame["answered"]).round(1).to_numpy(),
            "from": (100 * frame["answered_low"]).round(1).to_numpy(),
            "to": (100 * frame["answered_high"]).round(1).to_numpy(),
            f"Within {of_handoffs.SLA_SECONDS:.0f} s (%)": (100 * frame["in_time"]).round(1).to_numpy(),
            "low": (100 * frame["in_time_low"]).round(1).to_numpy(),
            "high": (100 * frame["in_time_high"]).round(1).to_numpy(),
            "p50 (s)": frame["p50"].round(1).to_numpy(),
            "p95 (s)": frame["p95"].round(1).to_numpy(),
        }
    )
    return Panel(
        key,
        title,
        f"A person answers {share_words(answered, n)}, within {of_handoffs.SLA_SECONDS:.0f} s "
        f"{share_words(in_time, n)} · wait p50 {whole['p50']:.0f} s, p95 {whole['p95']:.0f} s{untold} "
        f"· n {n:,} handoffs of {of_which(view, found)}",
        figure,
        table,
        drilldown=lambda _: HANDED_OFF,
    )


def _bin(start: float, end: float) -> str:
    return f"{start:.0f}+" if end == float("inf") else f"{start:.0f}\N{EN DASH}{end:.0f}"
