"""Figures of a list of calls: in total, by how they ended, by language, by hour of the day."""

from datetime import datetime

from pymongo.database import Database

from core.aggregation.cube import Cube, load_cube
from core.aggregation.figures import rate, summaries, summarise
from core.aggregation.rollups.call_frames import CallFilters, find_stored
from core.aggregation.rollups.set_apart import cells_of_sound
from core.aggregation.search.call_search import CallFacets, count_calls, list_query
from core.aggregation.series import by_hour_of_day
from core.models.definitions import RATES, Dimension
from core.models.figures import (
    TOLD_APART,
    CallAnalytics,
    CallSummary,
    HourFigures,
    LanguageFigures,
    OutcomeFigures,
)
from core.settings import get_settings
from core.storage.restrictions import visible
from core.types import Document

MOST_READ = 100_000
"""Most calls read one by one for their figures, if roll-ups cannot tell them apart."""


def analytics(cube: Cube) -> CallAnalytics:
    """Return the figures of a cube."""
    return CallAnalytics(
        summary=summarise(cube),
        by_outcome=[
            OutcomeFigures(status=value, share=rate(found.total_calls, cube.total), **dict(found))
            for value, found in _by(cube, "status")
        ],
        by_language=[
            LanguageFigures(language=value, share=rate(found.total_calls, cube.total), **dict(found))
            for value, found in _by(cube, "language")
        ],
        by_hour=_by_hour(cube),
    )


def load_narrowed(
    database: Database[Document], start: datetime, end: datetime, filters: CallFilters, facets: CallFacets
) -> Cube | None:
    """Load the stored calls of a list that roll-ups cannot tell apart; None if there are too many.

    Archived calls and those of hidden leads are not included, as no page lists them.

    Raises:
        PyMongoError: the database does not answer, or needs more than 10 s.
    """
    if count_calls(database, start, end, filters=filters, facets=facets, most=MOST_READ + 1) > MOST_READ:
        return None
    # Narrowed to one lead, the figures would say of a hidden one what its calls do.
    found = find_stored(database, visible(database, list_query(start, end, filters, facets)))
    return Cube(start, end, get_settings().tz, "1D", cells_of_sound(found.calls).cells)


def load_listed(
    database: Database[Document], start: datetime, end: datetime, filters: CallFilters, facets: CallFacets
) -> Cube | None:
    """Load the calls of a list, from roll-ups if those can tell them apart.

    Raises:
        PyMongoError: the database does not answer, or needs more than 10 s.
    """
    if facets.query():
        return load_narrowed(database, start, end, filters, facets)
    return load_cube(database, start, end, filters, campaigns=False)


def _by(cube: Cube, dimension: Dimension) -> list[tuple[str, CallSummary]]:
    names, number = cube.values(dimension)
    return list(zip(names, summaries(cube, number, len(names)), strict=True)) if names else []


def _by_hour(cube: Cube) -> list[HourFigures]:
    found = []
    for hour, row in enumerate(by_hour_of_day(cube).to_dict("records")):
        counts = {str(key): int(n) for key, n in row.items()}
        rates = {
            key: rate(counts[one.part], counts[one.whole])
            for key, one in RATES.items()
            if {one.part, one.whole} <= {*TOLD_APART}
        }
        found.append(HourFigures(hour=hour, **counts, **rates))
    return found
