"""The figures for Prometheus: computed from the store at each scrape, so every worker reports the same."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from core.exporting.catalogue import PREFIX, Exported
from core.exporting.families import Bins, Family


class FamilyCollector(Collector):
    """Gives a registry the families that were read for one scrape."""

    def __init__(self, found: Sequence[Family]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        """Yield the families as objects of the client library."""
        return map(_metric, self._found)


def expose(found: Sequence[Family], accept: str) -> tuple[bytes, str]:
    """Return the page and its content type: OpenMetrics if Accept asks for it, else Prometheus text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FamilyCollector(found))
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # it names a version that is no number
        encode, content_type = choose_encoder("")
    return encode(registry), content_type


def _metric(family: Family) -> Metric:
    about = family.metric
    name, meaning, labels = f"{PREFIX}{about.name}", f"{about.meaning}.", about.labels
    if about.kind == "histogram":
        histogram = HistogramMetricFamily(name, meaning, labels=labels)
        for values, bins in family.bins.items():
            histogram.add_metric(values, list(_cumulated(about, bins)), bins.total)
        return histogram
    kind = CounterMetricFamily if about.kind == "counter" else GaugeMetricFamily
    metric = kind(name, meaning, labels=labels)
    for values, value in family.samples.items():
        metric.add_metric(values, value)
    return metric


def _cumulated(about: Exported, bins: Bins) -> Iterator[tuple[str, float]]:
    """Return each upper bound as text, and how many values do not exceed it."""
    bounds = [*(str(bound) for bound in about.bounds), "+Inf"]
    return zip(bounds, accumulate(bins.counts), strict=True)
