"""Figures as pandas frames, for an agent, a notebook or a script: plain calls, on the configured database.

The figures are those of the dashboard, the API and the alerts (:mod:`core.models.definitions`). Every
function takes a half-open period [start, end). Each end is a ``datetime`` (one without a zone is in
TIMEZONE), a ``date`` or ``"2024-10-24"`` (its midnight in TIMEZONE), or a text such as
``"2024-10-24T15:30"``. Filters are ``direction``, ``language``, ``status`` and ``campaign``. Buckets, and
times in an index, are in TIMEZONE.

Counts are int64; rates go from 0 to 1 and are NaN if there is nothing to divide by; latencies are in
milliseconds, durations in seconds. Percentiles come from sketches, within 1 % of the exact value.
"""

from dataclasses import replace
from datetime import date, datetime
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd
import pyarrow as pa
from pymongo.database import Database

from core.aggregation import funnel as funnels
from core.aggregation.cube import Cube, load_cube
from core.aggregation.intervals import wilson
from core.aggregation.rollups.buckets import BUCKETS, SECONDS, Bucket
from core.aggregation.rollups.call_frames import CallFilters, read_calls
from core.aggregation.rollups.cells import Ints
from core.aggregation.series import percentile_table
from core.clock import day_bounds, parse_moment, to_utc
from core.errors import UserError
from core.models.calls.languages import fold
from core.models.definitions import COUNTS, DIMENSIONS, DISTRIBUTIONS, RATES, Dimension
from core.settings import get_settings
from core.storage import get_sync_database
from core.types import Document, Period

MOST_BUCKETS = 100_000
_FLAGS = ["qualification_completed", "handoff_triggered"]
Moment = datetime | date | str


class Filters(TypedDict, total=False):
    """Which calls; a filter that is left out matches all. ``database`` replaces the configured one."""

    direction: str | None
    language: str | None
    status: str | None
    campaign: str | None
    database: Database[Document] | None


def series(start: Moment, end: Moment, bucket: Bucket = "1D", **filters: Unpack[Filters]) -> pd.DataFrame:
    """Return counts and rates over time, one row per bucket, including those without calls.

    Args:
        start: start of the period.
        end: its end, exclusive.
        bucket: "1min", "5min", "15min", "1h", "3h", "1D", "1W" (from Monday) or "1MS" (months).
        **filters: which calls.

    Returns:
        Index ``start``: the start of each bucket. Columns: every count (``total_calls`` …), every rate
        (``answer_rate`` …) and the ends of its 95 % Wilson interval (``answer_rate_low``, ``_high``).

    Raises:
        UserError: a time, bucket or period is invalid, or an archived file cannot be read.
        PyMongoError: the database does not answer.
    """
    cube = _cube(start, end, bucket, filters)
    index = cube.index(bucket).rename("start")
    return _counts_and_rates(cube, cube.cell_buckets(bucket), index)


def breakdown(start: Moment, end: Moment, by: Dimension, **filters: Unpack[Filters]) -> pd.DataFrame:
    """Return counts and rates of a period for each value of a dimension, most calls first.

    Args:
        start: start of the period.
        end: its end, exclusive.
        by: "direction", "language", "status" or "campaign"; calls without a value are under "".
        **filters: which calls.

    Returns:
        The columns of :func:`series`, and ``share``: of all calls of the period, 0 to 1.

    Raises:
        UserError: as for :func:`series`; or there is no such dimension.
        PyMongoError: the database does not answer.
    """
    if by not in DIMENSIONS:
        raise UserError(f"calls cannot be grouped by {by!r}; use one of {', '.join(DIMENSIONS)}")
    cube = _cube(start, end, "1D", filters, campaigns=by == "campaign")
    names, number = cube.values(by)
    frame = _counts_and_rates(cube, number, pd.Index(names, name=by))
    frame.insert(1, "share", frame["total_calls"] / (cube.total or np.nan))
    return frame


def percentiles(
    start: Moment, end: Moment, field: str, bucket: Bucket | None = None, **filters: Unpack[Filters]
) -> pd.DataFrame:
    """Return the distribution of a field, for the whole period or for each bucket.

    Args:
        start: start of the period.
        end: its end, exclusive.
        field: ``asr_latency_ms``, ``llm_latency_ms``, ``tts_latency_ms``, ``e2e_latency_ms``,
            ``duration_seconds`` or ``qualification_seconds``.
        bucket: as for :func:`series`; None for one row, the whole period.
        **filters: which calls.

    Returns:
        Columns ``n`` (calls that have the field), ``mean``, ``p50``, ``p90``, ``p95``, ``p99``, ``max``, in
            the
        field's unit; NaN if no call has it.

    Raises:
        UserError: as for :func:`series`; or the field has no distribution.
        PyMongoError: the database does not answer.
    """
    if field not in DISTRIBUTIONS:
        raise UserError(f"{field!r} has no distribution; use one of {', '.join(DISTRIBUTIONS)}")
    cube = _cube(start, end, bucket or "1D", filters, fields=(field,))
    if bucket is None:
        whole = np.zeros(len(cube.cells), np.int64)
        first = pd.DatetimeIndex([cube.start], name="start").tz_convert(cube.zone)
        return percentile_table(cube, field, whole, 1).set_index(first)
    index = cube.index(bucket).rename("start")
    return percentile_table(cube, field, cube.cell_buckets(bucket), len(index)).set_index(index)


