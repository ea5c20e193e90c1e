"""Cached reads about the system: signs of life, health, sizes, requests; and the check of a day."""

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
    """Signs of life: of the calls, of the scheduler, and the alerts that fire."""

    newest_call: datetime | None
    active_calls: int
    ended_recently: int | None
    heartbeat: Heartbeat | None
    alerts: list[Alert]


@st.cache_data(ttl=3, show_spinner=False)
def pulse() -> Pulse:
    """Newest call, scheduler and alerts, at most 3 s old."""
    database = get_sync_database()
    return Pulse(
        activity.newest_call_start(database),
        count_active(database),
        activity.calls_ended_recently(database),
        scheduler_heartbeat(database),
        active_alerts(database),
    )


@st.cache_data(ttl=3, show_spinner=False)
def active_calls() -> list[ActiveCall]:
    """The calls that are going on, at most 3 s old."""
    return list_active(get_sync_database())


@dataclass(frozen=True)
class Trust:
    """How the system is, and how late calls come."""

    health: SystemHealth
    late: LateCalls


@st.cache_data(ttl=4, show_spinner=False)
def trust() -> Trust:
    """What waits, what was lost, how far behind the figures are, at most 4 s old."""
    return Trust(system_health(get_sync_database()), _late())


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def _late() -> LateCalls:
    return late_calls(get_sync_database())


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def storage() -> list[CollectionSize]:
    """The collections with their sizes."""
    return collections(get_sync_database())


@dataclass(frozen=True)
class Protected:
    """How long what is kept, where data goes, and what is less safe than it could be."""

    profile: str
    kept: list[Kept]
    sinks: list[Sink]
    findings: list[Finding]


@st.cache_data(ttl=60, refresh_mode="background", show_spinner=False)
def protected() -> Protected:
    """What the doctor says of protection, with the settings of this process."""
    settings = get_settings()
    return Protected(
        settings.retention_profile,
        what_is_true(get_sync_database(), settings),
        list(sinks(settings)),
        [*exposure(settings), *configuration()],
    )


def requests(start: datetime, end: datetime) -> Requests:
    """Return the requests to the API and to services in [start, end); not cached, its board is."""
    return load_requests(get_sync_database(), start, end, get_settings().tz)


def check_day(day: date) -> Drift:
    """Compute a day afresh from its calls and compare; not cached."""
    return drift(get_sync_database(), day)


def roll_up_again(day: date) -> Drift:
    """Compute a day's roll-ups afresh, store them, and compare again."""
    database = get_sync_database()
    rebuild_days(database, day, day)
    return drift(database, day)
