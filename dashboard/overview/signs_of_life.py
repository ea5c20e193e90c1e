"""One line on Overview: active alerts, calls in progress, the newest call, the scheduler, the time."""

from datetime import datetime, timedelta, tzinfo

import streamlit as st

from core.aggregation.activity import LIVE_MINUTES
from core.models.alerts import Alert
from core.scheduler.heartbeat import Heartbeat
from dashboard import formats
from dashboard.calls import active_calls
from dashboard.queries.system_queries import Pulse
from dashboard.theme import SEVERITY_BADGES


def signs_of_life(pulse: Pulse, now: datetime, zone: tzinfo) -> None:
    """One line: alerts, calls in progress, newest call, scheduler, and the time with its zone."""
    with st.container(key="signs", horizontal=True, vertical_alignment="center", gap="small"):
        _alert_badges(pulse.alerts)
        active_calls.button(pulse.active_calls, now, zone)
        if pulse.ended_recently is not None:
            st.badge(
                f"{pulse.ended_recently:,} calls ended in {LIVE_MINUTES} min",
                icon=":material/call_end:",
                color="gray",
            )
        if pulse.newest_call:
            st.badge(_newest(pulse.newest_call, now, zone), icon=":material/call:", color="gray")
        _scheduler_badge(pulse.heartbeat, now)
        st.badge(
            f"{now.astimezone(zone):%-d %b %Y, %H:%M:%S} {formats.zone_name(now, zone)}",
            icon=":material/schedule:",
            color="gray",
        )


def _newest(at: datetime, now: datetime, zone: tzinfo) -> str:
    if now - at < timedelta(days=2):
        return f"Newest call {formats.ago(now - at)}"
    return f"Newest call {formats.day(at.astimezone(zone).date())}"


def _alert_badges(alerts: list[Alert]) -> None:
    if not alerts:
        st.badge("No active alerts", icon=":material/check_circle:", color="green")
    for severity, (colour, icon, _) in SEVERITY_BADGES.items():
        count = sum(alert.severity == severity for alert in alerts)
        if count:
            st.badge(f"{count} {severity}", icon=icon, color=colour)  # type: ignore[arg-type] # a name of the table


def _scheduler_badge(heartbeat: Heartbeat | None, now: datetime) -> None:
    if heartbeat is None:
        st.badge("Scheduler never ran: no alerts are checked", icon=":material/warning:", color="orange")
    elif heartbeat.is_silent(now):
        words = f"Scheduler silent: last sign {formats.ago(now - heartbeat.at)}"
        st.badge(words, icon=":material/warning:", color="orange")
    else:
        st.badge(
            f"Scheduler alive, {formats.ago(now - heartbeat.at)}", icon=":material/favorite:", color="gray"
        )
