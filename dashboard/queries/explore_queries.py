"""Cached reads of Explore and Compare: from roll-ups if they have the answer, else from the copy."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import pandas as pd
import streamlit as st

from core.aggregation.columnar import question as questions
from core.aggregation.columnar.copy import Source, open_source
from core.aggregation.columnar.engine import SourceGoneError, TooLargeError
from core.aggregation.columnar.fields import Where
from core.aggregation.columnar.from_rollups import answer_of_cube, filters_of, in_rollups
from core.aggregation.columnar.question import Answer, Question
from core.aggregation.columnar.sides import Figures, figures, histograms
from core.aggregation.cube import load_cube
from core.models.definitions import DISTRIBUTIONS
from core.storage import get_sync_database
from core.storage.archive.archived_rows import ArchiveUnreadableError
from core.storage.saved_views import SavedView, saved_views
from dashboard.queries.cache import ANSWERS_KEPT, KEPT_SECONDS

SOURCES_KEPT = 6
"""Each holds the calls that are not in the copy yet, mostly those of a day."""
COPYING = "Reading calls. A long period takes longer the first time, while its days are copied."
Result = TypeVar("Result")


class Refused(str):
    """Why there is no answer, as text for the reader."""

    __slots__ = ()


@st.cache_resource(ttl=55, max_entries=SOURCES_KEPT, show_spinner=COPYING)
def _source(start: datetime, end: datetime) -> Source:
    """Return the calls of a period, shared by several questions."""
    return open_source(get_sync_database(), start, end)


def _asked(start: datetime, end: datetime, what: Callable[[Source], Result]) -> Result | Refused:
    """Return an answer from the copy, or why there is none; retry once if its files were just replaced."""
    try:
        try:
            return what(_source(start, end))
        except SourceGoneError:
            _source.clear(start, end)
            return what(_source(start, end))
    except (TooLargeError, ArchiveUnreadableError) as error:
        return Refused(error)
    except SourceGoneError:
        return Refused("The files of this period are being rewritten; try again in a minute")
    except OSError as error:
        return Refused(f"The copy of the calls below DATA_DIR cannot be written: {error.strerror}")


@st.cache_resource(ttl=55, max_entries=ANSWERS_KEPT, show_spinner=False)
def answered(start: datetime, end: datetime, asked: Question) -> Answer | Refused:
    """Return the answer to a question about the calls of [start, end)."""
    if not in_rollups(asked):
        return _asked(start, end, lambda source: questions.answer(source, asked))
    fields = [asked.measure] if asked.measure in DISTRIBUTIONS else []
    by_campaign = asked.by == "campaign"
    cube = load_cube(get_sync_database(), start, end, filters_of(asked), fields=fields, campaigns=by_campaign)
    return answer_of_cube(cube, asked)


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=ANSWERS_KEPT, show_spinner=False)
def values(start: datetime, end: datetime, name: str) -> list[str]:
    """Return the values of a field in a period, most calls first; empty if they cannot be read."""
    found = _asked(start, end, lambda source: questions.values(source, name))
    return [] if isinstance(found, Refused) else found


@dataclass(frozen=True)
class Part:
    """One side of a comparison: the calls of [start, end) that pass ``where``."""

    start: datetime
    end: datetime
    where: Where


@st.cache_resource(ttl=55, max_entries=ANSWERS_KEPT, show_spinner=False)
def side(part: Part) -> Figures | Refused:
    """Return the figures of one side."""
    return _asked(part.start, part.end, lambda source: figures(source, part.where))


@st.cache_resource(ttl=55, max_entries=ANSWERS_KEPT, show_spinner=False)
def spread(parts: tuple[Part, ...], name: str, top: float) -> pd.DataFrame | Refused:
    """Return the values of a field on each side, in the same bins up to ``top``."""
    first, *_ = parts

    def read(source: Source) -> pd.DataFrame:
        others = [_source(part.start, part.end) for part in parts[1:]]
        sources = zip((source, *others), parts, strict=True)
        return histograms([(one, part.where) for one, part in sources], name, top)

    return _asked(first.start, first.end, read)


def views() -> list[SavedView]:
    """Return the saved views; not cached, as they are few."""
    return saved_views(get_sync_database())
