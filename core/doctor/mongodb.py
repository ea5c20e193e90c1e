"""The store: whether it answers, what it is, its clock and its indexes."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from core.clock import utc_now
from core.doctor.result import Finding, State
from core.errors import UserError
from core.settings import Settings
from core.storage import get_sync_database
from core.storage.collections import INDEXES, INSTALLATION, RESTORE_MARK
from core.storage.server.connection import server_time, store_name, unavailable_text
from core.storage.server.folder import data_dirs_in_use
from core.types import Document

_NAMED = 10
_RIGHTS = ("find", "insert", "update", "remove", "createIndex", "listIndexes", "listCollections")
_CLOCKS_DIFFER = timedelta(seconds=5)


def server() -> Finding:
    """Return whether the store answers and may be written to."""
    try:
        database = get_sync_database()
        hello = database.client.admin.command("hello")
        started = time.perf_counter()
        database.command("ping")
        milliseconds = (time.perf_counter() - started) * 1_000
        database[INSTALLATION].find_one({}, {"_id": 1})  # anybody may ping
        version, lacking = _version(database), _lacking_rights(database)
    except PyMongoError as error:
        return Finding("store", State.FAIL, unavailable_text(error))
    except UserError as error:
        return Finding("store", State.FAIL, str(error))
    text = f"{store_name()}, {version}{_topology(hello)}, answers in {milliseconds:.1f} ms"
    if not hello.get("isWritablePrimary"):
        return Finding("store", State.FAIL, text, "no primary: start more members of the replica set")
    if lacking:
        text = f"{text}; the user in MONGODB_URI has no right to {', '.join(lacking)}"
        return Finding("store", State.FAIL, text, f"give it the role readWrite on {database.name}")
    return Finding("store", State.OK, text)


def _lacking_rights(database: Database[Document]) -> list[str]:
    """Return what the user may do to no collection of the database; nothing where no user is asked for."""
    asked = database.command("connectionStatus", showPrivileges=True)["authInfo"]
    if not asked.get("authenticatedUsers"):
        return []
    may: set[str] = set()
    for privilege in asked.get("authenticatedUserPrivileges", ()):
        resource = privilege["resource"]
        if resource.get("anyResource") or resource.get("db") in {"", database.name}:
            may.update(privilege["actions"])
    return [action for action in _RIGHTS if action not in may]


def _version(database: Database[Document]) -> str:
    try:
        return f"version {database.client.server_info()['version']}"
    except OperationFailure:  # a user without permission to ask
        return "version unknown"


def _topology(hello: dict[str, Any]) -> str:
    if hello.get("msg") == "isdbgrid":
        return ", sharded cluster"
    return f", replica set of {len(hello.get('hosts', ()))}" if "setName" in hello else ", single server"


def other_stores(settings: Settings) -> Iterator[Finding]:
    """Yield a finding if other embedded servers run here: an agent may be recording there."""
    if others := data_dirs_in_use(but=None if settings.mongodb_uri else settings.data_dir):
        text = f"also run on this machine: {', '.join(map(str, others[:_NAMED]))}"
        if len(others) > _NAMED:
            text = f"{text} and {len(others) - _NAMED} more"
        remedy = "if calls are missing, look there: start everything with the same DATA_DIR and MONGODB_URI"
        yield Finding("other stores", State.OFF, text, remedy)


def unfinished_restore(database: Database[Document]) -> Iterator[Finding]:
    """Yield a finding if a restore was stopped halfway: what looks like the store is a part of it."""
    if mark := database[RESTORE_MARK].find_one():
        text = f"stopped halfway, of the backup of {str(mark.get('created_at'))[:16]}"
        yield Finding("restore", State.FAIL, text, "run restore again")


def clock(database: Database[Document]) -> Finding:
    """Return whether this machine and the database agree on the time, which decides what is new."""
    before = utc_now()
    theirs = server_time(database)
    away = theirs - (before + (utc_now() - before) / 2)
    seconds = away.total_seconds()
    text = f"the database's clock is {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} ours"
    if abs(away) > _CLOCKS_DIFFER:
        return Finding("clock", State.WARN, text, "sync both with NTP")
    return Finding("clock", State.OK, "agrees with the database's")


def indexes(database: Database[Document]) -> Finding:
    """Return whether every index exists."""
    there = set(database.list_collection_names())
    missing = [
        f"{name}.{model.document['name']}"
        for name, models in INDEXES.items()
        if name in there
        for model in models
        if model.document["name"] not in database[name].index_information()
    ]
    if missing:
        text = f"missing: {', '.join(missing)}"
        return Finding("indexes", State.WARN, text, "the scheduler and the API create them at start")
    return Finding("indexes", State.OK, "all there")
