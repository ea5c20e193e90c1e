"""Any number of days held against the rules of calling: one at a time, so that memory holds a day's calls."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from pymongo.database import Database

from core.aggregation.compliance.judge import Judged, RuleFigures
from core.aggregation.compliance.read import load_compliance
from core.clock import day_bounds, days_of
from core.types import Document


@dataclass(frozen=True)
class Sums:
    """What days add up to; a call belongs to one day."""

    calls: int = 0
    calls_in_violation: int = 0
    rules: tuple[RuleFigures, ...] = ()

    def plus(self, judged: Judged) -> "Sums":
        """Return the sums with one more day."""
        rules = judged.rules
        if self.rules:
            rules = tuple(_added(one, other) for one, other in zip(self.rules, rules, strict=True))
        return Sums(self.calls + judged.calls, self.calls_in_violation + judged.calls_in_violation, rules)


def judged_days(database: Database[Document], first: date, last: date) -> Iterator[Judged]:
    """Yield the calls of each local day, checked against the rules, the newest day first.

    What is found of a call is the same as where all days are checked at once.

    Raises:
        TooMuchError: a day has more calls than can be judged at once.
        PyMongoError: the database does not answer.
    """
    for day in reversed(list(days_of(first, last))):
        yield load_compliance(database, *day_bounds(day))


def _added(one: RuleFigures, other: RuleFigures) -> RuleFigures:
    return replace(
        one,
        calls=one.calls + other.calls,
        told=one.told + other.told,
        violations=one.violations + other.violations,
    )
