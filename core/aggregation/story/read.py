"""Load a story: from roll-ups what happened, and then a limited number of calls about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pymongo.database import Database

from core.aggregation.activity import comparable
from core.aggregation.cube import load_cube
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.call_frames import CallFilters, calls_query
from core.aggregation.rollups.conditions import Bools, mask
from core.aggregation.rollups.foreign_values import in_array, read_past
from core.aggregation.rollups.rollup import ArrowColumns
from core.aggregation.story import spells
from core.aggregation.story.attribution import Counts
from core.aggregation.story.finding import Finding
from core.aggregation.story.shape import Story
from core.aggregation.story.tell import Details, tell
from core.models.definitions import COUNTS, LATENCIES, METRICS, RATES
from core.storage.collections import CALLS
from core.storage.columns import find_columns
from core.types import Document, Period

MOST_CALLS = 5_000
"""How many calls of a spell, and of the earlier period, are read: the latest ones."""
LONGEST_READ_MS = 2_000
SHORT = timedelta(hours=48)
"""Longer periods are described in whole days."""
_LEAD = timedelta(minutes=15)
"""How long before the quarter hour named by the roll-ups a spell may have begun."""
_BY_CALLS = {
    "agent_version": "$agent_version",
    "carrier": "$telephony.provider",
    "llm_provider": "llm",
    "asr_provider": "asr",
    "tts_provider": "tts",
}
"""What cells do not have: where it is in a call, or the kind of model whose provider it is."""
_SCHEMA: dict[str, pa.DataType] = {
    "_id": pa.string(),
    "start_time": pa.timestamp("ms", tz="UTC"),
    "status": pa.string(),
    "end_reason": pa.string(),
    "qualification_completed": pa.bool_(),
    "handoff_triggered": pa.bool_(),
    **dict.fromkeys(LATENCIES, pa.float64()),
    "errors": pa.list_(pa.struct([("type", pa.string())])),
    "error_types": pa.list_(pa.string()),
    **dict.fromkeys(_BY_CALLS, pa.string()),
}


def _provider(kind: str) -> Document:
    """Return the provider of the first model of a kind that a call used."""
    used = {"$filter": {"input": in_array("usage"), "cond": {"$eq": ["$$this.kind", kind]}}}
    return {"$let": {"vars": {"first": {"$first": used}}, "in": "$$first.provider"}}


def _if_text(value: Document | str) -> Document:
    """Return a value that is a text, else nothing: another tool may have stored a number."""
    known = {"$cond": [{"$eq": [{"$type": "$$value"}, "string"]}, "$$value", None]}
    return {"$let": {"vars": {"value": value}, "in": known}}


_FIELDS: Document = dict.fromkeys(_SCHEMA, 1) | {
    name: _if_text(where if where.startswith("$") else _provider(where)) for name, where in _BY_CALLS.items()
}


@dataclass(frozen=True)
class Periods:
    """A period and the earlier one it is compared with, half open, in UTC."""

    now: Period
    before: Period

    @property
    def bucket(self) -> Bucket:
        """Return how finely time is divided."""
        return "15min" if self.now[1] - self.now[0] <= SHORT else "1D"


def story_of(database: Database[Document], periods: Periods, filters: CallFilters) -> Story:
    """Return what happened in a period; the cost depends on its length, not on the number of calls.

    An earlier period of which less than half has data is not compared with.

    Raises:
        PyMongoError: the database does not answer.
    """
    periods = replace(periods, before=comparable(database, periods.before))
    now, before = (
        load_cube(database, *period, filters, bucket=periods.bucket, fields=LATENCIES)
        for period in (periods.now, periods.before)
    )
    return tell(now, before, _Look(database, periods, filters))


@dataclass(frozen=True)
class _Look:
    """Reads what only calls can say about a finding."""

    database: Database[Document]
    periods: Periods
    filters: CallFilters

    def __call__(self, finding: Finding, start: datetime, end: datetime) -> Details:
        calls = self._read((start, end), {})
        earlier = self._read(self.periods.before, {})
        bad, counted = _bad(finding, calls)
        bad_before, counted_before = _bad(finding, earlier)
        fields = {
            name: (_counts(calls, name, bad, counted), _counts(earlier, name, bad_before, counted_before))
            for name in _BY_CALLS
        }
        told_apart = {name: pair for name, pair in fields.items() if len(pair[0]) > 1}
        return Details(self._first(finding, start, end), told_apart)

    def _first(self, finding: Finding, start: datetime, end: datetime) -> datetime | None:
        """Return when the first bad call of the spell began: the same search, over single calls."""
        if not finding.spell.first or self.periods.bucket != "15min":
            return None
        calls = self._read((start - _LEAD, end), finding.filters)
        bad, counted = _bad(finding, calls)
        moments = calls["start_time"].to_pylist()
        order = sorted(np.flatnonzero(counted).tolist(), key=lambda row: moments[row])
        if not order or len(calls) >= MOST_CALLS:
            return None
        row = bad[order].astype(float)[None, :]
        usual = np.full(row.shape, min(max(finding.usual, 1e-4), 1 - 1e-4))
        in_spell = np.array([moments[one] >= start for one in order])
        odds = spells.odds_ratio(float(row[0, in_spell].mean()) if in_spell.any() else 0.0, finding.usual)
        spell = spells.clearest(row, np.ones(row.shape), usual, [odds])
        found: datetime = moments[order[spell.first]]
        return found

    def _read(self, period: Period, chosen: Mapping[str, str]) -> pa.Table:
        collection = self.database[CALLS]
        of = {name: value or None for name, value in chosen.items()}
        query = {"$and": [calls_query(*period, "start_time", self.filters), of]}
        options: dict[str, Any] = {
            "projection": _FIELDS,
            "sort": [("start_time", -1)],
            "limit": MOST_CALLS,
            "max_time_ms": LONGEST_READ_MS,
        }
        return read_past(
            lambda sound: find_columns(collection, sound, _SCHEMA, **options), collection, query
        ).calls


def _bad(finding: Finding, calls: pa.Table) -> tuple[Bools, Bools]:
    """Return which calls are bad, and which count at all."""
    columns, key = ArrowColumns(calls), finding.measure.key
    if key in RATES:
        rate = RATES[key]
        part, whole = (mask(COUNTS[name].where, columns) for name in (rate.part, rate.whole))
        return (whole & ~part if METRICS[key].good == "up" else part), whole
    values = columns.number(key)
    return values > (finding.measure.limit_ms or 0.0), ~np.isnan(values)


def _counts(calls: pa.Table, name: str, bad: Bools, counted: Bools) -> Counts:
    """Return bad calls and all calls by value, without calls that have no value."""
    return dict(_by_value(calls[name].to_pylist(), bad, counted))


def _by_value(values: list[str | None], bad: Bools, counted: Bools) -> Iterator[tuple[str, tuple[int, int]]]:
    texts = np.array([value or "" for value in values])
    for value in np.unique(texts[counted]):
        there = counted & (texts == value)
        if value:
            yield str(value), (int((bad & there).sum()), int(there.sum()))
