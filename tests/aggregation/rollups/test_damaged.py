"""A roll-up that a disk or another tool has damaged costs no figure: its calls are read in its place."""

from datetime import datetime
from itertools import pairwise

import pytest
from pymongo.database import Database

from core.aggregation import figures
from core.aggregation.choices import languages
from core.aggregation.cube import load_cube
from core.aggregation.rollups.refresh import refresh_rollups
from core.health import rollup_health
from core.settings import get_settings
from core.storage.collections import (
    ROLLUP_STATE,
    ROLLUPS_15M,
    ROLLUPS_CAMPAIGNS,
    ROLLUPS_DAILY,
    ROLLUPS_HOURLY,
)
from core.storage.recording.dirty_windows import mark_dirty
from core.types import Document
from tests.storage.archive.test_mover import PERIOD, call, recorded_long_ago

CALLS = 60
DAMAGE: dict[str, Document] = {
    "no counts": {"$unset": {"counts": ""}},
    "no costs": {"$set": {"costs": None}},
    "short costs": {"$set": {"costs": b"\0" * 8}},
    "no codes": {"$set": {"codes": b""}},
    "no words": {"$unset": {"words": ""}},
    "fewer words": {"$set": {"words": [None]}},
    "numbers for words": {"$set": {"words": list(range(20))}},
    "words that are no list": {"$set": {"words": 7}},
    "no start": {"$unset": {"start": ""}},
    "no spreads": {"$set": {"spreads.duration_seconds": []}},
    "a torn tally": {"$set": {"tallies.slots.n": b"\0" * 4}},
    "words of a tally": {"$set": {"tallies.ends.words": [7]}},
    "no time of reading": {"$set": {"read_at": "yesterday", "counts": None}},
}


@pytest.fixture
def rolled_up(database: Database[Document]) -> Database[Document]:
    # Recorded long ago: nothing but the documents says that they need another look.
    recorded_long_ago(database, [call(number) for number in range(CALLS)])
    refresh_rollups(database)
    return database


def totals(database: Database[Document]) -> list[object]:
    return [
        figures.summarise(load_cube(database, *PERIOD, bucket="15min")),
        figures.summarise(load_cube(database, *PERIOD, bucket="1h")),
        figures.summarise(load_cube(database, *PERIOD, bucket="1D")),
    ]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(
    "where",
    [
        ROLLUPS_15M,
        *(
            pytest.param(name, marks=pytest.mark.full)
            for name in (ROLLUPS_DAILY, ROLLUPS_CAMPAIGNS, ROLLUPS_HOURLY)
        ),
    ],
)
def test_figures_stay_whole(rolled_up: Database[Document], where: str, damage: Document) -> None:
    before, choices = totals(rolled_up), languages(rolled_up)
    assert rolled_up[where].update_one({"calls": {"$gt": 0}}, damage).matched_count
    assert totals(rolled_up) == before
    assert set(languages(rolled_up)) <= set(choices)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_refresh_that_meets_it_computes_it_again(rolled_up: Database[Document], damage: Document) -> None:
    before = totals(rolled_up)
    zone = get_settings().tz
    rows = list(rolled_up[ROLLUPS_15M].find({"calls": {"$gt": 0}}).sort("_id", 1))
    days = [row["_id"].astimezone(zone).date() for row in rows]
    first, other = next(
        pair for pair, of in zip(pairwise(rows), pairwise(days), strict=True) if of[0] == of[1]
    )
    rolled_up[ROLLUPS_15M].update_one({"_id": first["_id"]}, damage)
    mark_dirty(rolled_up, [other["_id"]])
    for _ in range(2):
        refresh_rollups(rolled_up)
        assert totals(rolled_up) == before
    again = rolled_up[ROLLUPS_15M].find_one({"_id": first["_id"]}) or {}
    changing = {"read_at", "peaks"}
    assert {name: again.get(name) for name in first.keys() - changing} == {
        name: first[name] for name in first.keys() - changing
    }


@pytest.mark.parametrize(
    "marks",
    [
        {"until": "yesterday"},
        {"until": None, "earlier": None},
        {"until": {"a": 1}, "earlier": 7},
        {"earlier": [{}, "x", 7]},
    ],
    ids=str,
)
def test_marks_that_cannot_be_read_lose_no_call(rolled_up: Database[Document], marks: Document) -> None:
    before = totals(rolled_up)
    rolled_up[ROLLUP_STATE].update_many({}, {"$set": marks})
    assert totals(rolled_up) == before
    assert rollup_health(rolled_up).ahead is None
    refresh_rollups(rolled_up)
    assert totals(rolled_up) == before
    assert all(isinstance(row["until"], datetime) for row in rolled_up[ROLLUP_STATE].find())
