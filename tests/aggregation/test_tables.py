"""Every frame equals a plain pandas computation over the calls, whatever happened to them meanwhile."""

import zlib
from collections.abc import Hashable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from pymongo.database import Database

from core.aggregation import figures, funnel, series, tables
from core.aggregation.cube import Cube, load_cube
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.cells import MEASURES
from core.aggregation.rollups.refresh import rebuild_rollups, refresh_rollups
from core.clock import day_bounds
from core.models.hours import Hours
from core.settings import get_settings
from core.types import Document
from tests.aggregation import oracle
from tests.aggregation.calls import Calls, utc

FILTERS: list[dict[str, str]] = [
    {},
    {"language": "hindi"},
    {"direction": "outbound", "status": "completed"},
    {"campaign": "diwali"},
    {"campaign": "", "language": "english"},
    {"language": "tamil"},
]
# Half hours, also of summer time; a day whose midnight comes twice; a leap day.
ZONES = [
    ("Asia/Kolkata", utc(2024, 2, 27, 20)),
    ("America/Havana", utc(2024, 11, 1)),
    ("Australia/Lord_Howe", utc(2024, 4, 5)),
]


def close(actual: pd.DataFrame, expected: dict[Hashable, dict[str, float]]) -> None:
    """Rows as expected, all others zero in counts and gaps elsewhere."""
    wanted = pd.DataFrame.from_dict(expected, orient="index").reindex(actual.index)
    wanted = wanted.reindex(columns=actual.columns).astype(float)
    counts = [column for column in actual.columns if column in {"n", "completed"}]
    wanted[counts] = wanted[counts].fillna(0)
    rtol = np.array([0.0100001 if column in oracle.PERCENTILES else 1e-9 for column in actual.columns])
    a, b = actual.to_numpy(dtype=float), wanted.to_numpy()
    with np.errstate(invalid="ignore"):
        is_close = np.abs(a - b) <= np.maximum(rtol * np.abs(b), 1e-9)
    wrong = ~(is_close | (a == b) | (np.isnan(a) & np.isnan(b)))
    assert not wrong.any(), (actual[wrong.any(axis=1)], wanted[wrong.any(axis=1)])
    assert set(expected) <= set(actual.index)


def same_frames(cube: Cube, plain: oracle.Frames, bucket: Bucket) -> None:
    counts = series.volume(cube, "status", bucket)
    shown = {key: {k: n for k, n in row.items() if n} for key, row in counts.to_dict("index").items()}
    assert {key: row for key, row in shown.items() if row} == plain.statuses
    close(series.rates(cube, bucket), plain.rates)
    for field in MEASURES:
        close(series.percentile_series(cube, field, bucket), plain.percentiles[field])


def same_tables(cube: Cube, raw: pd.DataFrame, zone: ZoneInfo) -> None:
    summary = figures.summarise(cube)
    assert summary.total_calls == len(raw)
    assert summary.languages == raw["language"].value_counts().to_dict()
    assert summary.qualification_rate == pytest.approx(oracle.rates(raw)["qualification_rate"], nan_ok=True)
    assert summary.sentiment.negative == (raw["sentiment_score"] < -0.25).sum()
    assert summary.sentiment.positive == (raw["sentiment_score"] > 0.25).sum()
    costs = raw["cost"].map(lambda cost: [value for value in (cost or {}).values() if value is not None])
    assert summary.cost.n == costs.map(bool).sum()
    assert summary.cost.total == pytest.approx(costs.map(sum).sum())
    engaged = (raw["user_turns"] >= 1) & (raw["total_turns"] > raw["user_turns"])
    assert summary.engaged_calls == engaged.sum()
    assert summary.interruptions == raw["interruptions"].sum()
    for by in ("language", "campaign"):
        whole = tables.breakdown(cube, by, MEASURES)
        for name, part in raw.groupby(raw[by].fillna("")):
            assert whole.loc[name, "n"] == len(part)
            assert whole.loc[name, "error_rate"] == pytest.approx(part["has_error"].mean())
            exact = oracle.percentiles(part, "tts_latency_ms")["p95"]
            assert whole.loc[name, "tts_latency_ms_p95"] == pytest.approx(exact, rel=0.0100001, nan_ok=True)
    local = raw["start_time"].dt.tz_convert(zone)
    by_hour = raw.groupby([local.dt.day_of_week, local.dt.hour]).size()
    heat = series.by_hour_of_week(cube)
    assert {key: heat.loc[key] for key in by_hour.index} == by_hour.to_dict()
    assert heat.to_numpy().sum() == len(raw)
    errors = [(error["type"], error["fault"] or "") for row in raw["errors"] for error in row]
    assert {tuple(row[:2]): row[2] for row in tables.errors(cube).itertuples(index=False)} == dict(
        pd.Series(errors, dtype=object).value_counts()
    )
    same_funnel(cube, raw, engaged)
    for field in MEASURES:
        bins = tables.histogram(cube, field)
        starts, ends = bins["start"], bins["end"].where(bins.index < len(bins) - 1, np.inf)
        values = raw[field].to_numpy(dtype=float)
        within = [(values >= low) & (values < high) for low, high in zip(starts, ends, strict=True)]
        assert bins["n"].tolist() == [calls.sum() for calls in within]
    scores = np.histogram(raw["sentiment_score"].dropna(), np.round(np.arange(-1, 1.025, 0.05), 2))[0]
    assert tables.sentiment_histogram(cube)["n"].tolist() == scores.tolist()


