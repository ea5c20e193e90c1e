"""The top of every page: firing alerts, the time of its figures; and the tab's title."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from core.clock import utc_now
from core.models.alerts import Alert
from core.settings import PRODUCT, get_settings
from dashboard import formats
from dashboard.panels import auto_refresh
from dashboard.queries import cache, system_queries
from dashboard.theme import SEVERITY_BADGES

DOT = "\N{MIDDLE DOT}"


def draw(name: str) -> None:
    """Draw the firing alerts and the time of the figures, and keep both up to date.

    ``name`` is the page's title, or the id of the call it shows.
    """
    auto_refresh.moment()
    with st.container(key="firing", width="content"):
        auto_refresh.renew(lambda: _status(name), auto_refresh.FIGURES_EVERY)


def _status(name: str) -> None:
    at = auto_refresh.as_of()
    try:
        answer = cache.ask("pulse", system_queries.pulse)
        firing, at = answer.value.alerts, answer.stale_since or at
    except cache.StoreAwayError:
        firing = []
    st.set_page_config(title(name, firing))
    st.markdown(" ".join([*badges(firing), _as_of(at)]))


def title(name: str, firing: Sequence[Alert]) -> str:
    """Return the browser tab's title: ``2 critical · Overview · Ringside``."""
    counted = [f"{count} {severity}" for severity, count in _counts(firing)]
    return f" {DOT} ".join([*([", ".join(counted)] if counted else []), name, PRODUCT])


def badges(firing: Sequence[Alert]) -> list[str]:
    """Return the number of firing alerts by severity, as badges that link to the Alerts page."""
    found = []
    for severity, count in _counts(firing):
        colour, icon, _ = SEVERITY_BADGES[severity]
        found.append(f"[:{colour}-badge[{icon} {count} {severity}]](alerts)")
    return found


def _counts(firing: Sequence[Alert]) -> list[tuple[str, int]]:
    counts = [(name, sum(alert.severity == name for alert in firing)) for name in SEVERITY_BADGES]
    return [(name, count) for name, count in counts if count]


def _as_of(at: datetime) -> str:
    clock = formats.clock(at, get_settings().tz, utc_now())
    return f":gray-badge[:material/schedule: as of {formats.plain(clock)}]"
