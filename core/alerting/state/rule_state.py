"""When an alert is pending, fires, and is over: Prometheus's rule evaluation as pure functions of time.

Each severity of a rule is followed on its own, as Prometheus follows an alerting rule (``for``,
``keep_firing_for``); an alert is as severe as the worst of those that fire.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.alerting.evaluation.findings import Breach
from core.models.alerts import Severity


@dataclass(frozen=True)
class Durations:
    """How long a level has to be bad before it fires, and good before it is over."""

    hold: timedelta = timedelta()
    keep: timedelta = timedelta()


@dataclass(frozen=True)
class LevelState:
    """One severity's state: pending since ``active_at``, firing since ``fired_at``."""

    active_at: datetime
    fired_at: datetime | None = None
    good_since: datetime | None = None
    """First check since the last bad one: from then on the level fires for another ``Durations.keep``."""

    @property
    def fires(self) -> bool:
        """Whether it is past pending."""
        return self.fired_at is not None


LevelStates = Mapping[Severity, LevelState]


def step(before: LevelState | None, breach: Breach, timing: Durations, now: datetime) -> LevelState | None:
    """Where a level stands after a check; None is inactive."""
    bad = breach.uncleared if before is not None and before.fires else breach.exceeded
    if bad:
        hold = replace(before, good_since=None) if before else LevelState(active_at=now)
        ripe = not hold.fires and now - hold.active_at >= timing.hold
        return replace(hold, fired_at=now) if ripe else hold
    if before is None or not before.fires:
        return None
    good_since = before.good_since or now
    return replace(before, good_since=good_since) if now - good_since < timing.keep else None


def step_all(
    before: LevelStates, breaches: Mapping[Severity, Breach], timing: Durations, now: datetime
) -> LevelStates:
    """Where every level of an alert stands after a check; without any it is inactive."""
    after = {severity: step(before.get(severity), seen, timing, now) for severity, seen in breaches.items()}
    return {severity: hold for severity, hold in after.items() if hold is not None}


def without_data(before: LevelStates, last_data: datetime, timing: Durations, now: datetime) -> LevelStates:
    """Where every level stands after a check that found too little to judge.

    What fires goes on; what is pending waits, and is forgotten after as long as it would have taken to fire.
    """
    forgotten = now - last_data > timing.hold
    return {severity: hold for severity, hold in before.items() if hold.fires or not forgotten}


def severity_of(holds: LevelStates) -> Severity | None:
    """The worst level that fires; None where none does."""
    return max((severity for severity, hold in holds.items() if hold.fires), key=_rank, default=None)


def pending_severity(holds: LevelStates) -> Severity | None:
    """The worst level that is bad, whether or not it fires yet."""
    return max(holds, key=_rank, default=None)


def _rank(severity: Severity) -> int:
    return severity.rank