def funnel(
    start: Moment, end: Moment, by: Dimension | None = None, **filters: Unpack[Filters]
) -> pd.DataFrame:
    """Return how many outbound calls reach each stage of the loan funnel.

    Args:
        start: start of the period.
        end: its end, exclusive.
        by: a dimension to split by; None for one row, "all".
        **filters: which calls.

    Returns:
        Columns ``dialled``, ``answered``, ``engaged``, ``qualified``, ``handed_off``; ``with_turns`` is how
            many
        answered calls have turns: without them it is unknown who spoke, so a call cannot count as engaged.

    Raises:
        UserError: as for :func:`breakdown`.
        PyMongoError: the database does not answer.
    """
    if by is not None and by not in DIMENSIONS:
        raise UserError(f"calls cannot be grouped by {by!r}; use one of {', '.join(DIMENSIONS)}")
    return funnels.funnel(_cube(start, end, "1D", filters, campaigns=by == "campaign"), by)


def calls(start: Moment, end: Moment, **filters: Unpack[Filters]) -> pd.DataFrame:
    """Return the calls that started in a period, one row each, oldest first, archived ones included.

    All of them are read: a million calls take some seconds and about a gigabyte.

    Args:
        start: start of the period.
        end: its end, exclusive.
        **filters: which calls.

    Returns:
        Index ``call_id``. ``start_time`` in TIMEZONE; texts as ``str``; numbers as float64 or Int64, missing
            if
        the call does not have them; costs in rupees (``cost_asr`` …); ``errors`` as a list of type and fault.

    Raises:
        UserError: as for :func:`series`.
        PyMongoError: the database does not answer.
    """
    period = _period(start, end)
    found = read_calls(_database(filters), [period], _filters(filters)).sort_by("start_time")
    whole_numbers = {pa.int64(): pd.Int64Dtype()}
    frame: pd.DataFrame = found.drop_columns(["error_types"]).to_pandas(types_mapper=whole_numbers.get)
    frame["start_time"] = frame["start_time"].dt.tz_convert(get_settings().tz)
    frame[_FLAGS] = frame[_FLAGS].fillna(value=False).astype(bool)
    return frame.rename(columns={"_id": "call_id"}).set_index("call_id")


def _counts_and_rates(cube: Cube, group: Ints, index: pd.Index) -> pd.DataFrame:
    counts = {
        key: np.bincount(group, cube.counted(key), len(index)).astype(np.int64)
        for key, count in COUNTS.items()
        if count.shown
    }
    columns: dict[str, np.ndarray] = dict(counts)
    for key, rate in RATES.items():
        part, whole = counts[rate.part], counts[rate.whole]
        columns[key] = part / np.where(whole > 0, whole, np.nan)
        columns[f"{key}_low"], columns[f"{key}_high"] = wilson(part, whole)
    return pd.DataFrame(columns, index=index)


def _cube(
    start: Moment,
    end: Moment,
    bucket: Bucket,
    filters: Filters,
    *,
    fields: tuple[str, ...] = (),
    campaigns: bool = False,
) -> Cube:
    first, last = _period(start, end)
    if bucket not in BUCKETS:
        raise UserError(f"{bucket!r} is not a bucket; use one of {', '.join(BUCKETS)}")
    if (last - first).total_seconds() / SECONDS.get(bucket, 86_400) > MOST_BUCKETS:
        raise UserError(f"the period has more than {MOST_BUCKETS:,} buckets of {bucket}; use longer ones")
    chosen = _filters(filters)
    return load_cube(
        _database(filters), first, last, chosen, bucket=bucket, fields=fields, campaigns=campaigns
    )


def _period(start: Moment, end: Moment) -> Period:
    first, last = _moment(start), _moment(end)
    if first >= last:
        raise UserError(f"the period ends at {end}, not after its start {start}; the end is exclusive")
    return first, last


def _moment(given: Moment) -> datetime:
    if isinstance(given, str):
        return parse_moment(given)
    return to_utc(given) if isinstance(given, datetime) else day_bounds(given)[0]


def _filters(given: Filters) -> CallFilters:
    known = CallFilters.__dataclass_fields__
    if unknown := sorted(given.keys() - {*known, "database"}):
        raise UserError(f"{unknown[0]!r} is not a filter; use {', '.join(known)}")
    chosen = CallFilters(**{name: value for name, value in given.items() if name in known})  # type: ignore[arg-type]  # texts, as checked
    return replace(chosen, language=fold(chosen.language)) if chosen.language else chosen


def _database(given: Filters) -> Database[Document]:
    given_database = given.get("database")
    return get_sync_database() if given_database is None else given_database
