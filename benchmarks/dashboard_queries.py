"""A dashboard's queries over 90 days: roll-ups next to pipelines, pandas, and DuckDB's own table.

pandas reads all calls of the period and filters them, or has the server filter them. DuckDB's table is made
beforehand. All answers are compared: counts must be equal, percentiles within 1 %. Each set of queries has
different filters. Each contender runs twice: cold (the server has just started, its files are not in memory),
then warm. This process caches neither answers nor decoded roll-ups in between.
"""

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from pymongo.database import Database
from pymongoarrow.api import Schema, find_pandas_all
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.setup.goals import OWN_TABLE as TABLE
from benchmarks.setup.made_calls import fill
from benchmarks.setup.own_table import OwnTable
from benchmarks.setup.results import note
from benchmarks.setup.store import chill, scratch_store
from core.aggregation import figures, series, tables
from core.aggregation.cube import load_cube
from core.aggregation.rollups.call_frames import CALL_SCHEMA, CallFilters
from core.aggregation.rollups.read import LATE
from core.aggregation.rollups.refresh import refresh_rollups
from core.aggregation.rollups.sketch import GAMMA
from core.storage import get_sync_database
from core.types import Document

SIZES = (100_000, 1_000_000)
DAYS = 90
ROUNDS = 5
ZONE = "Asia/Kolkata"
LATENCIES = ("asr_latency_ms", "tts_latency_ms")
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
FIELDS = ("start_time", "status", "direction", "language", "campaign", "duration_seconds", *LATENCIES)
FLAGS = ("qualification_completed", "handoff_triggered")
Answers = dict[str, Any]
END = datetime(2026, 3, 31, 18, 30, tzinfo=UTC)
PERIOD = (END - timedelta(days=DAYS), END)


def from_rollups(database: Database[Document], filters: CallFilters) -> Answers:
    """Return volume by day and hour, key figures, percentiles by day and overall, and languages."""
    cube = load_cube(database, *PERIOD, filters, fields=("duration_seconds", *LATENCIES), campaigns=False)
    summary = figures.summarise(cube)
    by_day = {field: series.percentile_series(cube, field, "1D") for field in LATENCIES}
    return {
        "days": series.volume(cube, "status", "1D").sum(axis=1).tolist(),
        "hours": series.volume(cube, "status", "1h").sum(axis=1).tolist(),
        "total": summary.total_calls,
        "qualified": summary.qualified_calls,
        "handoffs": summary.handoff_calls,
        "seconds": round((summary.duration_seconds.mean or 0) * summary.duration_seconds.n),
        "languages": tables.breakdown(cube, "language")["n"].to_dict(),
        "percentiles": {
            field: [
                *by_day[field][list(SHARES)].to_numpy().tolist(),
                [getattr(getattr(summary, field), name) for name in SHARES],
            ]
            for field in LATENCIES
        },
    }


def from_pipelines(database: Database[Document], filters: CallFilters) -> Answers:
    """Return the same from aggregation pipelines, in as few passes as possible.

    MongoDB 6.0 has no percentiles, so the pipelines count in the same logarithmic buckets as our sketches.
    """
    calls = database["calls"]
    match = {"$match": {"start_time": {"$gte": PERIOD[0], "$lt": PERIOD[1]}} | filters.query()}

    def start_of(unit: str) -> Document:
        return {"$dateTrunc": {"date": "$start_time", "unit": unit, "timezone": ZONE}}

    hours = {
        row["_id"]: row["n"]
        for row in calls.aggregate([match, {"$group": {"_id": start_of("hour"), "n": {"$sum": 1}}}])
    }
    completed = {"$eq": ["$status", "completed"]}
    sums: Document = {
        "n": {"$sum": 1},
        "seconds": {"$sum": "$duration_seconds"},
        **{name: {"$sum": {"$cond": [{"$and": [completed, f"${name}"]}, 1, 0]}} for name in FLAGS},
    }
    languages = list(calls.aggregate([match, {"$group": {"_id": "$language", **sums}}]))
    percentiles = {}
    for field in LATENCIES:
        bucket = {"$ceil": {"$divide": [{"$ln": f"${field}"}, math.log(GAMMA)]}}
        group = {"_id": {"day": start_of("day"), "bucket": bucket}, "n": {"$sum": 1}}
        rows = list(calls.aggregate([match, {"$match": {field: {"$gt": 0}}}, {"$group": group}]))
        percentiles[field] = _from_buckets(rows)
    return {
        "hours": [hours.get(moment.to_pydatetime(), 0) for moment in _moments("h")],
        "days": [
            sum(hours.get(day + timedelta(hours=hour), 0) for hour in range(24)) for day in _moments("D")
        ],
        "total": sum(row["n"] for row in languages),
        "qualified": sum(row[FLAGS[0]] for row in languages),
        "handoffs": sum(row[FLAGS[1]] for row in languages),
        "seconds": round(sum(row["seconds"] for row in languages)),
        "languages": {row["_id"]: row["n"] for row in languages},
        "percentiles": percentiles,
    }


