"""Answers to cached queries; while the database is down, the reader's last answer to the same one.

Caches hold results and cubes, never frames of calls, and are shared by all readers of the same view.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeVar

import streamlit as st
from pymongo.errors import PyMongoError

from core.clock import utc_now
from core.errors import TooMuchError, UserError
from core.storage.server.connection import unavailable_text
from dashboard.filters import Window

ANSWERS_KEPT = 64
QUESTIONS_KNOWN = 512
KEPT_SECONDS = 60
"""How long figures of a period are kept: its end moves on every minute, and nobody asks for the old ones."""
PAUSE_AFTER_FAILURE_SECONDS = 4.0


class StoreAwayError(Exception):
    """The database does not answer, and there is no earlier answer; the text says what to do."""


Question = ParamSpec("Question")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """A result, and since when it is stale because the database is down."""

    value: Result
    stale_since: datetime | None = None


_down: dict[str, Any] = {"until": 0.0, "why": ""}


_newest: dict[tuple[object, ...], tuple[Any, ...]] = {}


def _drop_earlier(query: Callable[..., object], args: tuple[Any, ...]) -> None:
    """Drop the answer for the same period as of earlier, which nobody asks for any more.

    Kept until its time is up, there would be twice as many each time that the minute changes.
    """
    periods = [(place, value) for place, value in enumerate(args) if isinstance(value, Window)]
    if len(periods) != 1 or not hasattr(query, "clear"):
        return
    ((place, window),) = periods
    asked = (query, *args[:place], *args[place + 1 :])
    before = _newest.get(asked)
    if before is not None and before[place].end >= window.end:
        return
    if len(_newest) >= QUESTIONS_KNOWN:
        _newest.clear()
    _newest[asked] = args
    if before is not None:
        query.clear(*before)


def ask(
    selection: object, query: Callable[Question, Result], *args: Question.args, **kwargs: Question.kwargs
) -> Answer[Result]:
    """Return the answer to a cached query; without the database, the last one for the same selection.

    Raises:
        StoreAwayError: the database is down, and this reader has no earlier answer for this selection.
    """
    seen: dict[Any, Any] = st.session_state.setdefault("seen", {})
    if time.monotonic() >= _down["until"]:
        try:
            _drop_earlier(query, args)
            result = query(*args, **kwargs)
        except TooMuchError:
            raise
        except (PyMongoError, UserError) as error:
            why = unavailable_text(error) if isinstance(error, PyMongoError) else str(error)
            # A page asks several times, and should not wait for the same timeout each time.
            _down.update(until=time.monotonic() + PAUSE_AFTER_FAILURE_SECONDS, why=why)
        else:
            seen[query] = (selection, result, utc_now())
            return Answer(result)
    for_selection, result, at = seen.get(query, (None, None, None))
    if at and for_selection == selection:
        return Answer(result, stale_since=at)
    raise StoreAwayError(_down["why"])
