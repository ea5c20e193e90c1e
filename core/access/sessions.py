"""Sessions of people who have signed in: random tokens, of which the store knows the hash alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.database import Database

from core.access.audit import Action, audit_read
from core.access.roles import Actor, Role
from core.access.tokens import digest_of, new_token
from core.access.users import User, find_user
from core.clock import utc_now
from core.settings import get_settings
from core.storage.collections import SESSIONS
from core.types import Document

_TOUCH_EVERY = timedelta(minutes=1)
"""A click is noted this often: idle time is counted in minutes."""


@dataclass(frozen=True)
class Session:
    """Who has signed in, and until when that holds if nothing is clicked any more."""

    actor: Actor
    until: datetime


def begin_session(database: Database[Document], user: User, *, now: datetime | None = None) -> str:
    """Sign somebody in: the token, which is in no store, and good for SESSION_HOURS at most."""
    at, token = now or utc_now(), new_token()
    database[SESSIONS].insert_one(
        {
            "_id": digest_of(token),
            "user": user.name,
            "version": user.version,
            "began_at": at,
            "seen_at": at,
            "until": at + timedelta(hours=get_settings().session_hours),
        }
    )
    audit_read(database, Actor(user.name, user.role), Action.SIGNED_IN, each=True)
    return token


def find_session(
    database: Database[Document], token: str, *, clicked: bool = False, now: datetime | None = None
) -> Session | None:
    """The session of a token, as long as it holds: its user is the one who signed in, unchanged since.

    Args:
        database: where sessions and users are.
        token: what ``begin_session`` gave.
        clicked: whether somebody did something just now; a page that renews itself does not count.
        now: the time; that of this machine where it is left out.
    """
    at = now or utc_now()
    row = database[SESSIONS].find_one({"_id": digest_of(token)})
    if row is None:
        return None
    idle = timedelta(minutes=get_settings().session_idle_minutes)
    longest = timedelta(hours=get_settings().session_hours)
    latest = min(row["until"], row["began_at"] + longest)
    user = find_user(database, row["user"])
    if user is None or user.disabled or user.version != row["version"]:
        return None
    if at >= min(latest, row["seen_at"] + idle):
        return None
    seen_at = row["seen_at"]
    if clicked and at - seen_at >= _TOUCH_EVERY:
        database[SESSIONS].update_one({"_id": row["_id"]}, {"$max": {"seen_at": at}})
        seen_at = at
    return Session(Actor(user.name, user.role), min(latest, seen_at + idle))


def end_session(database: Database[Document], token: str) -> str | None:
    """Sign out; the name of who it was, None where nobody was signed in."""
    row = database[SESSIONS].find_one_and_delete({"_id": digest_of(token)})
    if row is None:
        return None
    name = str(row["user"])
    user = find_user(database, name)
    audit_read(database, Actor(name, user.role if user else Role.VIEWER), Action.SIGNED_OUT, each=True)
    return name
