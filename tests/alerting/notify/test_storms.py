"""A thousand alerts at once: what is stored stays small, and no channel holds up another."""

import asyncio

from bson import encode
from pymongo.database import Database

from core.alerting.channels.base import Failure
from core.alerting.channels.message import Message
from core.alerting.notify.notification_log import GROUP, load_records
from core.alerting.notify.outbox import rows_of
from core.alerting.notify.sender import dispatch
from core.models.alerts import Notification
from core.storage import get_database
from core.types import Document
from tests.alerting.notify.test_outbox import NO, Tap, alert, news, put
from tests.alerting.state.test_alert_store import NOON


def storm(count: int, channel: str = "pager") -> Notification:
    """Return what one check finds when this many alerts begin to fire."""
    alerts = [alert(f"{number:016x}") for number in range(count)]
    return news("storm", channel, group=GROUP).model_copy(
        update={
            "alerts": alerts,
            "news": count,
            "members": {one.id: "firing" for one in alerts},
            "severities": {one.id: one.severity for one in alerts},
            "told_at": {one.id: NOON for one in alerts},
        }
    )


def stored(database: Database[Document]) -> int:
    """Return the size of the outbox in bytes."""
    return sum(len(encode(row)) for row in database["outbox"].find())


def test_twice_as_many_incidents_store_twice_as_much(database: Database[Document]) -> None:
    """Each incident of a pager is a message of its own, which holds its own state and not all others'."""
    pager, sizes = Tap("pager", pages=True), []
    for count in (100, 200):
        database["outbox"].delete_many({})
        asyncio.run(put(get_database(), pager, storm(count)))
        assert database["outbox"].count_documents({}) == count
        sizes.append(stored(database))
    assert sizes[1] < 2.2 * sizes[0]
    assert sizes[1] < 200 * 2_000


def test_whichever_incident_of_a_storm_arrives_first_the_whole_storm_counts_as_told(
    database: Database[Document],
) -> None:
    """The next check decides from what is recorded, as if every message held all of it."""
    found, pager = storm(5), Tap("pager", pages=True)
    ids = [row.id for row in rows_of(found, pager)]
    last = found.alerts[-1].name

    def answer(message: Message) -> Failure | None:
        return None if last in message.title else NO

    pager.answer = answer

    async def run() -> None:
        await dispatch(get_database(), [found], {"pager": pager})
        told = (await load_records(get_database(), GROUP))["pager"]
        assert (told.members, told.severities) == (found.members, found.severities)
        assert told.told_at == found.told_at

    asyncio.run(run())
    assert [row["_id"] for row in database["outbox"].find({"state": "sent"})] == [ids[-1]]
