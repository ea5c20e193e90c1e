"""Find what is worse than before: which metric, for which calls, from when to when. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from core.aggregation.cube import Cube
from core.aggregation.rollups.buckets import SECONDS
from core.aggregation.rollups.cells import Ints
from core.aggregation.rollups.conditions import Bools
from core.aggregation.story import spells
from core.aggregation.story.measures import Measure, Shares, measures
from core.aggregation.story.spells import Floats, Spell

FIELDS = ("language", "campaign", "direction")
"""Fields of cells that a story may be about; status is left out, because the metrics are made of it."""
MOST_VALUES = 12
"""For each field, this many values with the most calls are examined separately."""
ABOUT_AS_CLEAR = 1 / 3
"""A metric with this share of the clearest one's evidence may be reported in its place: see WATCHED_RATES."""
LEAST_EXCESS = 5
"""There must be at least this many more bad calls than usual."""
STILL = timedelta(minutes=30)
"""A spell that ends less than this long before the calls were read counts as ongoing."""
_NEIGHBOURS = timedelta(hours=2)


@dataclass(frozen=True)
class Finding:
    """A spell in which a metric is worse than usual, for the calls with these ``filters``.

    ``usual`` is the share of bad calls in the whole earlier period, 0 to 1.
    """

    measure: Measure
    filters: Mapping[str, str]
    spell: Spell
    usual: float


@dataclass(frozen=True)
class _Series:
    """The values whose calls are examined separately, and each one's cells; the first is all calls."""

    filters: list[dict[str, str]]
    now: list[Bools]
    before: list[Bools]


def find(now: Cube, before: Cube) -> Finding | None:
    """Return what is worse beyond chance.

    Among findings about as clear as the clearest, what matters most.
    """
    found = _findings(now, before)
    most = max((one.spell.evidence for one in found), default=0.0)
    return next((one for one in found if one.spell.evidence >= ABOUT_AS_CLEAR * most), None)


def _findings(now: Cube, before: Cube) -> list[Finding]:
    series = _series(now, before)
    watched = list(measures(now, before))
    at, buckets = now.cell_buckets(now.finest), len(now.index(now.finest))
    at_before, buckets_before = before.cell_buckets(before.finest), len(before.index(before.finest))
    around = int(_NEIGHBOURS.total_seconds() // SECONDS[now.finest]) if now.finest in SECONDS else 0
    enough = spells.asked_for(len(series.filters) * len(watched), buckets)
    found = []
    for measure in watched:
        bad, calls = _tables(measure.now, series.now, at, buckets)
        bad_before, calls_before = _tables(measure.before, series.before, at_before, buckets_before)
        usual = spells.usual(bad_before, calls_before, buckets, around)
        spell = spells.clearest(bad, calls, usual)
        within = (spell.row, slice(spell.first, spell.last))
        excess = float((bad - usual * calls)[within].sum())
        if spell.evidence >= enough and excess >= LEAST_EXCESS:
            row = spell.row if calls_before[spell.row].sum() else 0
            share = float(bad_before[row].sum() / calls_before[row].sum())
            found.append(Finding(measure, series.filters[spell.row], spell, share))
    return found


def _tables(shares: Shares, cells: Sequence[Bools], bucket: Ints, buckets: int) -> tuple[Floats, Floats]:
    """Return bad calls and all calls of each series in each bucket."""
    bad, calls = (
        np.stack([np.bincount(bucket, of * kept, buckets).astype(np.float64) for kept in cells])
        for of in (shares.bad, shares.calls)
    )
    return bad, calls


def _series(now: Cube, before: Cube) -> _Series:
    series = _Series([{}], [having(now, {})], [having(before, {})])
    for field in FIELDS:
        values, _ = now.values(field)
        for value in values[:MOST_VALUES] if len(values) > 1 else []:
            chosen = {field: value}
            series.filters.append(chosen)
            series.now.append(having(now, chosen))
            series.before.append(having(before, chosen))
    return series


def having(cube: Cube, filters: Mapping[str, str]) -> Bools:
    """Return which cells have these values; a value that no cell has matches none."""
    kept = np.ones(len(cube.cells), np.bool_)
    for field, value in filters.items():
        values, number = cube.values(field)
        kept &= number == (values.index(value) if value in values else -2)
    return kept


def within(cube: Cube, spell: Spell) -> Bools:
    """Return which cells are in a spell."""
    bucket = cube.cell_buckets(cube.finest)
    inside: Bools = (bucket >= spell.first) & (bucket < spell.last)
    return inside


def bounds(cube: Cube, spell: Spell) -> tuple[datetime, datetime]:
    """Return when a spell began and ended, as far as it lies in the period."""
    index = cube.index(cube.finest)
    start = max(index[spell.first].to_pydatetime(), cube.start)
    end = index[spell.last].to_pydatetime() if spell.last < len(index) else cube.end
    return start, min(end, cube.end)


def goes_on(cube: Cube, spell: Spell) -> bool:
    """Return whether a spell is not over, judging by the calls that were read."""
    return spell.last == len(cube.index(cube.finest)) and cube.read_at - cube.end < STILL
