"""Cached reads of alerts: the board, history, silences, undelivered messages, rules and their preview."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from core.alerting import board
from core.alerting.board import AlertBoard, Fired, HistoryLine, SilenceLine
from core.alerting.course import Course, as_it_stands, course
from core.alerting.notify.outbox import outbox_rows
from core.alerting.preview import Preview, preview
from core.alerting.rules.rule_store import rules_in_force
from core.alerting.rules.target_store import TargetSet, targets_in_force
from core.alerting.rules.toml_file import RuleSet
from core.clock import utc_now
from core.errors import TooMuchError
from core.models.alerts import Alert
from core.models.outbox import OutboxRow, OutboxState
from core.models.rules import AlertRule
from core.storage import get_sync_database
from dashboard.queries.cache import ANSWERS_KEPT
from dashboard.queries.system_queries import pulse

MOST_LINES = 500
"""History lines that are shown of a period."""
MOST_RECENT = 2_000
"""History lines to find past episodes in."""


@st.cache_data(ttl=3, show_spinner=False)
def alert_board() -> AlertBoard:
    """Return the alerts by state, at most 3 s old."""
    return board.alert_board(get_sync_database(), utc_now())


@st.cache_data(ttl=5, max_entries=ANSWERS_KEPT, show_spinner=False)
def incident(alert_id: str) -> list[HistoryLine]:
    """Return the history of an alert, including who was notified, newest first."""
    return board.history(get_sync_database(), alert_id=alert_id, limit=200)


def alert_course(alert: Alert, stored_id: str) -> Course | None:
    """Return an alert's value around its time, at most a minute old; computed once if it is resolved.

    Its newest value is that of the alert. ``stored_id`` is that of its history: an episode has its own.
    None if its rule is gone, or there is nothing to draw.
    """
    rule = rule_of(alert)
    if rule is None:
        return None
    until = alert.resolved_at or utc_now().replace(second=0, microsecond=0)
    try:
        stored = alert.model_copy(update={"id": stored_id})
        found = _course(rule, (alert.id, alert.started_at, until), stored)
    except TooMuchError:
        return None
    return None if found.is_empty else as_it_stands(found, alert)


@st.cache_data(ttl=3600, max_entries=256, show_spinner=False, hash_funcs={AlertRule: repr})
def _course(
    rule: AlertRule,
    which: tuple[str, datetime, datetime],  # noqa: ARG001 (the cache key: alerts change with each check)
    _alert: Alert,
) -> Course:
    return course(get_sync_database(), rule, _alert, utc_now())


@dataclass(frozen=True)
class History:
    """The history of the alerts in a period, newest first, when it was read, and whether there is older."""

    lines: list[HistoryLine]
    at: datetime
    more: bool = False


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def alert_history(start: datetime, end: datetime) -> History:
    """Return the history of the alerts in a period."""
    at = utc_now()
    lines = board.history(get_sync_database(), start, end, limit=MOST_LINES + 1)
    return History(lines[:MOST_LINES], at, more=len(lines) > MOST_LINES)


@st.cache_data(ttl=5, show_spinner=False)
def recent_history() -> list[HistoryLine]:
    """Return the last 8 days of history: episodes that ended within 7 days may have begun earlier."""
    now = utc_now()
    start = now - board.RESOLVED_WITHIN - timedelta(days=1)
    return board.history(get_sync_database(), start, now, limit=MOST_RECENT)


@st.cache_data(ttl=5, show_spinner=False)
def silences() -> list[SilenceLine]:
    """Return all silences."""
    return board.silence_lines(get_sync_database(), utc_now())


@st.cache_data(ttl=5, show_spinner=False)
def given_up(limit: int) -> list[OutboxRow]:
    """Return the newest messages that could not be delivered."""
    return outbox_rows(get_sync_database(), [OutboxState.DEAD], limit)


@st.cache_data(ttl=5, show_spinner=False)
def rules() -> RuleSet:
    """Return the rules in force."""
    return rules_in_force(get_sync_database())


@st.cache_data(ttl=5, show_spinner=False)
def targets() -> TargetSet:
    """Return the targets of key figures."""
    return targets_in_force(get_sync_database())


@st.cache_data(ttl=300, max_entries=ANSWERS_KEPT, show_spinner=False, hash_funcs={AlertRule: repr})
def preview_rule(rule: AlertRule, days: int) -> Preview:
    """Return what a rule would have done over the last ``days``."""
    return preview(get_sync_database(), rule, days)


def rule_of(alert: Alert) -> AlertRule | None:
    """Return the rule in force behind an alert."""
    return next((rule for rule in rules().rules if rule.id == alert.alert_type), None)


def alerting_fields() -> frozenset[str]:
    """Return the call fields that firing rules watch."""
    fields = {rule.id: rule.measure.fields for rule in rules().rules}
    return frozenset(field for alert in pulse().alerts for field in fields.get(alert.alert_type, ()))


def fired_between(start: datetime, end: datetime) -> tuple[Fired, ...]:
    """Return the alerts that started firing in [start, end); cached with the board they are drawn on."""
    return board.fired_between(get_sync_database(), start, end)


@st.cache_data(ttl=30, max_entries=ANSWERS_KEPT, show_spinner=False)
def count_fired(start: datetime, end: datetime) -> int:
    """Return how many alerts started firing in [start, end), up to a maximum."""
    return len(fired_between(start, end))


def forget_alerts() -> None:
    """Clear cached alerts and rules after a change."""
    for question in (
        pulse,
        alert_board,
        incident,
        alert_history,
        recent_history,
        silences,
        given_up,
        rules,
        targets,
    ):
        question.clear()
