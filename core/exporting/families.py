"""Everything that is exported, as of now: totals of calls, and the state of the system."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pymongo.database import Database

from core.exporting.catalogue import COUNTERS, HISTOGRAMS, Exported
from core.exporting.gauges import Samples, gauges
from core.exporting.sums import TOTAL, Sums
from core.exporting.totals import read_totals
from core.types import Document

_LABELS = {one.name: len(one.labels) + (one.kind == "histogram") for one in (*COUNTERS, *HISTOGRAMS)}
"""How many labels a sum of each metric has; one of a histogram also names its bin."""


@dataclass(frozen=True)
class Bins:
    """A histogram: the count in each bin (the last one is above all bounds), and the sum of the values."""

    counts: tuple[float, ...]
    total: float


@dataclass(frozen=True)
class Family:
    """A metric with its values by label values."""

    metric: Exported
    samples: Samples = field(default_factory=dict)
    """For a counter or gauge."""
    bins: Mapping[tuple[str, ...], Bins] = field(default_factory=dict)
    """For a histogram."""


def families(database: Database[Document]) -> list[Family]:
    """Return everything that is exported, counters first. Takes the same time however many calls there are.

    Raises:
        PyMongoError: the database does not answer.
    """
    totals = read_totals(database)
    counted = list(of_sums(totals.published)) if totals else []
    return counted + [Family(metric, samples) for metric, samples in gauges(database)]


def of_sums(sums: Sums) -> Iterator[Family]:
    """Return the counters and histograms of stored sums, including those without a value.

    A sum with more labels, or fewer, is another version's; it is left out.
    """
    values: dict[str, dict[tuple[str, ...], float]] = {}
    for (name, *labels), value in sums.items():
        if len(labels) == _LABELS.get(name):
            values.setdefault(name, {})[tuple(labels)] = value
    for metric in COUNTERS:
        yield Family(metric, dict(sorted(values.get(metric.name, {}).items())))
    for metric in HISTOGRAMS:
        yield Family(metric, bins=_bins(metric, values.get(metric.name, {})))


def _bins(metric: Exported, values: Mapping[tuple[str, ...], float]) -> dict[tuple[str, ...], Bins]:
    places = range(len(metric.bounds) + 1)
    return {
        labels: Bins(
            tuple(values.get((*labels, str(place)), 0.0) for place in places),
            values.get((*labels, TOTAL), 0.0),
        )
        for labels in sorted({key[:-1] for key in values})
    }
