"""Explore answers what the calls say: from the copy, from the store, and from roll-ups alike."""

import math
import stat
from collections.abc import Callable  # noqa: TC003 (in an annotation of a local name alone)
from datetime import timedelta
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pytest
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.columnar import copy, engine
from core.aggregation.columnar.copy import Source, copy_closed_days, open_source
from core.aggregation.columnar.from_rollups import answer_of_cube, filters_of, in_rollups
from core.aggregation.columnar.question import Answer, Question, answer, values
from core.aggregation.columnar.sides import figures, histograms
from core.aggregation.cube import load_cube
from core.aggregation.rollups.refresh import refresh_rollups
from core.aggregation.sequential import compare
from core.clock import utc_now
from core.settings import get_settings
from core.types import Document
from tests.aggregation import oracle
from tests.aggregation.calls import Calls, utc

START, DAYS = utc(2026, 2, 20, 18, 30), 14
END = START + timedelta(days=DAYS)
ZONE = ZoneInfo("Asia/Kolkata")


@pytest.fixture
def calls(database: Database[Document]) -> Calls:
    made = Calls(database, 7, START, DAYS)
    made.record_new(400)
    return made


def plain(frame: pd.DataFrame, measure: str) -> dict[str, float]:
    """The measure of a group of calls, by plain pandas."""
    if measure == "qualification_rate":
        completed = frame[frame["status"] == "completed"]
        return {"part": completed["qualification_completed"].sum(), "whole": len(completed)}
    if measure == "engaged_calls":
        users, turns = frame["user_turns"].astype(float), frame["total_turns"].astype(float)
        return {"value": ((users >= 1) & (turns > users)).sum()}
    if measure == "interruptions":
        return {"value": frame["interruptions"].astype(float).fillna(0).sum()}
    if measure == "error_rate":
        return {"part": frame["has_error"].sum(), "whole": len(frame)}
    if measure == "cost":
        costs = [sum(v for v in cost.values() if isinstance(v, float)) for cost in frame["cost"] if cost]
        return {"n": len(costs), "total": sum(costs)}
    numbers = frame[measure].astype(float).dropna()
    found: dict[str, float] = {"n": len(numbers)}
    if len(numbers):
        found |= {"mean": numbers.mean(), "max": numbers.max()}
        found |= {
            f"p{100 * q:.0f}": np.quantile(numbers, q, method="inverted_cdf") for q in (0.5, 0.9, 0.95, 0.99)
        }
    return found


MEASURES = ("qualification_rate", "engaged_calls", "interruptions", "error_rate", "cost", "e2e_latency_ms")
FIELDS = ("language", "end_reason", "attempt", "hour", "weekday", "day")


def agrees(found: Answer, frame: pd.DataFrame, by: str, measure: str, rel: float = 1e-9) -> None:
    """Every group of an answer is what pandas makes of its calls."""
    local = frame["start_time"].dt.tz_convert(ZONE)
    keys: dict[str, Callable[[], pd.Series]] = {
        "hour": lambda: local.dt.hour.astype(str),
        "weekday": lambda: local.dt.day_of_week.astype(str),
        "day": lambda: local.dt.date.astype(str),
        "attempt": lambda: frame["attempt"].map(lambda n: "" if pd.isna(n) else str(int(n))),
    }
    key = keys[by]() if by in keys else frame[by].fillna("")
    groups = {str(name): part for name, part in frame.groupby(key)}
    assert set(found.rows.index) == set(groups)
    for name, part in groups.items():
        row = found.rows.loc[name]
        assert row["calls"] == len(part)
        for column, value in plain(part, measure).items():
            assert row[column] == pytest.approx(value, rel=rel), (by, measure, name, column)


def roll_up(database: Database[Document]) -> None:
    """Bring the roll-ups up to date as if the calls had been recorded an hour ago."""
    ago = {"$set": {"recorded_at": Timestamp(utc_now() - timedelta(hours=1), 1)}}
    refresh_rollups(database)
    database["calls"].update_many({"recorded_at": {"$gt": Timestamp(utc_now() - timedelta(days=1), 1)}}, ago)
    database["dirty_windows"].delete_many({})


def everything_agrees(database: Database[Document], calls: Calls) -> Source:
    source = open_source(database, START, END)
    frame = oracle.frame(calls.stored.values(), START, END, {})
    for number, measure in enumerate(MEASURES):
        for by in (FIELDS[number], FIELDS[number - 1]):
            agrees(answer(source, Question(measure, by)), frame, by, measure)
    return source


def test_answers_are_right_whatever_becomes_of_the_calls(database: Database[Document], calls: Calls) -> None:
    """Without roll-ups, with a copy, late and changed and deleted calls, and after they are archived."""
    assert everything_agrees(database, calls).files == ()
    roll_up(database)
    source = everything_agrees(database, calls)
    assert (len(source.files), len(source.days), len(source.fresh)) == (2, DAYS, 0)
    calls.change(40)
    calls.delete(10)
    calls.record_new(30)
    assert len(everything_agrees(database, calls).days) < DAYS  # what is behind is read from the store
    roll_up(database)
    assert len(everything_agrees(database, calls).fresh) == 0
    calls.archive(300)
    everything_agrees(database, calls)


def test_roll_ups_answer_the_same_within_one_per_cent(database: Database[Document], calls: Calls) -> None:
    refresh_rollups(database)
    frame = oracle.frame(calls.stored.values(), START, END, {"status": "completed"})
    for measure in MEASURES:
        question = Question(measure, "language", (("status", "completed"),))
        assert in_rollups(question)
        cube = load_cube(database, START, END, filters_of(question), zone=ZONE)
        agrees(answer_of_cube(cube, question), frame, "language", measure, rel=0.011)
    assert not in_rollups(Question("cost", "agent_version"))


