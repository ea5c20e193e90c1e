"""What is exported about calls, by name: counters and histograms, derived from the definitions of metrics.

Names and labels are a promise to other people's dashboards and alert rules, so they must not change. A label
has few values, and never an unchecked value from a call.
"""

from dataclasses import dataclass
from typing import Literal

from core.models.calls.endings import ENDINGS
from core.models.calls.languages import NAMES
from core.models.definitions import COUNTS, DISTRIBUTIONS, Distribution

PREFIX = "voice_agent_"
OTHER, UNKNOWN = "other", "unknown"
MOST_ERROR_TYPES = 50
"""Most types of errors counted separately, those seen first; all others count as ``other``."""
LANGUAGES = frozenset({*NAMES.values(), UNKNOWN})
REASONS = frozenset(ENDINGS)
LATENCY_BOUNDS = (
    *(0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75),
    *(2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 7.5, 10.0, 20.0),
)
DURATION_BOUNDS = (
    *(5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 150.0),
    *(180.0, 240.0, 300.0, 420.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0),
)
"""Upper bounds of histograms in seconds; they include the limits and targets of the definitions."""
_OF_CALLS = {"duration_seconds": "call_duration_seconds"}
"""Names that would be too vague among those of other programs."""

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Exported:
    """A metric, named without PREFIX and, for a counter, without ``_total``.

    ``of`` is its key in the definitions. Histograms are in seconds: values are multiplied by ``scale``.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    of: str = ""
    bounds: tuple[float, ...] = ()
    scale: float = 1.0


CALLS = Exported("calls", "counter", "Recorded calls", ("direction", "language", "status"), "total_calls")
ERRORS = Exported("errors", "counter", "Errors in calls by type", ("type",))
ENDS = Exported("call_endings", "counter", "Calls by how they ended, of those that say so", ("reason",))
COST = Exported("cost_rupees", "counter", "What calls cost, by part", ("part",), "calls_with_cost")
OF_COUNTS = tuple(
    Exported(key, "counter", count.meaning, ("direction", "language"), key)
    for key, count in COUNTS.items()
    if count.stored is not None and key != CALLS.of
)
"""Counts that the labels of CALLS do not already show."""


def _histogram(one: Distribution) -> Exported:
    in_ms = one.unit == "ms"
    name = _OF_CALLS.get(one.key, f"{one.key.removesuffix('_ms')}_seconds" if in_ms else one.key)
    bounds = LATENCY_BOUNDS if in_ms else DURATION_BOUNDS
    return Exported(name, "histogram", one.meaning, ("language",), one.key, bounds, 0.001 if in_ms else 1.0)


HISTOGRAMS = tuple(map(_histogram, DISTRIBUTIONS.values()))
COUNTERS = (CALLS, *OF_COUNTS, ERRORS, ENDS, COST)
