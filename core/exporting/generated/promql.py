"""PromQL for the metrics of the definitions: rates of counters, shares, percentiles."""

from collections.abc import Sequence

from core.exporting.catalogue import CALLS, PREFIX, Exported
from core.models.definitions import COUNTS, DIMENSIONS, Rate

WINDOW = "15m"
"""Counters advance once a minute, so a window of several minutes sees several steps."""


def counter(key: str, *matchers: str) -> str:
    """Return the counter of a count, for label matchers such as ``language="hindi"``."""
    count = COUNTS[key]
    if count.stored is not None and key != CALLS.of:
        return _selector(f"{key}_total", matchers)
    signs = {"is": "=", "is not": "!="}
    own = [f'{one.field}{signs[one.test]}"{one.value}"' for one in count.where if one.field in DIMENSIONS]
    return _selector(f"{CALLS.name}_total", [*own, *matchers])


def increase(key: str, *matchers: str, window: str = WINDOW) -> str:
    """Return how much a count rose within a window."""
    return f"sum(increase({counter(key, *matchers)}[{window}]))"


def share(rate: Rate, *matchers: str, window: str = WINDOW) -> str:
    """Return a rate over a window, 0 to 1; no result if there is nothing to divide by.

    A count without a single call has no series yet and is 0.
    """
    part, whole = (f"sum(rate({counter(key, *matchers)}[{window}]))" for key in (rate.part, rate.whole))
    return f"({part} or vector(0)) / ({whole} > 0)"


def quantile(metric: Exported, q: float, *matchers: str, window: str = WINDOW) -> str:
    """Return a percentile of a histogram over a window, in seconds."""
    bucket = _selector(f"{metric.name}_bucket", matchers)
    return f"histogram_quantile({q}, sum by (le) (rate({bucket}[{window}])))"


def gauge(metric: Exported, *matchers: str) -> str:
    """Return a gauge; every API process reports the same, so the greatest value is taken."""
    by = f"max by ({', '.join(metric.labels)}) " if metric.labels else "max"
    return f"{by}({_selector(metric.name, matchers)})"


def _selector(name: str, matchers: Sequence[str]) -> str:
    return f"{PREFIX}{name}{{{', '.join(matchers)}}}" if matchers else f"{PREFIX}{name}"
