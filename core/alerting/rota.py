"""Who is on call: channels that take turns week by week (ALERT_ROTA). Pure functions of time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.alerting.wording import moment
from core.models.recurrence import WEEKDAYS
from core.models.rules import AlertRule
from core.settings import Settings

ON_CALL = "on-call"
"""Stands for whoever is on call, wherever a channel is named."""
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Turn:
    """Whose turn it is, from one hand-over to the next."""

    who: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Rota:
    """Channels that take turns, each from a weekday and time of a zone until the same time a week later.

    The first one is on call in the week of the first hand-over on or after ``begin``. ``swaps`` are weeks, by
    the day they begin, that another channel takes.
    """

    members: tuple[str, ...]
    weekday: int
    at: time
    zone: ZoneInfo
    begin: date
    swaps: Mapping[date, str] = field(default_factory=dict)

    def turn(self, now: datetime) -> Turn:
        """Return the turn that a given time is in."""
        local = now.astimezone(self.zone).date()
        day = local - timedelta(days=(local.weekday() - self.weekday) % 7)
        if self._hand_over(day) > now:
            day -= _WEEK
        first = self.begin + timedelta(days=(self.weekday - self.begin.weekday()) % 7)
        in_turn = self.members[(day - first) // _WEEK % len(self.members)]
        return Turn(self.swaps.get(day, in_turn), self._hand_over(day), self._hand_over(day + _WEEK))

    def _hand_over(self, day: date) -> datetime:
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)


@dataclass(frozen=True)
class Duty:
    """Who is on call at a given time, and which channels have their turn at another time."""

    on: str | None = None
    off: frozenset[str] = frozenset()

    def named(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return names of channels with ``on-call`` replaced by whoever is on call."""
        if self.on is None:
            return names
        return tuple(dict.fromkeys(self.on if name == ON_CALL else name for name in names))

    def rule(self, rule: AlertRule) -> AlertRule:
        """Return a rule with ``on-call`` replaced by whoever is on call."""
        if self.on is None or ON_CALL not in (*rule.channels, *(rule.escalate_to or ())):
            return rule
        then = None if rule.escalate_to is None else self.named(rule.escalate_to)
        return rule.model_copy(update={"channels": self.named(rule.channels), "escalate_to": then})


def rota_of(settings: Settings) -> Rota | None:
    """Return the rota of the settings; None if channels do not take turns."""
    if not settings.alert_rota:
        return None
    day, _, clock = settings.alert_rota_hand_over.partition(" ")
    return Rota(
        settings.alert_rota,
        WEEKDAYS.index(day),
        time.fromisoformat(clock),
        ZoneInfo(settings.alert_rota_zone or settings.timezone),
        settings.alert_rota_begin,
        dict(settings.alert_rota_swaps),
    )


def duty(settings: Settings, now: datetime) -> Duty:
    """Return who is on call at a given time."""
    if (rota := rota_of(settings)) is None:
        return Duty()
    who = rota.turn(now).who
    return Duty(who, frozenset(rota.members) - {who})


def on_call_words(settings: Settings, now: datetime) -> str | None:
    """Return who is on call until when, and who follows: ``asha until 30 Nov 2026, 10:00 IST, then ravi``."""
    if (rota := rota_of(settings)) is None:
        return None
    turn = rota.turn(now)
    return f"{turn.who} until {moment(turn.end)}, then {rota.turn(turn.end).who}"
