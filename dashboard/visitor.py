"""Who uses the dashboard, and what they may do."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from pymongo.errors import PyMongoError

from core.access import permissions
from core.access.permissions import LEAST, Permission
from core.access.proxied import proxied_actor
from core.access.roles import Actor, of_machine
from core.access.sessions import Session
from core.clock import utc_now
from core.errors import UserError
from core.settings import get_settings
from core.storage.server.connection import unavailable_text
from dashboard.queries import cache, session_queries
from dashboard.sign_in import cookies

MEMORY_SECONDS = 1.0
"""How long a session lookup is reused, because a page asks many times while drawn."""
_SEEN = "seen_session"
# Separate from the other queries: their failures say nothing about sessions.
_away: dict[str, Any] = {"until": 0.0, "why": ""}


@dataclass(frozen=True)
class _Seen:
    """A session, or None if there was none, and when it was looked up."""

    at: float
    session: Session | None


class SignedOutError(UserError):
    """The reader is signed out."""


def signs_in() -> bool:
    """Return whether sign-in is on."""
    return get_settings().dashboard_sign_in != "none"


def find(*, clicked: bool = False, afresh: bool = True) -> Actor | None:
    """Return who opened this page; None once they are signed out.

    Args:
        clicked: whether the reader just did something, which extends the session.
        afresh: look up the session even if that was done within the last second.

    Raises:
        StoreAwayError: the database is down, and this reader was not seen before.
    """
    mode = get_settings().dashboard_sign_in
    if mode == "none":
        return of_machine()
    if mode == "proxy":
        # The door guarantees exactly one such header, from a trusted proxy.
        return proxied_actor(get_settings(), st.context.headers.get(get_settings().dashboard_user_header, ""))
    seen: _Seen | None = st.session_state.get(_SEEN)
    if afresh or seen is None or time.monotonic() - seen.at >= MEMORY_SECONDS:
        session = _look(seen, clicked=clicked)
    else:
        session = seen.session
    return session.actor if session and utc_now() < session.until else None


def rerun_if_signed_out() -> None:
    """Rerun the whole page if its reader is signed out, so that nothing else shows; for parts of a page."""
    try:
        if find(afresh=False) is None:
            st.rerun()
    except cache.StoreAwayError:
        return  # each part reports that itself


def _look(seen: _Seen | None, *, clicked: bool) -> Session | None:
    """Return the session as stored or, while the database is down, as last seen."""
    token = cookies.token_of(st.context.cookies)
    if token is None:
        return None
    if time.monotonic() >= _away["until"]:
        try:
            session = session_queries.session(token, clicked=clicked)
        except (PyMongoError, UserError) as error:
            why = unavailable_text(error) if isinstance(error, PyMongoError) else str(error)
            _away.update(until=time.monotonic() + cache.PAUSE_AFTER_FAILURE_SECONDS, why=why)
        else:
            st.session_state[_SEEN] = _Seen(time.monotonic(), session)
            return session
    if seen is None:
        raise cache.StoreAwayError(_away["why"])
    return seen.session


def actor() -> Actor:
    """Return who opened this page; without sign-in, the machine's user.

    Raises:
        SignedOutError: the reader is signed out.
    """
    found = find(afresh=False)
    if found is None:
        raise SignedOutError("You are signed out")
    return found


def may(permission: Permission) -> bool:
    """Return whether the reader may do something, to decide what to draw."""
    found = find(afresh=False)
    return found is not None and permissions.may(found.role, permission)


def require(permission: Permission) -> Actor:
    """Return who does something, checked against the store right now.

    Raises:
        UserError: they may not, are signed out, or the database is down; the text says which.
    """
    try:
        found = find(clicked=True)
    except cache.StoreAwayError as error:
        raise UserError(str(error)) from None
    if found is None:
        raise SignedOutError("You are signed out: nothing was done")
    if not permissions.may(found.role, permission):
        raise UserError(refusal(permission, found))
    return found


def refusal(permission: Permission, whose: Actor | None = None) -> str:
    """Return why the reader may not do something."""
    who = whose or actor()
    least = LEAST[permission].label
    return f"You are signed in as {who.role.label} and may not {permission}: that needs {least}"


def later(permission: Permission) -> Callable[[], Actor]:
    """Return a function that checks a permission again later, outside the page, without its cookies.

    It raises UserError if whoever was signed in here may no longer do it.
    """
    found = find(afresh=False)
    token = cookies.token_of(st.context.cookies) if get_settings().dashboard_sign_in == "users" else None

    def require_still() -> Actor:
        session = session_queries.session(token, clicked=True) if token else None
        who = session.actor if session else None if token else found
        if who is None or not permissions.may(who.role, permission):
            raise SignedOutError("You are signed out, or may not do that any more: nothing was done")
        return who

    return require_still


def leave() -> None:
    """Callback: sign out."""
    token = cookies.token_of(st.context.cookies)
    if token:
        try:
            session_queries.sign_out(token)
        except PyMongoError as error:
            st.toast(f"You are still signed in. {unavailable_text(error)}", icon=":material/cloud_off:")
            return
    st.session_state.pop(_SEEN, None)
