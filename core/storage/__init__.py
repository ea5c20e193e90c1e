"""The store: a real MongoDB, either the configured one or the embedded one."""

from core.storage.server.connection import database_for_loop, get_database, get_sync_database

__all__ = ["database_for_loop", "get_database", "get_sync_database"]
