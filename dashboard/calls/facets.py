"""Filters of the list of calls beyond those of all pages, kept in the page's own URL parameters."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime

import streamlit as st

from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.search.call_search import MADE_BY, NUMBERS, STAGES, CallFacets
from core.aggregation.story.wording import value_words
from core.clock import to_utc
from core.models.definitions import METRICS
from dashboard import filters, formats
from dashboard.charts.time_series import WEEKDAYS
from dashboard.drilldown import SCOPED, SPAN
from dashboard.filters import Selection

_RANGE = ("field", "low", "high")
_WITHOUT = (*filters.FILTERS, "end_reason")
"""What calls can be without."""
_CHECKED = ("stage", "attempt", "weekday", "hour", "without")
"""Facets with few values; others are ignored, and this is said."""
OWN = (
    *SPAN,
    *SCOPED.values(),
    "stage",
    "error",
    "attempt",
    "end_reason",
    "fault",
    "weekday",
    "hour",
    *_RANGE,
    *MADE_BY,
    "without",
    "order",
    "page",
    "q",
    "call_id",
)


def facets() -> CallFacets:
    """Return the facets of the URL; invalid ones are ignored; :func:`chips` says so."""
    link = st.query_params
    field = link.get("field")
    low, high = _number(link.get("low")), _number(link.get("high"))
    known = field in NUMBERS and (low is not None or high is not None)
    return CallFacets(
        stage=stage if (stage := link.get("stage")) in STAGES else None,
        error=link.get("error") or None,
        end_reason=link.get("end_reason") or None,
        fault=link.get("fault") or None,
        attempt=whole(link.get("attempt"), 1, 1_000_000),
        weekday=whole(link.get("weekday"), 0, 6),
        hour=whole(link.get("hour"), 0, 23),
        field=field if known else None,
        low=low if known else None,
        high=high if known else None,
        **{name: link.get(name) or None for name in MADE_BY},
        without=_without(),
    )


def _without() -> str | None:
    name = st.query_params.get("without")
    return name if name in _WITHOUT else None


def narrowed(selection: Selection) -> Selection:
    """Return the period and filters of the list: the reader's, or those of the chart or alert clicked."""
    link = st.query_params
    known = {field.name for field in fields(CallFilters)}
    own: dict[str, str | None] = {
        name: link[key] for name, key in SCOPED.items() if name in known and link.get(key)
    }
    if (without := _without()) in known:
        own[without] = None  # what is to be without a campaign cannot have the one of the page
    chosen = replace(selection, filters=replace(selection.filters, **own))
    span = _span()
    return replace(chosen, period=filters.CUSTOM, start=span[0], end=span[1]) if span else chosen


def _span() -> tuple[datetime, datetime] | None:
    start, end = (filters.moment_of(st.query_params.get(key)) for key in SPAN)
    return (start, end) if start and end and to_utc(start) < to_utc(end) else None


def _scope_chips() -> Iterator[tuple[str, tuple[str, ...]]]:
    span = _span()
    if span:
        first, last = span
        same = first.date() == last.date()
        until = "" if same else f"{last:%a %-d %b} "
        yield f"{first:%a %-d %b} {formats.hour(first)} to {until}{formats.hour(last)}", SPAN
    for name, key in SCOPED.items():
        if value := st.query_params.get(key):
            yield (
                formats.plain(f"{name if name != 'status' else 'outcome'}: {filters.label(name, value)}"),
                (key,),
            )
    if without := _without():
        yield f"without {without.replace('_', ' ')}", ("without",)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def whole(text: str | None, least: int, most: int) -> int | None:
    """Return a URL's whole number; None unless it is one from ``least`` to ``most``."""
    value = _number(text)
    return int(value) if value is not None and value == int(value) and least <= value <= most else None


def change(**values: str | None) -> None:
    """Callback: set or drop these URL parameters, and return to the first page."""
    for name, value in ({"page": None} | values).items():
        if value is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = value


def _ignored(chosen: CallFacets) -> Iterator[str]:
    """Yield what the link asks for and the list cannot do, with its value."""
    link = st.query_params
    given = {name: link[name] for name in (*SPAN, *_RANGE, *_CHECKED) if link.get(name)}
    span = [f"{name} {given[name]}" for name in SPAN if name in given]
    if span and not _span():
        readable = all(filters.moment_of(link.get(name)) for name in SPAN)
        yield f"{' '.join(span)} ({'which ends before it begins' if readable else 'which is no time span'})"
    if chosen.field is None:
        yield from (f"{name} {given[name]}" for name in _RANGE if name in given)
    yield from (
        f"{name} {given[name]}" for name in _CHECKED if name in given and getattr(chosen, name) is None
    )


def _say_ignored(chosen: CallFacets) -> None:
    """Say which conditions of the link are not met: a list that only looks filtered would mislead."""
    if ignored := list(_ignored(chosen)):
        words = formats.plain(formats.enumerated(ignored))
        st.warning(f"Not filtered by {words}", icon=":material/filter_alt_off:")


def chips() -> None:
    """Show the active facets as chips; a click removes one."""
    chosen = facets()
    _say_ignored(chosen)
    found = dict(_scope_chips())
    if chosen.weekday is not None:
        found[f"on {WEEKDAYS[chosen.weekday]}"] = ("weekday",)
    if chosen.hour is not None:
        found[f"{chosen.hour:02d}:00 to {chosen.hour:02d}:59"] = ("hour",)
    if chosen.fault is not None:
        found[f"fault: {formats.plain(chosen.fault)}"] = ("fault",)
    if chosen.attempt is not None:
        found[f"attempt {chosen.attempt}"] = ("attempt",)
    for name in MADE_BY:
        if (value := getattr(chosen, name)) is not None:
            found[formats.plain(value_words(name, value))] = (name,)
    if chosen.field is not None:
        found[_range_words(chosen)] = _RANGE
    if not found:
        return
    with st.container(key="chips", horizontal=True, gap="xsmall"):
        for words, names in found.items():
            st.button(
                words,
                icon=":material/close:",
                key=f"chip-{names[0]}",
                help="Remove this filter; without a time span the period above applies",
                on_click=change,
                kwargs=dict.fromkeys(names),
            )


def _range_words(chosen: CallFacets) -> str:
    metric = METRICS[chosen.field or ""]
    ends = [formats.number(end, metric.unit) for end in (chosen.low, chosen.high) if end is not None]
    if len(ends) == 2:  # noqa: PLR2004 (both ends)
        return f"{metric.label} {ends[0]} to {ends[1]}"
    return f"{metric.label} {'from' if chosen.low is not None else 'below'} {ends[0]}"
