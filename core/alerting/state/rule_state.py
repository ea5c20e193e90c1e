"""When an alert is pending, fires, and is over: Prometheus's rule evaluation as pure functions of time.

Each severity of a rule is followed on its own, as Prometheus follows an alerting rule (``for``,
``keep_firing_for``); an alert is as severe as the worst of those that fire.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.alerting.evaluation.thresholds import Breach
from core.models.alerts import Severity


@dataclass(frozen=True)
class Timing:
    """How long a level has to be bad before it fires, and good before it is over."""

    hold: timedelta = timedelta()
    keep: timedelta = timedelta()


@dataclass(frozen=True)
class Hold:
    """Where one level stands: bad since ``active_at``; no ``fired_at`` while it is only pending."""

    active_at: datetime
    fired_at: datetime | None = None
    good_since: datetime | None = None
    """The first check since the last bad one; a level that fires is kept for ``Timing.keep`` from then on."""

    @property
    def fires(self) -> bool:
        """Whether it is past pending."""
        return self.fired_at is not None


Holds = Mapping[Severity, Hold]


def step(before: Hold | None, breach: Breach, timing: Timing, now: datetime) -> Hold | None:
    """Where a level stands after a check; None is inactive."""
    bad = breach.uncleared if before is not None and before.fires else breach.exceeded
    if bad:
        hold = replace(before, good_since=None) if before else Hold(active_at=now)
        ripe = not hold.fires and now - hold.active_at >= timing.hold
        return replace(hold, fired_at=now) if ripe else hold
    if before is None or not before.fires:
        return None
    good_since = before.good_since or now
    return replace(before, good_since=good_since) if now - good_since < timing.keep else None


def step_all(before: Holds, breaches: Mapping[Severity, Breach], timing: Timing, now: datetime) -> Holds:
    """Where every level of an alert stands after a check; without any it is inactive."""
    after = {severity: step(before.get(severity), seen, timing, now) for severity, seen in breaches.items()}
    return {severity: hold for severity, hold in after.items() if hold is not None}


def without_data(before: Holds, last_data: datetime, timing: Timing, now: datetime) -> Holds:
    """Where every level stands after a check that found too little to judge.

    What fires goes on; what is pending waits, and is forgotten after as long as it would have taken to fire.
    """
    forgotten = now - last_data > timing.hold
    return {severity: hold for severity, hold in before.items() if hold.fires or not forgotten}


def severity_of(holds: Holds) -> Severity | None:
    """The worst level that fires; None where none does."""
    return max((severity for severity, hold in holds.items() if hold.fires), key=_rank, default=None)


def pending_severity(holds: Holds) -> Severity | None:
    """The worst level that is bad, whether or not it fires yet."""
    return max(holds, key=_rank, default=None)


def _rank(severity: Severity) -> int:
    return severity.rank