def _moments(frequency: str) -> pd.DatetimeIndex:
    return pd.date_range(*PERIOD, freq=frequency, inclusive="left")


def _from_buckets(rows: list[Document]) -> list[list[float]]:
    frame = pd.DataFrame([row["_id"] | {"n": row["n"]} for row in rows], columns=["day", "bucket", "n"])
    parts = dict(list(frame.groupby("day")))
    whole = frame.groupby("bucket")["n"].sum().reset_index()
    return [_walk(parts[day]) if day in parts else [math.nan] * 3 for day in _moments("D")] + [_walk(whole)]


def _walk(buckets: pd.DataFrame) -> list[float]:
    if buckets.empty:
        return [math.nan] * len(SHARES)
    ordered = buckets.sort_values("bucket")
    reached = ordered["n"].cumsum().to_numpy()
    at = [int(np.searchsorted(reached, np.ceil(share * reached[-1]))) for share in SHARES.values()]
    return [float(2 * GAMMA**bucket / (GAMMA + 1)) for bucket in ordered["bucket"].iloc[at]]


def from_pandas(database: Database[Document], filters: CallFilters) -> Answers:
    """Return the same, exact, from a frame of all calls of the period, read the fastest way possible."""
    calls = _frame(database, CallFilters())
    for name, value in filters.query().items():
        calls = calls[calls[name] == value]
    return _from_frame(calls)


def from_filtered(database: Database[Document], filters: CallFilters) -> Answers:
    """Return the same from a frame of the calls filtered by the server."""
    return _from_frame(_frame(database, filters))


def from_table(table: OwnTable, filters: CallFilters) -> Answers:
    """Return the same, exact, from DuckDB's own table."""
    found = table.answers(filters.query(), LATENCIES, list(SHARES.values()))
    none = [math.nan] * len(SHARES)
    return {
        **found,
        "days": [found["days"].get(day, 0) for day in _local("D")],
        "hours": [found["hours"].get(hour, 0) for hour in _local("h")],
        "percentiles": {
            field: [by_day.get(day, none) for day in _local("D")] + [whole]
            for field, (by_day, whole) in found["percentiles"].items()
        },
    }


def _frame(database: Database[Document], filters: CallFilters) -> pd.DataFrame:
    schema = {name: CALL_SCHEMA[name] for name in (*FIELDS, *FLAGS)}
    query = {"start_time": {"$gte": PERIOD[0], "$lt": PERIOD[1]}} | filters.query()
    frame: pd.DataFrame = find_pandas_all(database["calls"], query, schema=Schema(schema))
    return frame


def _from_frame(calls: pd.DataFrame) -> Answers:
    local = calls["start_time"].dt.tz_convert(ZONE).dt.tz_localize(None)
    days = calls.groupby(local.dt.floor("D"))
    completed = calls[calls["status"] == "completed"]
    by_day = {day: [_exact(part[field]) for field in LATENCIES] for day, part in days}
    none = [[math.nan] * len(SHARES)] * len(LATENCIES)
    return {
        "days": days.size().reindex(_local("D"), fill_value=0).tolist(),
        "hours": calls.groupby(local.dt.floor("h")).size().reindex(_local("h"), fill_value=0).tolist(),
        "total": len(calls),
        "qualified": int(completed[FLAGS[0]].sum()),
        "handoffs": int(completed[FLAGS[1]].sum()),
        "seconds": round(calls["duration_seconds"].sum()),
        "languages": calls["language"].value_counts().to_dict(),
        "percentiles": {
            field: [by_day.get(day, none)[at] for day in _local("D")] + [_exact(calls[field])]
            for at, field in enumerate(LATENCIES)
        },
    }


def _local(frequency: str) -> pd.DatetimeIndex:
    return _moments(frequency).tz_convert(ZONE).tz_localize(None)


def _exact(values: pd.Series) -> list[float]:
    present = values.dropna().to_numpy(dtype=float)
    if not len(present):
        return [math.nan] * len(SHARES)
    return [float(np.quantile(present, share, method="inverted_cdf")) for share in SHARES.values()]


def _farthest(exact: Answers, other: Answers) -> float:
    """Return the largest relative error of a percentile; everything else must be equal.

    Raises:
        ValueError: a count differs, or a percentile by more than 1 %.
    """
    for name in exact.keys() - {"percentiles"}:
        if exact[name] != other[name] and not (name == "seconds" and abs(exact[name] - other[name]) <= 1):
            raise ValueError(f"{name} differs: {exact[name]} is not {other[name]}")
    worst = 0.0
    for field, rows in exact["percentiles"].items():
        right, given = (np.array(values, float) for values in (rows, other["percentiles"][field]))
        if (np.isnan(right) != np.isnan(given)).any():
            raise ValueError(f"{field} has gaps in other places")
        worst = max(worst, float(np.nanmax(np.abs(given - right) / right, initial=0)))
    if worst > 0.0100001:
        raise ValueError(f"a percentile is off by {worst:.2%}")
    return worst


