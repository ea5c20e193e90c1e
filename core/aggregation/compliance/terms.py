"""The rules of calling in force here: the settings, in a form that functions of time can use."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Self

from core.clock import day_bounds
from core.models.calls.calling_rules import RECOVERY, SERVICE, purpose_of
from core.settings import Settings


@dataclass(frozen=True)
class Terms:
    """The rules in force; a number of 0 means there is no such rule."""

    zone: tzinfo
    zone_name: str
    hours: str
    hours_recovery: str
    attempts: int
    gap: timedelta
    dnd_age: timedelta
    must_tell: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the rules that these settings contain."""
        return cls(
            settings.tz,
            settings.timezone,
            settings.calling_hours,
            settings.calling_hours_recovery,
            settings.attempts_per_day,
            timedelta(minutes=settings.minimum_gap_minutes),
            timedelta(days=settings.dnd_check_days),
            frozenset(settings.calls_must_tell),
        )

    def hours_of(self, purpose: str | None) -> str | None:
        """Return the hours in which calls of a purpose may begin (``09:00-21:00``).

        None means at any time.
        """
        known = purpose_of(purpose)
        return None if known == SERVICE else self.hours_recovery if known == RECOVERY else self.hours

    @property
    def look_back(self) -> bool:
        """Return whether any rule depends on a lead's other calls."""
        return bool(self.attempts or self.gap)

    def looks_back_to(self, start: datetime) -> datetime:
        """Return from when on a lead's calls matter for those from ``start`` on."""
        day = day_bounds(start.astimezone(self.zone).date(), self.zone)[0] if self.attempts else start
        return min(day, start - self.gap)
