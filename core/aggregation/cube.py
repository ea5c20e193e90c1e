"""What every chart and figure of a period is made from: cells of calls, however many calls there were."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property

import numpy as np
import pandas as pd
from pymongo.database import Database

from core.aggregation.rollups import buckets, sketch
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.cells import (
    EXTREMES,
    MEASURES,
    NOTHING,
    SENTIMENT,
    Cells,
    Floats,
    Ints,
    concatenate,
    runs,
)
from core.aggregation.rollups.read import stored_cells
from core.aggregation.rollups.rollup import QUARTER_HOUR
from core.clock import utc_now
from core.models.definitions import COUNTS, DIMENSIONS
from core.settings import get_settings
from core.types import Document, Period


@dataclass(frozen=True)
class Cube:
    """The calls of the half-open period [start, end); ``finest`` is the smallest bucket it can be cut into.

    ``campaigns`` says whether it tells campaigns apart, ``read_at`` when the calls had been read. Numbers of
    calls are available by hour and quarter hour even if ``finest`` is a day. Loaded without counts, it has
    the distributions of its fields and nothing else.
    """

    start: datetime
    end: datetime
    zone: tzinfo
    finest: Bucket
    cells: Cells
    campaigns: bool = True
    from_calls: Sequence[Period] = ()
    """Half-open periods for which calls were read, as no roll-ups were up to date."""
    read_at: datetime = field(default_factory=utc_now, compare=False)
    _cell_buckets: dict[Bucket, Ints] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def total(self) -> int:
        """Return how many calls there are."""
        return int(self.counted("total_calls").sum())

    def measured(self, field: str) -> int:
        """Return how many calls have a value of this field."""
        return int(self.cells.tallies[field].n.sum())

    def counted(self, key: str) -> Ints:
        """Return one of the defined counts in each cell, by its key: ``completed_calls``.

        Raises:
            ValueError: the cube was loaded without counts.
        """
        if not self.cells.counts.shape[1]:
            raise ValueError("the cube was loaded without counts")
        count = COUNTS[key]
        column = COUNTS["total_calls"].stored if count.stored is None else count.stored
        values: Ints = self.cells.counts[:, column or 0]
        if count.stored is not None:
            return values
        for condition in count.where:
            there = self.is_(condition.field, str(condition.value))
            values = values * (there if condition.test == "is" else 1 - there)
        return values

    def values(self, dimension: str) -> tuple[list[str], Ints]:
        """Return the values of a dimension, most calls first, and each cell's index into them.

        '' is no value.

        Raises:
            ValueError: it asks for campaigns, and the cube was loaded without them.
        """
        if dimension == "campaign" and not self.campaigns:
            raise ValueError("the cube was loaded without campaigns")
        texts, text = np.unique([word or "" for word in self.cells.words], return_inverse=True)
        values = text.astype(np.int64)[self.cells.codes[:, DIMENSIONS.index(dimension)]]
        n = np.bincount(values, self.counted("total_calls"), len(texts))
        order = np.argsort(-n, kind="stable")[: np.count_nonzero(n)]
        number = np.full(len(texts), -1, np.int64)
        number[order] = np.arange(len(order))
        return texts[order].tolist(), number[values]

    def is_(self, dimension: str, value: str) -> Ints:
        """Return 1 for cells with that value, 0 for others."""
        codes = self.cells.codes[:, DIMENSIONS.index(dimension)]
        code = self.cells.words.index(value) if value in self.cells.words else -1
        return np.asarray(codes == code, np.int64)

    @cached_property
    def slots(self) -> tuple[Ints, Ints, Ints]:
        """Return calls by quarter hour or finer: start in seconds since 1970, cell, number of calls."""
        tally = self.cells.tallies["slots"]
        return self.cells.time[tally.cell] + tally.key * QUARTER_HOUR, tally.cell, tally.n

    def index(self, bucket: Bucket) -> pd.DatetimeIndex:
        """Return every bucket of the period."""
        return buckets.buckets(self.start, self.end, bucket, self.zone)

    def bucket_numbers(self, times: Ints, bucket: Bucket) -> Ints:
        """Return the index of each time's bucket in ``index``."""
        unique, inverse = buckets.distinct(times)
        floors = buckets.floor(buckets.local(unique, self.zone), bucket, self.zone)
        number = self.index(bucket).get_indexer(floors).astype(np.int64)
        return number[inverse]

    def has(self, bucket: Bucket) -> bool:
        """Return whether rates and percentiles are available for buckets of that size."""
        return buckets.BUCKETS.index(bucket) >= buckets.BUCKETS.index(self.finest)

    def require(self, bucket: Bucket) -> None:
        """Refuse what needs buckets of that size, where the cube cannot be cut into them.

        Raises:
            ValueError: the cube was loaded for a longer bucket than this.
        """
        if not self.has(bucket):
            raise ValueError(f"the cube was loaded in buckets of {self.finest}, not of {bucket}")

    def cell_buckets(self, bucket: Bucket) -> Ints:
        """Return the index of each cell's bucket.

        Raises:
            ValueError: the cube was loaded for a longer bucket than this.
        """
        self.require(bucket)
        if bucket not in self._cell_buckets:
            self._cell_buckets[bucket] = self.bucket_numbers(self.cells.time, bucket)
        return self._cell_buckets[bucket]

    def spread(self, field: str, group: Ints, size: int) -> Floats:
        """Return sum, least and greatest of a field in each group of cells; -1 leaves a cell out."""
        result = np.tile(NOTHING, (size, 1))
        order, firsts, there = runs(group)
        if len(firsts):
            values = self.cells.spreads[field][order]
            for column, how in enumerate(EXTREMES):
                result[there, column] = how.reduceat(values[:, column], firsts)
        return result

    def distribution(self, field: str, group: Ints, size: int) -> Ints:
        """Return the counts of the field's sketch in each group of cells; -1 leaves a cell out."""
        return self.cells.tallies[field].table(group, size, sketch.WIDTH)


def load_cube(
    database: Database[Document],
    start: datetime,
    end: datetime,
    filters: CallFilters | None = None,
    *,
    bucket: Bucket = "1D",
    zone: tzinfo | None = None,
    fields: Sequence[str] = MEASURES,
    campaigns: bool = True,
    counts: bool = True,
) -> Cube:
    """Load the calls of [start, end), so that all figures are available for each ``bucket`` of the zone.

    Charts of calls by hour, and by weekday and hour, need no bucket below a day; rates and percentiles do.
    Reads roll-ups, and computes from calls what those do not contain yet, so figures are never behind.

    Args:
        database: the store.
        start: start of the period, inclusive.
        end: end of the period, exclusive.
        filters: which calls.
        bucket: the smallest bucket for which rates and percentiles are wanted.
        zone: zone of days, weeks and months; TIMEZONE if left out.
        fields: those of the MEASURES whose percentiles are wanted; fewer are faster.
        campaigns: tell campaigns apart; several times faster without. A filter by campaign works either way.
        counts: load more than the percentiles of ``fields``; several times faster without.
    """
    zone = zone or get_settings().tz
    campaigns = campaigns or bool(filters and filters.campaign is not None)
    wanted = (*fields, SENTIMENT) if counts else tuple(fields)
    found = stored_cells(
        database, (start, end), filters, bucket, zone, wanted, campaigns=campaigns, counts=counts
    )
    return Cube(start, end, zone, bucket, concatenate(found.parts), campaigns, found.from_calls)
