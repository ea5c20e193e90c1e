"""What a story examines: bad calls, and the calls they are counted among, in each cell of two cubes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.aggregation.cube import Cube
from core.aggregation.rollups import sketch
from core.aggregation.rollups.cells import Ints
from core.models.definitions import LATENCIES, METRICS, RATES

LEAST_CALLS = 20
"""With fewer calls, in the period or the one it is compared with, nothing is concluded."""
WATCHED_RATES = (
    "failure_rate",
    "error_rate",
    "lost_rate",
    "answer_rate",
    "qualification_rate",
    "handoff_rate",
)
"""The worst for the business first, latencies last: of what is about as clear, the first is reported."""
COMPONENTS_FIRST = tuple(sorted(LATENCIES, key=lambda key: key == "e2e_latency_ms"))
"""Who holds calls up says more than that they are held up."""
SLOWER = 1.25
"""A call is slow from this multiple of the earlier period's 95th percentile on."""
_SLOW_FROM = 0.95


@dataclass(frozen=True)
class Shares:
    """For each cell, how many calls are bad, and of how many."""

    bad: Ints
    calls: Ints


@dataclass(frozen=True)
class Measure:
    """A metric in both periods; for a latency, calls above ``limit_ms`` are slow."""

    key: str
    now: Shares
    before: Shares
    limit_ms: float | None = None


def measures(now: Cube, before: Cube) -> Iterator[Measure]:
    """Yield every watched metric for which both periods have enough calls."""
    for key in WATCHED_RATES:
        yield from _enough(Measure(key, _of_rate(now, key), _of_rate(before, key)))
    for key in COMPONENTS_FIRST:
        limit = _slow_from(before, key) if key in before.cells.tallies else None
        if limit is not None and key in now.cells.tallies:
            last = float(sketch.edges()[limit])
            yield from _enough(
                Measure(key, _of_latency(now, key, limit), _of_latency(before, key, limit), last)
            )


def _enough(measure: Measure) -> Iterator[Measure]:
    if min(measure.now.calls.sum(), measure.before.calls.sum()) >= LEAST_CALLS:
        yield measure


def _of_rate(cube: Cube, key: str) -> Shares:
    rate = RATES[key]
    part, whole = cube.counted(rate.part), cube.counted(rate.whole)
    return Shares(whole - part if METRICS[key].good == "up" else part, whole)


def _slow_from(before: Cube, key: str) -> int | None:
    """Return the last bucket of the field's sketch that is not slow; None without values."""
    counts = before.distribution(key, np.zeros(len(before.cells), np.int64), 1)[0]
    if not counts.sum():
        return None
    usual = int((np.cumsum(counts) >= _SLOW_FROM * counts.sum()).argmax())
    return int(sketch.bucket_of(np.array([sketch.edges()[usual] * SLOWER]))[0])


def _of_latency(cube: Cube, key: str, limit: int) -> Shares:
    tally, size = cube.cells.tallies[key], len(cube.cells)
    slow = tally.key > limit
    bad, calls = (
        np.bincount(tally.cell[kept], tally.n[kept], size).astype(np.int64) for kept in (slow, tally.key >= 0)
    )
    return Shares(bad, calls)
