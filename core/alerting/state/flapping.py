"""Alerts that come and go: one message, then quiet until they stay as they are. Pure functions of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_TRANSITIONS = 4
WITHIN = timedelta(minutes=60)
QUIET = timedelta(minutes=30)


@dataclass(frozen=True)
class Flap:
    """The times an alert began or ended lately, and since when it is held for flapping."""

    transitions: tuple[datetime, ...] = ()
    since: datetime | None = None


def follow(before: Flap, now: datetime, *, moved: bool) -> Flap:
    """The flapping of an alert after a check; ``moved``: it began to fire or ended in it.

    More than four transitions within 60 minutes hold it; it is let go after 30 minutes without one.
    """
    transitions = tuple(at for at in before.transitions if now - at <= WITHIN) + ((now,) if moved else ())
    if before.since is not None:
        quiet = not before.transitions or now - before.transitions[-1] >= QUIET
        return Flap() if quiet and not moved else Flap(transitions, before.since)
    return Flap(transitions, now if len(transitions) > MOST_TRANSITIONS else None)
