"""A story from the store: what only the calls themselves tell, read where something is wrong."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pymongo.database import Database

from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.story.read import Periods, story_of
from core.models.metrics import CallMetrics
from core.storage.calls import write_calls
from core.types import Document
from tests.aggregation.story.periods import DAY, WEEK_BEFORE

BEGAN = DAY + timedelta(hours=11, minutes=6)


def day_of_calls(start: datetime) -> Iterator[CallMetrics]:
    """A call a minute from 08:00 to 18:00; from 11:06 to 13:00 of the second week the new version fails."""
    for number in range(600):
        at = start + timedelta(hours=8, minutes=number)
        version = "2.3.1" if start == DAY and number % 3 == 0 else "2.3.0"
        fails = (version == "2.3.1" and BEGAN <= at < DAY + timedelta(hours=13)) or number % 25 == 0
        yield CallMetrics.model_validate(
            {
                "call_id": f"{start:%d}-{number}",
                "start_time": at,
                "duration_seconds": 30.0,
                "status": "failed" if fails else "completed",
                "direction": "outbound",
                "language": "hindi" if number % 2 else "tamil",
                "agent_version": version,
                "telephony": {"provider": "exotel" if number % 4 else "plivo"},
                "errors": [{"type": "llm_timeout"}] if fails else [],
            }
        )


def test_a_version_that_fails_is_named_with_the_minute_it_began(database: Database[Document]) -> None:
    """Roll-ups know neither; the calls of the spell and of the week before do."""
    write_calls(database, [*day_of_calls(WEEK_BEFORE), *day_of_calls(DAY)])
    one_day = timedelta(days=1)
    periods = Periods((DAY, DAY + one_day), (WEEK_BEFORE, WEEK_BEFORE + one_day))
    story = story_of(database, periods, CallFilters())
    assert story.headline.startswith("Calls failed from 11:06 to 13:00: LLM timeouts, ")
    assert [(reason.field, reason.value) for reason in story.reasons] == [("agent_version", "2.3.1")]
    assert story.reasons[0].share > 0.9
    assert story_of(database, periods, CallFilters(language="urdu")).headline == "Too few calls to tell (0)"
    # Another tool's word for what was used keeps nobody from the story.
    foreign = {"usage": [{"kind": "llm", "provider": 5}], "telephony.provider": 7, "agent_version": 2}
    for fields in ({"usage": "gpt"}, foreign, {"telephony": "exotel"}):
        database["calls"].update_many({"_id": {"$regex": "[247]$"}}, {"$set": fields})
        assert story_of(database, periods, CallFilters()).headline == story.headline