def same_funnel(cube: Cube, raw: pd.DataFrame, engaged: pd.Series) -> None:
    outbound = raw[raw["direction"] == "outbound"]
    answered = outbound[outbound["status"] != "no_answer"]
    completed = outbound[outbound["status"] == "completed"]
    expected = pd.DataFrame(
        {
            "dialled": outbound.groupby("attempt").size(),
            "answered": answered.groupby("attempt").size(),
            "engaged": answered[engaged[answered.index]].groupby("attempt").size(),
            "qualified": completed[completed["qualification_completed"]].groupby("attempt").size(),
            "handed_off": completed[completed["handoff_triggered"]].groupby("attempt").size(),
        }
    ).fillna(0)
    expected.index = ["5+" if attempt > 4 else f"{attempt:.0f}" for attempt in expected.index]
    actual = funnel.attempts(cube)
    pd.testing.assert_frame_equal(
        actual[actual["dialled"] > 0], expected.astype(int), check_names=False, check_dtype=False
    )
    nine_to_nine = Hours.parse("09:00-21:00", cube.zone).cover
    outside = sum(not 9 <= moment.hour < 21 for moment in outbound["start_time"].dt.tz_convert(cube.zone))
    assert tables.outside_hours(cube, nine_to_nine) == (len(outbound), outside)
    whole = funnel.funnel(cube).loc["all"]
    assert whole["dialled"] == len(outbound)
    assert whole["engaged"] == engaged[answered.index].sum()


def compare(calls: Calls, database: Database[Document], zone: ZoneInfo, *, quick: bool = False) -> None:
    """All frames of whole days, of a ragged period, and of short ones, with each of the filters."""
    first = day_bounds((calls.start - timedelta(days=1)).astimezone(zone).date(), zone)[0]
    whole = (first, first + timedelta(days=calls.days + 2))
    offset = timedelta(seconds=float(calls.random.uniform(0, 86_400)))
    ragged = (calls.start + offset, calls.start + offset + timedelta(days=2, minutes=7))
    short = (calls.start + offset, calls.start + offset + timedelta(hours=1, minutes=1))
    periods: list[tuple[tuple[datetime, datetime], list[Bucket]]] = [
        (whole, ["1D", "1W", "1MS"]),
        (ragged, ["15min", "1h", "3h", "1D"]),
        (short, ["1min", "5min"]),
    ]
    for number, (period, sizes) in enumerate(periods[: 2 if quick else 3]):
        for filters in FILTERS if number == 0 and not quick else FILTERS[:2]:
            raw = oracle.frame(calls.stored.values(), *period, filters)
            for bucket in sizes[:1] if quick else sizes:
                chosen = CallFilters(**filters)
                cube = load_cube(database, *period, chosen, bucket=bucket)
                plain = oracle.frames(raw, bucket, zone, MEASURES)
                same_frames(cube, plain, bucket)
                if len(raw) > 20:
                    same_tables(cube, raw, zone)
                if bucket in {"1h", "3h", "1D"} and filters in FILTERS[:2]:
                    small = load_cube(database, *period, chosen, bucket=bucket, campaigns=False)
                    same_frames(small, plain, bucket)


@pytest.mark.full
@pytest.mark.parametrize(("zone", "start"), ZONES)
def test_all_frames_follow_late_repeated_corrected_moved_and_deleted_calls(
    database: Database[Document], zone: str, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any refresh, with changes not yet refreshed, after a refresh, and once some are archived."""
    monkeypatch.setenv("TIMEZONE", zone)
    get_settings.cache_clear()
    calls, tz = Calls(database, zlib.crc32(zone.encode()), start, 4.3), ZoneInfo(zone)
    calls.record_new(300)
    compare(calls, database, tz)
    refresh_rollups(database)
    calls.record_new(60)
    calls.change(60)
    calls.delete(20)
    compare(calls, database, tz)
    refresh_rollups(database)
    compare(calls, database, tz)
    calls.archive(100)
    compare(calls, database, tz)
    calls.delete(20)
    calls.change(60)
    calls.record_new(20)
    refresh_rollups(database)
    compare(calls, database, tz)
    rebuild_rollups(database, start, start + timedelta(days=5))
    compare(calls, database, tz)


@pytest.mark.full
def test_frames_follow_what_happens_to_calls(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in short: one zone, few calls."""
    monkeypatch.setenv("TIMEZONE", "Asia/Kathmandu")
    get_settings.cache_clear()
    calls, tz = Calls(database, 1, utc(2024, 2, 27, 20), 2), ZoneInfo("Asia/Kathmandu")
    calls.record_new(120)
    refresh_rollups(database)
    calls.record_new(30)
    calls.change(30)
    calls.delete(10)
    compare(calls, database, tz, quick=True)
    calls.archive(40)
    calls.change(20)
    refresh_rollups(database)
    compare(calls, database, tz, quick=True)
