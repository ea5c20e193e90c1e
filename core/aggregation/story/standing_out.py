"""Values with more bad calls than expected by chance. Pure functions of counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.aggregation.intervals import distinguishable

LEAST_CALLS = 3
"""A value needs at least this many bad calls to stand out."""


@dataclass(frozen=True)
class Standout:
    """A value of a label with more bad calls than expected by chance."""

    label: str
    value: str
    bad: int
    calls: int
    others_bad: int
    others: int

    @property
    def words(self) -> str:
        """Return it as people read it: ``language hindi 10 of 12 calls, others 2 of 38``."""
        shown = f"{self.label} {self.value or 'none'}"
        return f"{shown} {self.bad:,} of {self.calls:,} calls, others {self.others_bad:,} of {self.others:,}"

    @property
    def excess(self) -> float:
        """Return how many more bad calls it has than the others' share would give it."""
        return self.bad - self.calls * self.others_bad / self.others if self.others else 0.0

    @property
    def is_clear(self) -> bool:
        """Return whether that is beyond chance, at 95 %."""
        return self.excess > 0 and distinguishable(self.bad, self.calls, self.others_bad, self.others)


def standing_out(label: str, values: Sequence[str], bad: ArrayLike, calls: ArrayLike) -> Iterator[Standout]:
    """Yield what stands out among the values of a label; ``bad`` and ``calls`` are counts by value."""
    bads: NDArray[np.int64] = np.asarray(bad, np.int64)
    alls: NDArray[np.int64] = np.asarray(calls, np.int64)
    for at in np.flatnonzero(bads >= LEAST_CALLS).tolist():
        one = Standout(
            label,
            values[at],
            int(bads[at]),
            int(alls[at]),
            int(bads.sum() - bads[at]),
            int(alls.sum() - alls[at]),
        )
        if one.is_clear:
            yield one
