"""This installation's name: two that share a pager must not close each other's incidents."""

from hashlib import sha256
from secrets import token_hex
from socket import gethostname

from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from core.settings import get_settings
from core.storage.collections import INSTALLATION
from core.storage.server.connection import store_name
from core.types import Document

_ID = "installation"
_seen: dict[tuple[str, str], str] = {}
"""Names by store and database, for the time when these do not answer."""


async def installation_name(database: AsyncDatabase[Document]) -> str:
    """Return INSTALLATION_NAME, or a name created with the store that stays in it."""
    if (name := get_settings().installation_name) is not None:
        return name
    row = await database[INSTALLATION].find_one({"_id": _ID})
    if not row or not isinstance(row.get("name"), str):
        kept = {"$eq": [{"$type": "$name"}, "string"]}  # another process may have been first
        made = {"name": {"$cond": [kept, "$name", f"va-{token_hex(4)}"]}}
        row = await database[INSTALLATION].find_one_and_update(
            {"_id": _ID}, [{"$set": made}], upsert=True, return_document=ReturnDocument.AFTER
        )
    name = str(row["name"]) if row else ""
    _seen[store_name(), database.name] = name
    return name


def name_while_away(database: str) -> str:
    """Return the installation's name while its store does not answer.

    That is the one it had when it last did. If this process has never seen it, a stand-in made from machine
    and store, so that no other installation has it.
    """
    if (name := get_settings().installation_name) is not None:
        return name
    store = store_name()
    made = sha256(f"{gethostname()}|{store}|{database}".encode()).hexdigest()[:8]
    return _seen.get((store, database)) or f"va-{made}"
