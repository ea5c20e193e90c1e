"""The store, as the commands about who gets in need it."""

from pymongo.database import Database

from core.storage.collections import ensure_indexes
from core.storage.server.connection import check_reachable, get_sync_database
from core.types import Document


def store() -> Database[Document]:
    """Return the database, with its indexes: names are unique by them.

    Raises:
        UserError: it does not answer.
    """
    check_reachable()
    database = get_sync_database()
    ensure_indexes(database)
    return database
