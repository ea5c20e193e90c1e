"""The headline of Overview: what happened, in one sentence, and what explains it."""

from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import urlencode

import streamlit as st

from core.aggregation.story import Reason, Story
from core.aggregation.story.wording import NORMAL
from core.models.definitions import LATENCIES
from core.settings import get_settings
from dashboard import formats
from dashboard.drilldown import CallsTarget
from dashboard.filters import CUSTOM, FILTERS, Selection, Window, day_span

MOST_REASONS = 4
_ALL_DAY = timedelta(hours=22)
"""A day on which the clock goes forward is shorter than others."""
_SCOPED = {"language", "campaign", "direction"}
BAD_CALLS = {
    "failure_rate": CallsTarget(filters={"status": "failed"}),
    "error_rate": CallsTarget(facets={"error": "any"}),
    "lost_rate": CallsTarget(facets={"end_reason": "lost"}),
    "answer_rate": CallsTarget(filters={"status": "no_answer"}),
    "qualification_rate": CallsTarget(filters={"status": "completed"}),
    "handoff_rate": CallsTarget(filters={"status": "completed"}),
    **dict.fromkeys(LATENCIES, CallsTarget()),
}
"""The bad calls of each metric, by its key."""


def draw(story: Story, window: Window, selection: Selection, firing: int, *, checked: bool) -> None:
    """Draw the sentence and its reasons, each with a link to its calls.

    Args:
        story: what happened.
        window: the period it is about.
        selection: names that period.
        firing: number of firing alerts; nothing is called normal while there are any.
        checked: whether alerts are checked at all; nothing is called normal while they are not.
    """
    tone, icon = ("bad", "error") if not story.normal else ("good", "check_circle")
    if story.normal and (firing or not checked or not story.known):
        tone, icon = "open", "info"
    with st.container(key=f"story-{tone}", gap="xxsmall"):
        st.markdown(
            f"## :material/{icon}: {formats.plain(headline(story, selection, firing, checked=checked))}"
        )
        lines = [*_links(story, window)]
        if lines:
            st.markdown("\n".join(f"- {line}" for line in lines))


def headline(story: Story, selection: Selection, firing: int = 0, *, checked: bool = True) -> str:
    """Return the headline, which also mentions firing or unchecked alerts if nothing else is wrong."""
    if story.headline != NORMAL or (checked and not firing):
        return story.headline
    alerts = "alerts are not checked"
    if firing:
        alerts = "an alert is firing" if firing == 1 else f"{firing} alerts are firing"
    return f"Nothing is worse than {selection.compared_words}, but {alerts}"


def day_of(story: Story) -> date | None:
    """Return the one day that the story of a longer period is about; None unless it is a whole one."""
    first, last = story.since, story.until
    if first is None or last is None or first.date() != last.date() or last - first < _ALL_DAY:
        return None
    return first.date()


def _of_the_day(day: date) -> str:
    """Return the address of Overview for a day, with the reader's filters."""
    start, end = (moment.isoformat(timespec="minutes") for moment in day_span(day, day))
    kept = {name: value for name, value in st.query_params.items() if name in FILTERS}
    return f"./?{urlencode({**kept, 'period': CUSTOM, 'from': start, 'to': end})}"


def _links(story: Story, window: Window) -> Iterator[str]:
    if story.normal or story.measure not in BAD_CALLS:
        return
    if (day := day_of(story)) is not None:
        yield f"[{day:%a %-d %b} hour by hour: when it began, what it cost]({_of_the_day(day)})"
    for reason in story.reasons[:MOST_REASONS]:
        yield f"[{formats.plain(reason.sentence)}]({target(story, window, reason).link})"
    if not story.reasons:
        yield f"[Show these {story.calls:,} calls]({target(story, window).link})"


def target(story: Story, window: Window, reason: Reason | None = None) -> CallsTarget:
    """Return the bad calls of a story, or those of one reason."""
    zone = get_settings().tz
    start, end = (
        (at or limit).astimezone(zone).replace(tzinfo=None)
        for at, limit in ((story.since, window.start), (story.until, window.end))
    )
    bad = BAD_CALLS[story.measure]
    chosen = {name: value for name, value in story.filters.items() if value} if reason is None else {}
    facets = dict(bad.facets)
    if story.limit_ms is not None:
        facets |= {"field": story.measure, "low": f"{story.limit_ms:.9g}", "order": story.measure}
    if reason is not None and reason.value:
        (chosen if reason.field in _SCOPED else facets)[reason.field] = reason.value
    return CallsTarget(start, end, {**bad.filters, **chosen}, facets)
