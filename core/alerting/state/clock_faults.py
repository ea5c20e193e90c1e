"""Records left by a wrong clock, and time in which no check ran. Pure functions of time."""

from dataclasses import replace
from datetime import datetime, timedelta

from core.alerting.state.lifecycle import AlertRecord, timing
from core.alerting.state.rule_state import LevelState
from core.models.rules import AlertRule

AHEAD = timedelta(minutes=1)
"""Simultaneous checks differ by less; anything further ahead comes from a wrong clock."""
UNATTENDED = timedelta(minutes=15)
"""If checks are further apart than this, and than three intervals, nobody was watching in between."""
TOLERANCE = timedelta(hours=1)
"""After a longer outage pending alerts start over, as in Prometheus."""
GRACE = timedelta(minutes=10)
"""After an outage, no alert that has to last fires earlier than this."""
_MOMENT = timedelta(milliseconds=1)


def is_ahead(record: AlertRecord, now: datetime) -> bool:
    """Return whether a record is dated in the future, or something in it is: not every check updates all."""
    held = record.alert.acknowledged
    times = (record.last_data, record.last_calls, record.last_muted_at, held.at if held else None)
    latest = max((at for at in times if at is not None), default=record.alert.updated_at)
    return max(latest, record.alert.updated_at) > now + AHEAD


def brought_back(record: AlertRecord, now: datetime) -> AlertRecord:
    """Return a record with every time in the future set to now."""

    def past(moment: datetime | None) -> datetime | None:
        return None if moment is None else min(moment, now)

    alert, held = record.alert, record.alert.acknowledged
    if held is not None:
        lasts = held.until - held.at
        held = held.model_copy(update={"at": min(held.at, now), "until": min(held.until, now + lasts)})
    times = {
        "started_at": min(alert.started_at, now),
        "updated_at": min(alert.updated_at, now),
        "resolved_at": past(alert.resolved_at),
        "acknowledged": held,
    }
    holds = {
        severity: LevelState(min(hold.active_at, now), past(hold.fired_at), past(hold.good_since))
        for severity, hold in record.holds.items()
    }
    transitions = tuple(at for at in record.flap.transitions if at <= now)
    return replace(
        record,
        alert=alert.model_copy(update=times),
        holds=holds,
        flap=replace(
            record.flap,
            transitions=transitions,
            since=past(record.flap.since),
            worst_since=past(record.flap.worst_since),
        ),
        last_data=past(record.last_data),
        last_calls=past(record.last_calls),
        # Before this check, which tells it if it is no longer muted: not at the next one again.
        last_muted_at=record.last_muted_at and min(record.last_muted_at, now - _MOMENT),
    )


def unattended(last_check: datetime | None, now: datetime, interval: timedelta) -> timedelta:
    """Return how long no check ran before this one; zero if checks came as they should."""
    gap = now - last_check if last_check is not None else timedelta()
    return gap if gap > max(UNATTENDED, 3 * interval) else timedelta()


def after_outage(record: AlertRecord, rule: AlertRule, gap: timedelta, now: datetime) -> AlertRecord:
    """Return a record in which the time without checks counts neither as bad, nor as good, nor as silent."""
    hold = timing(rule).hold
    return replace(
        record,
        holds={severity: _resumed(state, hold, gap, now) for severity, state in record.holds.items()},
        last_calls=min((record.last_calls or record.last_data or record.alert.updated_at) + gap, now),
    )


def _resumed(state: LevelState, hold: timedelta, gap: timedelta, now: datetime) -> LevelState:
    if state.fires:
        good = state.good_since
        return state if good is None else replace(state, good_since=now if gap > TOLERANCE else good + gap)
    active = now if gap > TOLERANCE else min(state.active_at + gap, now)
    earliest = now + min(hold, GRACE) - hold
    return replace(state, active_at=max(active, earliest))
