"""Flapping alerts: one message, then quiet until they settle. Pure functions of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.models.alerts import Severity

MOST_TRANSITIONS = 4
WITHIN = timedelta(minutes=60)
QUIET = timedelta(minutes=30)


@dataclass(frozen=True)
class Flap:
    """When an alert recently started or ended, and since when it counts as flapping."""

    transitions: tuple[datetime, ...] = ()
    since: datetime | None = None
    worst: Severity | None = None
    """The worst severity while it flaps."""
    worst_since: datetime | None = None


def follow(before: Flap, now: datetime, severity: Severity, *, moved: bool) -> Flap:
    """Return the flapping state after a check; ``moved`` says that the alert started or ended in it.

    More than MOST_TRANSITIONS (4) changes within 60 minutes make it flap; 30 minutes without one release it.
    Older transitions are dropped, so the record stays small however long an alert lives.
    """
    transitions = tuple(at for at in before.transitions if now - at <= WITHIN) + ((now,) if moved else ())
    if before.since is not None:
        quiet = not before.transitions or now - before.transitions[-1] >= QUIET
        if quiet and not moved:
            return Flap()
        worse = before.worst is None or severity.rank > before.worst.rank
        worst = (severity, now) if worse else (before.worst, before.worst_since)
        return Flap(transitions, before.since, *worst)
    return Flap(transitions, now, severity, now) if len(transitions) > MOST_TRANSITIONS else Flap(transitions)
