"""Sessions of people who have signed in: random tokens, of which the store keeps only the hash."""

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
"""How often a click is stored; idle time is counted in minutes."""

_SET_BACK = timedelta(minutes=5)
"""A click further ahead was at a clock since set back: nobody knows how long ago, so the session is over."""


@dataclass(frozen=True)
class Session:
    """Who has signed in, and until when that is valid if nothing more is clicked."""

    actor: Actor
    until: datetime


def begin_session(database: Database[Document], user: User, *, now: datetime | None = None) -> str:
    """Sign a user in and return the session's token, valid for SESSION_HOURS at most.

    The token exists only in the answer: the store keeps its hash, so a copy of the database opens no session.

    Raises:
        PyMongoError: the database does not answer; nobody was signed in.
    """
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
    """Return the session of a token; None if there is none, or it is no longer valid.

    It ends SESSION_HOURS after signing in, SESSION_IDLE_MINUTES after the last click, and at once if the user
    is disabled, removed or changed (role, password), which gives them a new ``version``. All limits are
    applied here, at each look, so shortening one in the settings also ends sessions that exist.

    Args:
        database: where sessions and users are stored.
        token: what ``begin_session`` returned.
        clicked: whether the user just did something; a page refreshing itself does not count.
        now: the time; this machine's if left out.
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
    if at >= min(latest, row["seen_at"] + idle) or row["seen_at"] - at > _SET_BACK:
        return None
    seen_at = row["seen_at"]
    if clicked and at - seen_at >= _TOUCH_EVERY:
        database[SESSIONS].update_one({"_id": row["_id"]}, {"$max": {"seen_at": at}})
        seen_at = at
    return Session(Actor(user.name, user.role), min(latest, seen_at + idle))


def end_session(database: Database[Document], token: str) -> str | None:
    """Sign out; return the user's name, or None if the token belonged to no session."""
    row = database[SESSIONS].find_one_and_delete({"_id": digest_of(token)})
    if row is None:
        return None
    name = str(row["user"])
    user = find_user(database, name)
    audit_read(database, Actor(name, user.role if user else Role.VIEWER), Action.SIGNED_OUT, each=True)
    return name
