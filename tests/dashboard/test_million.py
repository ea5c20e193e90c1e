"""A day of a million calls: the pages say what they show, within seconds and without an error."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from bson import Timestamp
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.aggregation.rollups.refresh import refresh_rollups
from core.clock import day_bounds, local_today
from core.storage.recording.records import Record
from core.types import Document
from tests.dashboard.conftest import calls_listed, make_call, text_of

CALLS = 1_000_000
WITHIN_SECONDS = 12.0
"""A page of the list in its slowest order; the database gives a question up after 10 s."""


def a_million(start: datetime) -> list[Document]:
    """Stages that make a day of calls in the server: each with latency and cost of its own."""
    first = Record.now(make_call(0, start, e2e_latency_ms=1_000, cost={"llm": 1.0})).to_document()
    number = {"$add": [{"$multiply": ["$thousand", 1_000]}, "$rest"]}
    at = {"$add": [start, {"$multiply": ["$number", 86]}]}
    spread = {"$mod": [{"$multiply": ["$number", 7_919]}, 100_003]}
    own = {
        "_id": {"$concat": ["call_", {"$toString": "$number"}]},
        "start_time": at,
        "end_time": {"$add": [at, 120_000]},
        "e2e_latency_ms": {"$add": [500.5, spread]},
        "cost": {"llm": {"$divide": [spread, 10_000]}},
    }
    call = {"$literal": first | {"recorded_at": Timestamp(int(time.time()), 1)}}
    return [
        {"$documents": [{"thousand": number} for number in range(CALLS // 1_000)]},
        {"$set": {"rest": {"$range": [0, 1_000]}}},
        {"$unwind": "$rest"},
        {"$project": {"number": number}},
        {"$replaceWith": {"$mergeObjects": [call, own]}},
        {"$out": "calls"},  # into the empty collection, with its indexes
    ]


@pytest.mark.alone
@pytest.mark.full
def test_a_day_of_a_million_calls_is_shown(
    database: Database[Document], start: Callable[..., AppTest]
) -> None:
    day = local_today() - timedelta(days=1)
    database.aggregate(a_million(day_bounds(day)[0]))
    refresh_rollups(database)
    link = {"period": "custom", "from_": day.isoformat(), "to": day.isoformat()}
    overview = start("overview", **link)
    assert not overview.exception
    assert {metric.label: metric.value for metric in overview.metric}["Calls"] == f"{CALLS:,}"
    for order, first in (("", "call_999999"), ("e2e_latency_ms", "call_152688"), ("cost", "call_152688")):
        began = time.monotonic()
        app = start("calls", **link, **({"order": order} if order else {}))
        assert time.monotonic() - began < WITHIN_SECONDS
        assert not app.exception
        assert not app.warning
        assert "100,000 or more calls" in text_of(app)
        assert calls_listed(app)[0] == first
