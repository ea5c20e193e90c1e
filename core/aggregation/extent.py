"""What there is to look at: the newest call and the languages in use."""

from datetime import datetime

from pymongo.database import Database

from core.storage.connection import Document


def newest_call_start(database: Database[Document]) -> datetime | None:
    """When the newest call began, in UTC; None where no call is stored."""
    row = database["calls"].find_one({}, {"start_time": 1}, sort=[("start_time", -1)])
    return row["start_time"] if row else None


def languages(database: Database[Document]) -> list[str]:
    """The languages of the stored calls, in alphabetical order."""
    return sorted(database["calls"].distinct("language"))
