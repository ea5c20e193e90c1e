"""The timeline of an alert from start to end, on the page and as CSV."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from core.alerting.board import HistoryLine
from core.alerting.wording import label_words
from core.models.alerts import Alert
from core.settings import get_settings
from dashboard import formats
from dashboard.alerts import episodes
from dashboard.panels.panel import csv_button
from dashboard.queries import alert_queries, cache
from dashboard.theme import severity_badge

MOST_LINES = 20
_ICONS = {
    "firing": "notifications_active",
    "escalated": "trending_up",
    "eased": "trending_down",
    "resolved": "check_circle",
    "acknowledged": "front_hand",
    "sent": "send",
    "not sent": "error",
}
_WORDS = {
    "firing": "Fired",
    "escalated": "Escalated",
    "eased": "Eased",
    "pending": "Pending",
    "cancelled": "No longer pending",
    "resolved": "Resolved",
    "acknowledged": "Acknowledged",
    "sent": "Notified",
    "not sent": "Not delivered",
}
_WITH_SEVERITY = frozenset({"firing", "escalated", "eased", "pending"})


def timeline(alert: Alert, now: datetime) -> None:
    """Show a popover with every step of the alert's current or last episode, and its CSV."""
    with st.popover("Timeline", icon=":material/timeline:", type="tertiary", key=f"told-{alert.id}"):
        alert_id = episodes.id_of(alert)
        lines = cache.ask(("incident", alert_id), alert_queries.incident, alert_id).value
        steps = episodes.told_of(alert, lines)[::-1]
        if not any(line.event == "sent" for line in steps):
            st.caption("Nobody was notified: no channel was set up, or the alert was muted.")
        for line in steps[:MOST_LINES]:
            st.markdown(_step(line, now))
        if len(steps) > MOST_LINES:
            st.caption(f"and {len(steps) - MOST_LINES} more in the CSV")
        if steps:
            csv_button(f"timeline-{alert.id}", formats.to_csv(table(steps)), alert=alert_id, lines=len(steps))


def _step(line: HistoryLine, now: datetime) -> str:
    icon, when = _ICONS.get(line.event, "info"), formats.clock(line.at, get_settings().tz, now)
    badge = f" {severity_badge(line.severity)}" if line.event in _WITH_SEVERITY and line.severity else ""
    said = line.comment or ("" if line.event in {"sent", "acknowledged"} else line.message)
    return f":material/{icon}: {when} **{_what(line)}**{badge} {formats.plain(said)}".rstrip()


def _what(line: HistoryLine) -> str:
    """Return an event in words: ``Notified: email``, ``Acknowledged by Kavya``."""
    word = _WORDS.get(line.event, line.event.capitalize())
    channel = f": {formats.plain(line.channel)}" if line.channel else ""
    author = f" by {formats.plain(line.author)}" if line.author else ""
    return f"{word}{channel}{author}"


def table(steps: Sequence[HistoryLine]) -> pd.DataFrame:
    """Return the steps as rows, oldest first; times are local, with their offset."""
    zone = get_settings().tz
    return pd.DataFrame(
        [
            {
                "At": line.at.astimezone(zone).isoformat(timespec="seconds"),
                "Event": _WORDS.get(line.event, line.event.capitalize()),
                "Severity": line.severity,
                "Alert": line.name,
                "Labels": ", ".join(label_words(line.labels)),
                "Notified": line.channel or "",
                "By": line.author or "",
                "Comment": line.comment,
                "Message": line.message,
            }
            for line in steps
        ]
    )