def test_hostile_values_are_only_values(database: Database[Document], calls: Calls) -> None:
    """What a link says is compared with what calls have, and nothing else."""
    source = open_source(database, START, END)
    for text in ("'; DROP TABLE fresh; --", "hindi') OR 1=1 --", "$files", "\0", "{}"):
        assert answer(source, Question("total_calls", "status", (("language", text),))).groups == 0
        with pytest.raises(ValueError, match="there is no"):
            Question("total_calls", text)
        with pytest.raises(ValueError, match="there is no"):
            Question(text)
    assert answer(source, Question("total_calls")).calls == 400


def test_numbers_that_no_call_can_have_count_as_unknown(database: Database[Document], calls: Calls) -> None:
    """As another tool may have written them: they neither stop the copy nor spoil a figure."""
    beyond = {
        "total_turns": 2**40,
        "e2e_latency_ms": math.inf,
        "llm_latency_ms": math.nan,
        "cost.llm": -math.inf,
    }
    ids = [one["_id"] for one in database["calls"].find().limit(3)]
    database["calls"].update_many({"_id": {"$in": ids}}, {"$set": beyond | {"asr_latency_ms": 1e300}})
    source = open_source(database, START, END)
    for measure in ("e2e_latency_ms", "llm_latency_ms", "asr_latency_ms", "cost", "engaged_calls"):
        row = answer(source, Question(measure)).rows.iloc[0]
        assert row["calls"] == 400
        assert measure == "asr_latency_ms" or np.isfinite(row.drop("sd", errors="ignore").astype(float)).all()
    one = figures(source, ())
    assert compare(one.sides["asr_latency_ms"], one.sides["asr_latency_ms"]) is not None
    shares = histograms([(source, ())], "asr_latency_ms", 2_000.0)
    assert shares["0"].sum() == pytest.approx(1)


def test_the_engine_reads_nothing_else(database: Database[Document], calls: Calls, tmp_path: str) -> None:
    """Whatever a statement said: no other file, no network, no extension, no other setting."""
    roll_up(database)
    source = open_source(database, START, END)
    forbidden = (
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        f"COPY (SELECT 1) TO '{tmp_path}/x.csv'",
        f"ATTACH '{tmp_path}/x.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '64GB'",
    )
    for query in forbidden:
        with pytest.raises((duckdb.Error, engine.SourceGoneError)):
            engine.ask(source, query, {})


def test_the_copy_is_private_and_knows_no_lead(database: Database[Document], calls: Calls) -> None:
    """Files for the owner alone, in which neither a lead nor a call can be found."""
    call = next(iter(calls.stored.values()))
    calls.record([call.model_copy(update={"lead_id": "+919812345678", "metadata": {"name": "Asha Rao"}})])
    roll_up(database)
    source = open_source(database, START, END)
    assert source.files
    for file in source.files:
        raw = file.read_bytes()
        assert not any(text in raw for text in (b"9812345678", b"Asha", call.call_id.encode()))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_declared_metadata_tells_calls_apart(
    database: Database[Document], calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declared keys are fields; personal ones are refused, and a number in a harmless one is masked."""
    monkeypatch.setenv("EXPLORE_METADATA_KEYS", "city, phone")
    get_settings.cache_clear()
    some = list(calls.stored.values())[:30]
    towns = ["Pune", "Delhi", "+919812345678"]
    calls.record(
        call.model_copy(update={"metadata": {"city": towns[number % 3], "phone": "+919812345678"}})
        for number, call in enumerate(some)
    )
    roll_up(database)
    found = answer(open_source(database, START, END), Question("total_calls", "metadata.city")).rows["value"]
    assert (found["Pune"], found["Delhi"], found[""]) == (10, 10, 370)
    assert len(found) == 4
    assert not any("98123" in name for name in found.index)
    with pytest.raises(ValueError, match="phone"):
        Question("total_calls", "metadata.phone")


def test_many_values_are_the_largest_and_the_rest(database: Database[Document], calls: Calls) -> None:
    """20 of 30 campaigns by name; the others are one, with exact percentiles of their own."""
    calls.record(
        call.model_copy(update={"campaign": f"c{number % 30:02}", "e2e_latency_ms": float(number)})
        for number, call in enumerate(list(calls.stored.values()))
    )
    source = open_source(database, START, END)
    found = answer(source, Question("e2e_latency_ms", "campaign"))
    assert (len(found.rows), found.groups, found.calls) == (20, 30, 400)
    rest = [number for number in range(400) if f"c{number % 30:02}" not in found.rows.index]
    [other] = found.other.to_dict("records")
    assert (other["n"], other["p95"]) == (len(rest), np.quantile(rest, 0.95, method="inverted_cdf"))
    assert values(source, "campaign")[:1] == ["c00"]


def test_days_are_copied_once_and_old_forms_go(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run copies nothing; with other columns all is written anew, and the former removed."""
    recent = Calls(database, 3, utc_now() - timedelta(days=6), 5)
    recent.record_new(50)
    roll_up(database)
    assert copy_closed_days(database, 30) >= 4
    assert copy_closed_days(database, 30) == 0
    [before] = {file.parent for file in copy._files(database)}
    monkeypatch.setenv("EXPLORE_METADATA_KEYS", "city")
    get_settings.cache_clear()
    assert copy_closed_days(database, 30) >= 4
    assert not before.exists()
