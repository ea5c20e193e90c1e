"""The story of a period, computed once for all readers of the same view."""

import streamlit as st

from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.story import Story
from core.aggregation.story.read import Periods, story_of
from core.storage import get_sync_database
from dashboard.filters import Window
from dashboard.queries.cache import ANSWERS_KEPT, KEPT_SECONDS


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=ANSWERS_KEPT, show_spinner=False)
def story(window: Window, filters: CallFilters) -> Story:
    """Return the story of a period against the compared one."""
    periods = Periods((window.start, window.end), (window.before, window.before_end))
    return story_of(get_sync_database(), periods, filters)
