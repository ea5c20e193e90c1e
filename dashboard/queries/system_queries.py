"""Cached reads about the system: signs of life, health, sizes, requests; checking a day."""

from dataclasses import dataclass
from datetime import date, datetime

import streamlit as st

from core.aggregation import activity
from core.aggregation.daily import rebuild_days
from core.aggregation.drift import Drift, drift
from core.aggregation.service_requests import Requests, load_requests
from core.alerting.state.alert_store import active_alerts
from core.doctor.computer import configuration
from core.doctor.countries import Sink, sinks
from core.doctor.exposure import exposure
from core.doctor.result import Finding
from core.doctor.retention import Kept, what_is_true
from core.health import CollectionSize, LateCalls, SystemHealth, collections, late_calls, system_health
from core.models.alerts import Alert
from core.scheduler.heartbeat import Heartbeat, scheduler_heartbeat
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.recording.active_calls import ActiveCall, count_active, list_active


@dataclass(frozen=True)
class Pulse:
    """Signs of life of calls and scheduler, and firing alerts."""

    newest_call: datetime | None
    active_calls: int
    ended_recently: int | None
    heartbeat: Heartbeat | None
    alerts: list[Alert]


@st.cache_data(ttl=3, show_spinner=False)
def pulse() -> Pulse:
    """Return newest call, scheduler and alerts, at most 3 s old."""
    database = get_sync_database()
    return Pulse(
        activity.newest_begun_call(database),
        count_active(database),
        activity.calls_ended_recently(database),
        scheduler_heartbeat(database),
        active_alerts(database),
    )


@st.cache_data(ttl=3, show_spinner=False)
def active_calls() -> list[ActiveCall]:
    """Return the calls in progress, at most 3 s old."""
    return list_active(get_sync_database())


@dataclass(frozen=True)
class Trust:
    """System health, and how late calls arrive."""

    health: SystemHealth
    late: LateCalls


@st.cache_data(ttl=4, show_spinner=False)
def trust() -> Trust:
    """Return what waits, what was lost and how far behind the roll-ups are, at most 4 s old."""
    return Trust(system_health(get_sync_database()), _late())


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def _late() -> LateCalls:
    return late_calls(get_sync_database())


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def storage() -> list[CollectionSize]:
    """Return the collections with their sizes."""
    return collections(get_sync_database())


@dataclass(frozen=True)
class Protected:
    """Retention, where data goes, and security findings."""

    profile: str
    kept: list[Kept]
    sinks: list[Sink]
    findings: list[Finding]


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def protected() -> Protected:
    """Return what the doctor reports about data protection, with this process's settings."""
    settings = get_settings()
    return Protected(
        settings.retention_profile,
        what_is_true(get_sync_database(), settings),
        list(sinks(settings)),
        [*exposure(settings), *configuration()],
    )


def requests(start: datetime, end: datetime) -> Requests:
    """Return the requests to the API and services in [start, end); not cached, but its board is."""
    return load_requests(get_sync_database(), start, end, get_settings().tz)


def check_day(day: date) -> Drift:
    """Recompute a day from its calls and compare; not cached."""
    return drift(get_sync_database(), day)


def roll_up_again(day: date) -> Drift:
    """Rebuild a day's roll-ups, and compare again."""
    database = get_sync_database()
    rebuild_days(database, day, day)
    return drift(database, day)
