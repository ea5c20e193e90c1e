"""Percentiles of the last minutes, for systems that receive figures and keep no histograms."""

from datetime import timedelta

from pymongo.database import Database

from core.aggregation.cube import load_cube
from core.aggregation.figures import summarise
from core.clock import rolling, utc_now
from core.exporting.catalogue import HISTOGRAMS, Exported
from core.types import Document

WINDOW = timedelta(minutes=15)
QUANTILES = ("p50", "p95", "p99")


def recent_percentiles(database: Database[Document]) -> dict[Exported, dict[str, float]]:
    """Return QUANTILES of each histogram in seconds, over calls that began within WINDOW.

    Empty without calls.

    Raises:
        PyMongoError: the database does not answer.
    """
    summary = summarise(load_cube(database, *rolling(WINDOW, utc_now()), campaigns=False))
    found = {}
    for metric in HISTOGRAMS:
        figures = getattr(summary, metric.of)
        if figures.n:
            found[metric] = {name: getattr(figures, name) * metric.scale for name in QUANTILES}
    return found
