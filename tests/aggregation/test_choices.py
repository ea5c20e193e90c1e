"""What the filters offer: every language and campaign in use, also those of the newest call."""

import pytest
from pymongo.database import Database

from core.aggregation.choices import campaigns, languages
from core.aggregation.rollups.refresh import refresh_rollups
from core.models.metrics import CallMetrics
from core.storage.calls import write_calls
from core.types import Document
from tests.aggregation.calls import utc


def call(name: str, language: str, campaign: str | None) -> CallMetrics:
    return CallMetrics.model_validate(
        {
            "call_id": name,
            "start_time": utc(1999, 1, 31),
            "status": "completed",
            "direction": "inbound",
            "language": language,
            "campaign": campaign,
        }
    )


@pytest.mark.parametrize("refreshed", [False, True])
def test_values_in_use_are_offered(database: Database[Document], refreshed: bool) -> None:
    write_calls(database, [call("1", "hindi", None), call("2", "english", "diwali")])
    if refreshed:
        refresh_rollups(database)
        database["calls"].delete_many({})  # archived: the roll-ups know them still
    write_calls(database, [call("3", "tamil", "holi")])
    assert languages(database) == ["english", "hindi", "tamil"]
    assert campaigns(database) == ["diwali", "holi"]


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_value_that_is_no_text_is_not_offered_and_hides_no_other(
    database: Database[Document], refreshed: bool
) -> None:
    """As another tool may write it: one such call took all filters away, and with them every page."""
    if refreshed:
        refresh_rollups(database)
    write_calls(database, [call(name, "hindi", "diwali") for name in ("1", "2", "3")])
    for name, value in (("1", 7), ("2", {"name": "tamil"})):
        database["calls"].update_one({"_id": name}, {"$set": {"language": value, "campaign": value}})
    assert languages(database) == ["hindi"]
    assert campaigns(database) == ["diwali"]
