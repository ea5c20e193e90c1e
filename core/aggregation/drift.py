"""Check that readers see what the calls say.

Compare a day's figures from roll-ups with those from its calls.
"""

from dataclasses import dataclass
from datetime import date
from math import isclose

import numpy as np
from pymongo.database import Database

from core.aggregation.cube import Cube, load_cube
from core.aggregation.figures import summarise
from core.aggregation.rollups.call_frames import read_calls
from core.aggregation.rollups.set_apart import cells_of_sound
from core.clock import day_bounds
from core.models.definitions import DIMENSIONS
from core.settings import get_settings
from core.types import Document, dotted

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Difference:
    """A figure that differs; None where it is missing."""

    figure: str
    rolled_up: object
    from_calls: object


@dataclass(frozen=True)
class Drift:
    """The result of checking a day: how many calls and figures were compared, and which differ."""

    day: date
    calls: int
    figures: int
    differences: tuple[Difference, ...]


def drift(database: Database[Document], day: date) -> Drift:
    """Compute a local day's figures from its calls, and compare them with those that are shown."""
    zone = get_settings().tz
    start, end = day_bounds(day, zone)
    raw = Cube(start, end, zone, "1D", cells_of_sound(read_calls(database, [(start, end)])).cells)
    whole, told_apart = (load_cube(database, start, end, campaigns=campaigns) for campaigns in (False, True))
    # Figures with and without campaigns are stored separately, and either can be wrong on its own.
    pairs = {
        "": (_figures(whole), _figures(raw)),
        " by campaign": (_figures(told_apart) | _campaigns(told_apart), _figures(raw) | _campaigns(raw)),
    }
    different = tuple(
        Difference(f"{name}{words}", shown.get(name), computed.get(name))
        for words, (shown, computed) in pairs.items()
        for name in sorted(shown.keys() | computed.keys())
        if not _same(shown.get(name), computed.get(name))
    )
    return Drift(day, raw.total, sum(len(shown) for shown, _ in pairs.values()), different)


def _figures(cube: Cube) -> dict[str, object]:
    return dict(dotted(summarise(cube).model_dump()))


def _campaigns(cube: Cube) -> dict[str, object]:
    """Return calls by campaign, for as many campaigns as a day tells apart."""
    cells = cube.cells.capped()
    calls = np.bincount(cells.codes[:, DIMENSIONS.index("campaign")], cells.counts[:, 0], len(cells.words))
    return {f"campaign {cells.words[code]}": int(calls[code]) for code in np.flatnonzero(calls).tolist()}


def _same(one: object, other: object) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return isclose(one, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    return one == other
