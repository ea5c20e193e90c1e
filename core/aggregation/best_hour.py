"""The best hour of the day to call, and what moving all other calls there would bring."""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from core.aggregation.intervals import difference, z_of_several


@dataclass(frozen=True)
class BestHour:
    """The local hour with the highest answer rate, and how much higher than at all others (0 to 1).

    ``low`` and ``high`` are the ends of a 95 % interval that allows for the ``compared`` hours; only with
    ``low`` above 0 is the hour better beyond chance.
    """

    hour: int
    answered: int
    dialled: int
    low: float
    high: float
    compared: int

    @property
    def rate(self) -> float:
        """Its answer rate, 0 to 1."""
        return self.answered / self.dialled

    @property
    def is_better(self) -> bool:
        """Whether more answer at this hour, beyond chance."""
        return self.low > 0


def best_hour(
    dialled: pd.DataFrame, answered: pd.DataFrame, closed: Collection[int], least: int
) -> BestHour | None:
    """Return the best hour of outbound calls; None where fewer than two hours can be compared.

    Args:
        dialled: outbound calls by weekday (rows) and local hour (columns).
        answered: those of them that were answered.
        closed: hours in which nobody may be called.
        least: hours with fewer outbound calls are not compared.
    """
    n, good = dialled.sum(), answered.sum()
    hours = [int(hour) for hour in n.index if int(hour) not in closed and n[hour] >= least]
    if len(hours) < 2:  # noqa: PLR2004 (nothing to compare)
        return None
    best = max(hours, key=lambda hour: good[hour] / n[hour])
    others = [hour for hour in hours if hour != best]
    part, whole = int(good[others].sum()), int(n[others].sum())
    low, high = difference(int(good[best]), int(n[best]), part, whole, z_of_several(len(hours)))
    return BestHour(best, int(good[best]), int(n[best]), low, high, len(hours))
