"""How many messages a recipient gets: token buckets in the store, shared by all processes."""

from dataclasses import dataclass
from datetime import timedelta

from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from core.storage.collections import RATE_LIMITS
from core.types import Document

_LONGEST_PAUSE_MS = 3_600_000


@dataclass(frozen=True)
class Limit:
    """How many messages at once, and how many more per second."""

    burst: int
    per_second: float


async def take_token(
    database: AsyncDatabase[Document], bucket: str, limit: Limit, *, urgent: bool
) -> timedelta | None:
    """Take a token for one message; return None, or how long to wait.

    Urgent messages need not wait: they overdraw the bucket, by up to a whole burst. While the other side has
    asked to be left alone, nothing is sent.
    """
    # If the server's clock was set back, no time has passed. A pause that ends more than an hour from now is
    # shortened where it is stored: left as it is, it would always have an hour to go.
    elapsed = {"$max": [0, {"$divide": [{"$subtract": ["$$NOW", {"$ifNull": ["$at", "$$NOW"]}]}, 1000]}]}
    filled = {"$add": [{"$ifNull": ["$tokens", limit.burst]}, {"$multiply": [elapsed, limit.per_second]}]}
    spent = {"$max": [-limit.burst, {"$subtract": ["$tokens", 1]}]}
    steps: list[Document] = [
        {"$set": {"tokens": {"$min": [limit.burst, filled]}, "at": "$$NOW"}},
        {
            "$set": {
                "closed_until": {
                    "$min": [{"$ifNull": ["$closed_until", "$at"]}, {"$add": ["$at", _LONGEST_PAUSE_MS]}]
                }
            }
        },
        {"$set": {"closed_ms": {"$subtract": ["$closed_until", "$at"]}}},
        {
            "$set": {
                "granted": {
                    "$and": [{"$lte": ["$closed_ms", 0]}, {"$or": [urgent, {"$gte": ["$tokens", 1]}]}]
                }
            }
        },
        {"$set": {"tokens": {"$cond": ["$granted", spent, "$tokens"]}}},
    ]
    try:
        found = await database[RATE_LIMITS].find_one_and_update(
            {"_id": bucket}, steps, upsert=True, return_document=ReturnDocument.AFTER
        )
    except DuplicateKeyError:  # another process created it in between
        return await take_token(database, bucket, limit, urgent=urgent)
    if found is None or found["granted"]:
        return None
    refilled = timedelta(seconds=(1 - found["tokens"]) / limit.per_second)
    return max(refilled, timedelta(milliseconds=found["closed_ms"]))


async def leave_alone(database: AsyncDatabase[Document], bucket: str, wait: timedelta) -> None:
    """Send a recipient nothing for this long, not even urgent messages."""
    until = {"$add": ["$$NOW", round(wait.total_seconds() * 1000)]}
    await database[RATE_LIMITS].update_one({"_id": bucket}, [{"$set": {"closed_until": until}}], upsert=True)