Way = Callable[[Database[Document], CallFilters], Answers]
Times = tuple[float, float]
"""Seconds, cold and warm."""
WAYS: dict[str, Way] = {
    "roll-ups": from_rollups,
    "pipelines": from_pipelines,
    "pandas": from_pandas,
    "pandas, filtered": from_filtered,
}


def _random_filters(rng: np.random.Generator) -> CallFilters:
    def perhaps(*values: str) -> str | None:
        return str(rng.choice(values)) if rng.random() < 0.4 else None

    return CallFilters(
        direction=perhaps("outbound", "inbound"),
        language=perhaps("hindi", "hinglish", "english"),
        campaign=perhaps("home-loan", "personal-loan"),
    )


def _seconds(folder: Path, way: Way, filters: CallFilters) -> tuple[Times, Answers]:
    chill(folder)
    database = get_sync_database()
    database.command("ping")  # the server has started
    cold, answers = _timed(way, database, filters)
    warm, _ = _timed(way, database, filters)
    return (cold, warm), answers


def _timed(way: Way, database: Database[Document], filters: CallFilters) -> tuple[float, Answers]:
    started = time.perf_counter()
    answers = way(database, filters)
    return time.perf_counter() - started, answers


def _measure(folder: Path, size: int) -> tuple[dict[str, list[Times]], float]:
    """Return each contender's seconds by round, and the largest error of our percentiles."""
    database = get_sync_database()
    database.client.drop_database(database.name)
    fill(database, size, END, DAYS)
    time.sleep(LATE.total_seconds() + 1)  # otherwise, the newest calls would be read directly
    refresh_rollups(database)
    rng, worst = np.random.default_rng(size), 0.0
    own = OwnTable(folder / f"{size}.duckdb", _frame(database, CallFilters()), ZONE)
    ways: Mapping[str, Way] = WAYS | {TABLE: lambda _, filters: from_table(own, filters)}
    times: dict[str, list[Times]] = {name: [] for name in ways}
    for number in track(range(ROUNDS), f"{size:,} calls", transient=True):
        filters = _random_filters(rng) if number else CallFilters()
        answers = {}
        for name, way in ways.items():
            seconds, answers[name] = _seconds(folder, way, filters)
            times[name].append(seconds)
        _farthest(answers["pandas"], answers["pipelines"])
        _farthest(answers["pandas"], answers[TABLE])
        worst = max(worst, _farthest(answers["pandas"], answers["roll-ups"]))
    own.close()
    return times, worst


def main() -> None:
    """Print the table, measured on a scratch embedded server."""
    title = f"A dashboard's queries over {DAYS} days, random filters, median of {ROUNDS}"
    caption = (
        "cold: the server has just started, its files are not in memory; warm: the second run.\n"
        f"{TABLE} is open all the time. "
        "Nothing is cached in this process. ÷ ours: median of the rounds' ratios"
    )
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in ("calls", "answers from", "cold, ms", "÷ ours", "warm, ms", "÷ ours", "worst"):
        table.add_column(column, justify="left" if column == "answers from" else "right")
    ours = []
    with scratch_store() as folder:
        for size in SIZES:
            times, worst = _measure(folder, size)
            ours.append([_median(times["roll-ups"], kind) for kind in range(2)])
            for name, seconds in times.items():
                cells = [
                    text
                    for kind in range(2)
                    for text in (
                        f"{1000 * _median(seconds, kind):,.0f}",
                        f"{_ratio(times, name, kind):.0f} x",
                    )
                ]
                table.add_row(f"{size:,}", name, *cells, f"{worst:.2%}" if name == "roll-ups" else "")
    Console().print(table)
    few, many = ours
    for kind, name in enumerate(("cold", "warm")):
        note("dashboard_queries", name, 1000 * many[kind], 1000 * few[kind])
    for name in ("pipelines", "pandas", TABLE):
        note("dashboard_queries", name, 1000 * many[1], 1000 * _median(times[name], 1))
    cold, warm = (after / before for before, after in zip(few, many, strict=True))
    sizes = " to ".join(f"{size:,}" for size in SIZES)
    Console().print(f"From {sizes} calls the time from roll-ups grows {cold:.2f} x cold, {warm:.2f} x warm")


def _median(times: list[Times], kind: int) -> float:
    return median(seconds[kind] for seconds in times)


def _ratio(times: dict[str, list[Times]], name: str, kind: int) -> float:
    """Return the median ratio by round, because filters and machine load differ between rounds."""
    pairs = zip(times[name], times["roll-ups"], strict=True)
    return median(theirs[kind] / ours[kind] for theirs, ours in pairs)


if __name__ == "__main__":
    main()
