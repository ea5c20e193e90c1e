"""The frames that agents, notebooks and scripts ask for, held against plain counting."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from pymongo.database import Database

from core.aggregation import frames
from core.aggregation.rollups.refresh import refresh_rollups
from core.errors import UserError
from core.storage.collections import CALLS
from core.types import Document
from tests.aggregation.calls import Calls

START = datetime(2024, 10, 21, 18, 30, tzinfo=UTC)
PERIOD = "2024-10-22", "2024-10-27"


@pytest.fixture
def made(database: Database[Document]) -> Calls:
    """300 random calls of five days of India."""
    calls = Calls(database, seed=5, start=START, days=5)
    calls.record(calls.make(f"call_{number}") for number in range(300))
    refresh_rollups(database)
    return calls


def test_series_counts_every_call_once(made: Calls) -> None:
    """Rows are local days; rates are those of their counts."""
    frame = frames.series(*PERIOD)
    assert [str(day.date()) for day in frame.index] == [f"2024-10-{day}" for day in range(22, 27)]
    assert str(pd.DatetimeIndex(frame.index).tz) == "Asia/Kolkata"
    calls = list(made.stored.values())
    assert frame["total_calls"].sum() == len(calls)
    assert frame["failed_calls"].sum() == sum(call.status == "failed" for call in calls)
    assert frame["total_calls"].dtype == np.int64
    assert np.allclose(frame["failure_rate"], frame["failed_calls"] / frame["total_calls"])
    assert (frame["failure_rate_low"] <= frame["failure_rate"]).all()
    hours = frames.series(*PERIOD, "1h", language="hindi")
    assert hours["total_calls"].sum() == sum(call.language == "hindi" for call in calls)


def test_breakdown_tells_the_values_of_a_dimension_apart(made: Calls) -> None:
    """Campaigns among them; the shares make one."""
    frame = frames.breakdown(*PERIOD, "campaign")
    assert frame["share"].sum() == pytest.approx(1)
    campaigns = [call.campaign or "" for call in made.stored.values()]
    assert frame["total_calls"].to_dict() == {name: campaigns.count(name) for name in set(campaigns)}


def test_percentiles_lie_within_one_per_cent(made: Calls) -> None:
    """Of the whole period and of each of its days."""
    values = [call.asr_latency_ms for call in made.stored.values() if call.asr_latency_ms is not None]
    (whole,) = frames.percentiles(*PERIOD, "asr_latency_ms").to_dict("records")
    assert whole["n"] == len(values)
    exact = np.quantile(values, 0.95, method="inverted_cdf")
    assert whole["p95"] == pytest.approx(exact, rel=0.0101)
    assert whole["max"] == max(values)
    assert frames.percentiles(*PERIOD, "asr_latency_ms", "1D")["n"].sum() == len(values)


def test_a_language_is_found_by_its_code_too(made: Calls) -> None:
    """As agents report it: what finds nothing would look like a language that nobody speaks."""
    by_name = frames.calls(*PERIOD, language="hindi")
    assert len(by_name)
    assert len(frames.calls(*PERIOD, language="hi-IN")) == len(by_name)
    counted = frames.series(*PERIOD, language="hi")["total_calls"].sum()
    assert counted == len(by_name)


def test_funnel_is_of_outbound_calls(made: Calls) -> None:
    """By language its rows add up to the whole."""
    outbound = [call for call in made.stored.values() if call.direction == "outbound"]
    whole = frames.funnel(*PERIOD).loc["all"]
    assert whole["dialled"] == len(outbound)
    assert whole["answered"] == sum(call.status != "no_answer" for call in outbound)
    assert frames.funnel(*PERIOD, "language")["dialled"].sum() == len(outbound)


def test_calls_come_from_database_and_archive(made: Calls, database: Database[Document]) -> None:
    """One row each, the oldest first, missing numbers missing."""
    before = frames.calls(*PERIOD)
    made.archive(100)
    frame = frames.calls(*PERIOD)
    assert database[CALLS].count_documents({}) < len(frame)
    assert set(frame.index) == made.stored.keys() == set(before.index)
    assert frame["start_time"].is_monotonic_increasing
    one = next(call for call in made.stored.values() if call.attempt is None)
    assert frame["attempt"].isna()[one.call_id]
    assert frame["qualification_completed"].dtype == bool


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-10-22", "2024-10-23"),
        (date(2024, 10, 22), date(2024, 10, 23)),
        (datetime(2024, 10, 22), datetime(2024, 10, 23)),  # noqa: DTZ001 (as people type it)
        (datetime(2024, 10, 21, 18, 30, tzinfo=UTC), datetime(2024, 10, 22, 18, 30, tzinfo=UTC)),
        ("2024-10-22T00:00", "2024-10-23T00:00"),
    ],
)
def test_a_period_may_be_given_in_any_form(made: Calls, start: frames.Moment, end: frames.Moment) -> None:
    """All of them are the same day of TIMEZONE."""
    day = START, START + timedelta(days=1)
    expected = sum(day[0] <= call.start_time < day[1] for call in made.stored.values())
    assert frames.series(start, end)["total_calls"].tolist() == [expected]


def test_what_cannot_be_asked_is_refused_in_one_line(database: Database[Document]) -> None:
    """The line names what is wrong and what there is."""
    with pytest.raises(UserError, match="not after its start"):
        frames.series("2024-10-23", "2024-10-22")
    with pytest.raises(UserError, match="'2h' is not a bucket; use one of 1min, 5min"):
        frames.series(*PERIOD, "2h")  # type: ignore[arg-type]  # a slip
    with pytest.raises(UserError, match="'langauge' is not a filter; use direction, language"):
        frames.series(*PERIOD, langauge="hindi")  # type: ignore[call-arg]  # a slip
    with pytest.raises(UserError, match="'asr' has no distribution; use one of qualification_seconds"):
        frames.percentiles(*PERIOD, "asr")
    with pytest.raises(UserError, match="more than 100,000 buckets of 1min"):
        frames.series("2000-01-01", "2024-01-01", "1min")


def test_an_empty_store_gives_empty_figures(database: Database[Document]) -> None:
    """Rows of zeros and gaps, not an error."""
    frame = frames.series(*PERIOD)
    assert frame["total_calls"].tolist() == [0] * 5
    assert frame["answer_rate"].isna().all()
    assert len(frames.calls(*PERIOD)) == 0
    assert frames.breakdown(*PERIOD, "language").empty
