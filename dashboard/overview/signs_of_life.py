"""One line on Overview: active alerts, calls in progress, the newest call, the scheduler, the time."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

import streamlit as st

from core.aggregation.activity import LIVE_MINUTES
from core.alerting.board import MOST_MARKS
from core.models.alerts import Alert
from core.scheduler.heartbeat import Heartbeat
from core.types import counted
from dashboard import formats
from dashboard.calls import active_calls
from dashboard.filters import Selection
from dashboard.queries.system_queries import Pulse
from dashboard.theme import SEVERITY_BADGES


def signs_of_life(pulse: Pulse, fired: int, selection: Selection, now: datetime, zone: tzinfo) -> None:
    """Draw one line: alerts, calls in progress, newest call, scheduler, and the time with its zone.

    Always the same elements, because a new one would close an open list of calls.

    Args:
        pulse: current signs of life.
        fired: how many alerts fired in the chosen period.
        selection: names that period.
        now: the time to show.
        zone: time zone to show it in.
    """
    with st.container(key="signs", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            " ".join([*_alert_badges(pulse.alerts), *_fired_badge(fired, selection)]), width="content"
        )
        st.markdown(_badge("gray", "graphic_eq", _in_progress(pulse.active_calls)), width="content")
        active_calls.button(pulse.active_calls, now, zone)
        st.markdown(" ".join(_others(pulse, now, zone)), width="content")


def _badge(colour: str, icon: str, words: str) -> str:
    return f":{colour}-badge[:material/{icon}: {formats.plain(words)}]"


def _in_progress(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'} in progress"


def _alert_badges(alerts: list[Alert]) -> Iterator[str]:
    if not alerts:
        yield _badge("green", "check_circle", "No active alerts")
    for severity, (colour, icon, _) in SEVERITY_BADGES.items():
        count = sum(alert.severity == severity for alert in alerts)
        if count:
            yield f":{colour}-badge[{icon} {count} {severity}]"


def _fired_badge(fired: int, selection: Selection) -> Iterator[str]:
    """Yield a badge with the alerts that fired in the period, which may be calm now."""
    if fired:
        count = f"{fired:,}{' or more' if fired >= MOST_MARKS else ''} alert{'' if fired == 1 else 's'}"
        yield _badge("orange", "history", f"{count} fired {selection.words}")


def _others(pulse: Pulse, now: datetime, zone: tzinfo) -> Iterator[str]:
    if pulse.ended_recently is not None:
        ended = counted(pulse.ended_recently, "call")
        yield _badge("gray", "call_end", f"{ended} ended in the last {LIVE_MINUTES} min")
    if pulse.newest_call:
        yield _badge("gray", "call", _newest(pulse.newest_call, now, zone))
    yield _scheduler(pulse.heartbeat, now)
    clock = f"{now.astimezone(zone):%-d %b %Y, %H:%M:%S} {formats.zone_name(now, zone)}"
    yield _badge("gray", "schedule", clock)


def _newest(at: datetime, now: datetime, zone: tzinfo) -> str:
    if at > now + timedelta(minutes=1):
        return f"Newest call {formats.day(at.astimezone(zone).date())}, in the future"
    if now - at < timedelta(days=2):
        return f"Newest call {formats.ago(now - at)}"
    return f"Newest call {formats.day(at.astimezone(zone).date())}"


def _scheduler(heartbeat: Heartbeat | None, now: datetime) -> str:
    if heartbeat is None:
        return _badge("orange", "warning", "Scheduler never ran: alerts are not checked")
    if heartbeat.is_silent(now):
        return _badge("orange", "warning", f"Scheduler silent: last heard {formats.ago(now - heartbeat.at)}")
    return _badge("gray", "favorite", f"Scheduler alive, {formats.ago(now - heartbeat.at)}")
