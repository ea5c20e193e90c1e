"""This installation's name: two that share a pager must not close each other's incidents."""

from secrets import token_hex

from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from core.settings import get_settings
from core.storage.collections import INSTALLATION
from core.types import Document

_ID = "installation"


async def installation_name(database: AsyncDatabase[Document]) -> str:
    """Return INSTALLATION_NAME, or a name created with the store that stays in it."""
    if (name := get_settings().installation_name) is not None:
        return name
    row = await database[INSTALLATION].find_one({"_id": _ID})
    if row is None:
        made = {"$setOnInsert": {"name": f"va-{token_hex(4)}"}}
        row = await database[INSTALLATION].find_one_and_update(
            {"_id": _ID}, made, upsert=True, return_document=ReturnDocument.AFTER
        )
    return str(row["name"]) if row else ""
