"""Proof that readers see what the calls say: a day's figures from roll-ups against those from its calls."""

from dataclasses import dataclass
from datetime import date
from math import isclose

from pymongo.database import Database

from core.aggregation.cube import Cube, load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.call_frames import read_calls
from core.aggregation.rollups.rollup import cells_of
from core.clock import day_bounds
from core.settings import get_settings
from core.types import Document, dotted

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Difference:
    """A figure that is not the same; None where it is missing."""

    figure: str
    rolled_up: object
    from_calls: object


@dataclass(frozen=True)
class Drift:
    """What comparing a day brought: how many calls, how many figures, and which of them differ."""

    day: date
    calls: int
    figures: int
    differences: tuple[Difference, ...]


def drift(database: Database[Document], day: date) -> Drift:
    """Compute a local day's figures from its calls and hold them against those that are shown."""
    zone = get_settings().tz
    start, end = day_bounds(day, zone)
    raw = Cube(start, end, zone, "1D", cells_of(read_calls(database, [(start, end)])))
    computed = dict(dotted(summarise(raw).model_dump()))
    # Figures with and without campaigns are kept apart, and either can be wrong alone.
    shown = {
        words: dict(dotted(summarise(load_cube(database, start, end, campaigns=campaigns)).model_dump()))
        for words, campaigns in (("", False), (" by campaign", True))
    }
    different = tuple(
        Difference(f"{name}{words}", figures.get(name), computed.get(name))
        for words, figures in shown.items()
        for name in sorted(figures.keys() | computed.keys())
        if not _same(figures.get(name), computed.get(name))
    )
    return Drift(day, raw.total, sum(map(len, shown.values())), different)


def _same(one: object, other: object) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return isclose(one, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    return one == other
