"""When an alert is pending, firing or over: Prometheus's rule evaluation as pure functions of time.

Each severity of a rule is tracked on its own, as Prometheus tracks an alerting rule (``for``,
``keep_firing_for``); the alert has the worst severity that fires.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.alerting.evaluation.findings import Breach
from core.models.alerts import Severity


@dataclass(frozen=True)
class Durations:
    """How long a level must be bad before it fires (``hold``), and good before it ends (``keep``)."""

    hold: timedelta = timedelta()
    keep: timedelta = timedelta()


@dataclass(frozen=True)
class LevelState:
    """One severity's state: pending since ``active_at``, firing since ``fired_at``."""

    active_at: datetime
    fired_at: datetime | None = None
    good_since: datetime | None = None
    """First check since the last bad one; from then on the level still fires for ``Durations.keep``."""

    @property
    def fires(self) -> bool:
        """Return whether it has passed from pending to firing."""
        return self.fired_at is not None


LevelStates = Mapping[Severity, LevelState]


def step(before: LevelState | None, breach: Breach, timing: Durations, now: datetime) -> LevelState | None:
    """Return a level's state after a check; None is inactive.

    ``breach.exceeded`` starts a level; while it fires, ``breach.uncleared`` keeps it going, which may have a
    lower limit, so that a value near the threshold does not flap. It fires once it has been bad for
    ``timing.hold`` (the clock starts at the first bad check, and any good check while pending resets it), and
    ends once it has been good for ``timing.keep``.
    """
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
    """Return the state of every level of an alert after a check; empty means the alert is inactive."""
    after = {severity: step(before.get(severity), seen, timing, now) for severity, seen in breaches.items()}
    return {severity: hold for severity, hold in after.items() if hold is not None}


def without_data(before: LevelStates, last_data: datetime, timing: Durations, now: datetime) -> LevelStates:
    """Return every level's state after a check that found too little data to judge.

    Firing levels keep firing: silence from the agent is no recovery. Pending ones wait, and are dropped once
    there has been no data for longer than they would have needed to fire.
    """
    forgotten = now - last_data > timing.hold
    return {severity: hold for severity, hold in before.items() if hold.fires or not forgotten}


def severity_of(holds: LevelStates) -> Severity | None:
    """Return the worst severity that fires; None if none does."""
    return max((severity for severity, hold in holds.items() if hold.fires), key=_rank, default=None)


def pending_severity(holds: LevelStates) -> Severity | None:
    """Return the worst severity that is bad, firing or not; None if none is."""
    return max(holds, key=_rank, default=None)


def _rank(severity: Severity) -> int:
    return severity.rank
