"""The panel of Sources with the latest deliveries, their outcome and its reason."""

from datetime import datetime, tzinfo

import pandas as pd

from core.hooks.secrets import title_of
from core.storage.hook_deliveries import HookDelivery, HookOutcome
from dashboard import formats
from dashboard.drilldown import CallsTarget
from dashboard.panels.panel import Panel, fails_alone

KEY, TITLE = "deliveries", "Latest deliveries"
_BADGES = {
    HookOutcome.STORED: ":green[:material/check_circle:] stored",
    HookOutcome.SPOOLED: ":orange[:material/schedule:] spooled",
    HookOutcome.IGNORED: ":gray[:material/do_not_disturb_on:] ignored",
    HookOutcome.REFUSED: ":red[:material/error:] refused",
}


@fails_alone("Latest deliveries")
def panel(latest: list[HookDelivery], now: datetime, zone: tzinfo) -> Panel:
    """Return the latest deliveries of all sources, newest first."""
    refused = sum(one.outcome == HookOutcome.REFUSED for one in latest)
    words = f"{refused} refused" if refused else "none refused"
    return Panel(
        KEY,
        TITLE,
        f"Latest {len(latest)}, {words} · to process refused ones again: python -m core hooks replay",
        table=pd.DataFrame([one.model_dump(exclude={"body"}) for one in latest]),
        page=pd.DataFrame([_row(one, now, zone) for one in latest]),
    )


def _row(one: HookDelivery, now: datetime, zone: tzinfo) -> dict[str, str]:
    title = title_of(one.source)
    again = " · replayed" if one.replayed_at else ""
    return {
        "Received": formats.clock(one.received_at, zone, now),
        "Event": formats.plain(f"{title}, {one.event}" if one.event else title),
        "Outcome": _BADGES[HookOutcome(one.outcome)] + again,
        "Call": _call(one),
        "Notes": _why(one),
    }


def _call(one: HookDelivery) -> str:
    if not one.call_id:
        return formats.NONE
    return f"[{formats.plain(one.call_id)}]({CallsTarget(facets={'call_id': one.call_id}).link})"


def _why(one: HookDelivery) -> str:
    parts = [one.reason, one.remark, *(f"left out: {field}" for field in one.left_out)]
    return "; ".join(formats.plain(part) for part in parts if part) or formats.NONE
