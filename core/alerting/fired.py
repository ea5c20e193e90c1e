"""When alerts began to fire, for the marks on charts over time."""

from dataclasses import dataclass
from datetime import datetime

from pymongo.database import Database

from core.models.alerts import Severity
from core.storage.server.connection import Document

MOST_MARKS = 200


@dataclass(frozen=True)
class Fired:
    """An alert that began to fire; the time is in UTC."""

    at: datetime
    name: str
    severity: Severity


def fired_between(database: Database[Document], start: datetime, end: datetime) -> tuple[Fired, ...]:
    """The alerts that began to fire in [start, end), the oldest first; of very many the newest."""
    query = {"at": {"$gte": start, "$lt": end}, "event": "firing"}
    rows = database["alert_events"].find(query).sort("at", -1).limit(MOST_MARKS)
    return tuple(Fired(row["at"], str(row["name"]), Severity(row["severity"])) for row in rows)[::-1]
