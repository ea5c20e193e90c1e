"""The day or the week that a report covers."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from core.clock import day_bounds
from core.settings import get_settings

WEEK = timedelta(weeks=1)


@dataclass(frozen=True)
class Span:
    """The day or the week that a report covers; a week begins on ``first``."""

    first: date
    days: int = 1

    @property
    def key(self) -> str:
        """Return what identifies the report: ``day-2024-10-24``, ``week-2024-10-21``."""
        return f"{'day' if self.days == 1 else 'week'}-{self.first}"

    @property
    def words(self) -> str:
        """Return it as people read it: ``Thursday 24 October 2024``, ``21 to 27 October 2024``."""
        last = self.first + timedelta(days=self.days - 1)
        if self.days == 1:
            return f"{self.first:%A %-d %B %Y}"
        begin = f"{self.first:%-d}" if self.first.month == last.month else f"{self.first:%-d %B}"
        return f"{begin} to {last:%-d %B %Y}"

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Return its first moment and the first one after it, in UTC."""
        return day_bounds(self.first)[0], day_bounds(self.first + timedelta(days=self.days))[0]

    @property
    def before(self) -> "Span":
        """Return the same weekdays a week earlier."""
        return Span(self.first - WEEK, self.days)

    @property
    def link(self) -> str:
        """Return where the dashboard shows it."""
        end = self.first + timedelta(days=self.days)
        chosen = {"period": "custom", "from": f"{self.first}T00:00", "to": f"{end}T00:00"}
        return f"{get_settings().dashboard_url}/?{urlencode(chosen, safe=':')}"
