"""Cached reads of alerts: the board, history, silences, undelivered messages, rules and their preview."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from core.alerting import board
from core.alerting.board import AlertBoard, Fired, HistoryLine, SilenceLine
from core.alerting.course import Course, course
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

MOST_RECENT = 2_000
"""Lines of history that past episodes are read from."""


@st.cache_data(ttl=3, show_spinner=False)
def alert_board() -> AlertBoard:
    """The alerts by where they stand, at most 3 s old."""
    return board.alert_board(get_sync_database(), utc_now())


@st.cache_data(ttl=5, max_entries=ANSWERS_KEPT, show_spinner=False)
def incident(alert_id: str) -> list[HistoryLine]:
    """What happened to an alert and who was notified, the newest first."""
    return board.history(get_sync_database(), alert_id=alert_id, limit=200)


def alert_course(alert: Alert) -> Course | None:
    """How an alert's value went around its time, at most a minute old; worked out once where it is over.

    None: its rule is gone, or there is nothing to draw.
    """
    rule = rule_of(alert)
    if rule is None:
        return None
    until = alert.resolved_at or utc_now().replace(second=0, microsecond=0)
    try:
        found = _course(rule, (alert.id, alert.started_at, until), alert)
    except TooMuchError:
        return None
    return None if found.is_empty else found


@st.cache_data(ttl=3600, max_entries=256, show_spinner=False, hash_funcs={AlertRule: repr})
def _course(
    rule: AlertRule,
    which: tuple[str, datetime, datetime],  # noqa: ARG001 (what it is kept by: the alert changes with each check)
    _alert: Alert,
) -> Course:
    return course(get_sync_database(), rule, _alert, utc_now())


@dataclass(frozen=True)
class History:
    """What happened to the alerts in a period, and when that was read."""

    lines: list[HistoryLine]
    at: datetime


@st.cache_data(ttl=10, max_entries=ANSWERS_KEPT, show_spinner=False)
def alert_history(start: datetime, end: datetime) -> History:
    """What happened to the alerts in a period."""
    at = utc_now()
    return History(board.history(get_sync_database(), start, end), at)


@st.cache_data(ttl=5, show_spinner=False)
def recent_history() -> list[HistoryLine]:
    """What happened to the alerts in the last 8 days: what ended within 7 began a little earlier."""
    now = utc_now()
    start = now - board.RESOLVED_WITHIN - timedelta(days=1)
    return board.history(get_sync_database(), start, now, limit=MOST_RECENT)


@st.cache_data(ttl=5, show_spinner=False)
def silences() -> list[SilenceLine]:
    """All silences."""
    return board.silence_lines(get_sync_database(), utc_now())


@st.cache_data(ttl=5, show_spinner=False)
def given_up(limit: int) -> list[OutboxRow]:
    """The newest messages that could not be delivered."""
    return outbox_rows(get_sync_database(), [OutboxState.DEAD], limit)


@st.cache_data(ttl=5, show_spinner=False)
def rules() -> RuleSet:
    """The rules in force."""
    return rules_in_force(get_sync_database())


@st.cache_data(ttl=5, show_spinner=False)
def targets() -> TargetSet:
    """The targets of key figures."""
    return targets_in_force(get_sync_database())


@st.cache_data(ttl=300, max_entries=ANSWERS_KEPT, show_spinner=False, hash_funcs={AlertRule: repr})
def preview_rule(rule: AlertRule, days: int) -> Preview:
    """What a rule would have done."""
    return preview(get_sync_database(), rule, days)


def rule_of(alert: Alert) -> AlertRule | None:
    """The rule in force that an alert is of."""
    return next((rule for rule in rules().rules if rule.id == alert.alert_type), None)


def alerting_fields() -> frozenset[str]:
    """The fields of calls that the rules that fire now are about."""
    fields = {rule.id: rule.measure.fields for rule in rules().rules}
    return frozenset(field for alert in pulse().alerts for field in fields.get(alert.alert_type, ()))


def fired_between(start: datetime, end: datetime) -> tuple[Fired, ...]:
    """The alerts that began to fire in [start, end); kept with the board they are drawn on."""
    return board.fired_between(get_sync_database(), start, end)


@st.cache_data(ttl=30, max_entries=ANSWERS_KEPT, show_spinner=False)
def count_fired(start: datetime, end: datetime) -> int:
    """How many alerts began to fire in [start, end); of very many the most that is counted."""
    return len(fired_between(start, end))


def forget_alerts() -> None:
    """Ask for the alerts and rules afresh: somebody changed them."""
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
