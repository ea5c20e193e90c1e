"""The list of calls: search, facets, order, pages of rows, CSV."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.aggregation.search.call_search import ANY, NUMBERS, STAGES, CallFacets
from core.clock import utc_now
from core.models.definitions import METRICS
from core.settings import get_settings
from core.types import Document
from dashboard import filters, formats, placeholders
from dashboard.charts.time_series import WEEKDAYS
from dashboard.filters import label
from dashboard.panels import auto_refresh
from dashboard.panels.panel import csv_button
from dashboard.queries import cache, call_queries, system_queries
from dashboard.queries.call_queries import MOST_COUNTED, ROWS

MOST_PAGES = 200
LIST_HEIGHT = 640
ORDERS = {
    "start_time": "Newest first",
    "e2e_latency_ms": "Slowest end to end",
    "llm_latency_ms": "Slowest LLM",
    "asr_latency_ms": "Slowest ASR",
    "tts_latency_ms": "Slowest TTS",
    "duration_seconds": "Longest",
    "cost": "Dearest",
    "sentiment_score": "Unhappiest",
}
_STAGES = {"answered": "Answered", "engaged": "Engaged", "qualified": "Qualified", "handed_off": "Handed off"}
_OUTCOME_COLOURS = {"Completed": "#0072B2", "Failed": "#B34700", "No answer": "#7A838E"}
_RANGE = ("field", "low", "high")
_OWN = (
    "stage",
    "error",
    "attempt",
    "end_reason",
    "fault",
    "weekday",
    "hour",
    *_RANGE,
    "order",
    "page",
    "q",
    "call_id",
)


def facets() -> CallFacets:
    """The facets of the link; what cannot be used lets all pass."""
    link = st.query_params
    field = link.get("field")
    low, high = _number(link.get("low")), _number(link.get("high"))
    known = field in NUMBERS and (low is not None or high is not None)
    return CallFacets(
        stage=stage if (stage := link.get("stage")) in STAGES else None,
        error=link.get("error") or None,
        end_reason=link.get("end_reason") or None,
        fault=link.get("fault") or None,
        attempt=_whole(link.get("attempt"), 1, 1_000_000),
        weekday=_whole(link.get("weekday"), 0, 6),
        hour=_whole(link.get("hour"), 0, 23),
        field=field if known else None,
        low=low if known else None,
        high=high if known else None,
    )


def order() -> str:
    """What the list is ordered by."""
    wanted = st.query_params.get("order", "")
    return wanted if wanted in ORDERS else "start_time"


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _whole(text: str | None, least: int, most: int) -> int | None:
    value = _number(text)
    return int(value) if value is not None and value == int(value) and least <= value <= most else None


def _page() -> int:
    return _whole(st.query_params.get("page"), 1, MOST_PAGES) or 1


def change(**values: str | None) -> None:
    """A callback's action: set these of the page's own parameters, or drop them; the list begins anew."""
    for name, value in ({"page": None} | values).items():
        if value is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = value


def draw() -> None:
    """Search, facets and the list."""
    _controls()
    auto_refresh.watch()
    wanted = formats.as_typed(st.query_params.get("q", ""))
    with placeholders.guarded(speak=True), placeholders.loading("calls", LIST_HEIGHT):
        if wanted:
            _found(wanted)
        else:
            _listed()


def _controls() -> None:
    with st.container(key="call-controls", horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.text_input(
            "Search by call or lead id",
            value=st.query_params.get("q", ""),
            placeholder="call_id or lead_id, or its beginning",
            icon=":material/search:",
            label_visibility="collapsed",
            width=300,
            max_chars=256,
            key="search",
            on_change=lambda: change(q=formats.as_typed(st.session_state["search"]) or None),
        )
        if not st.query_params.get("q"):
            _choice("stage", _STAGES, "Any stage")
            _choice("error", _error_words(), "With or without errors")
            _choice("end_reason", {name: label("", name) for name in _known("end_reasons")}, "Any end")
            _choice("order", ORDERS, "", now=order())
    _chips()


def _known(name: str) -> Sequence[str]:
    try:
        return cast("list[str]", getattr(cache.ask(name, call_queries.facet_values).value, name))
    except cache.StoreAwayError:
        return []


def _error_words() -> dict[str, str]:
    return {ANY: "With an error"} | {kind: kind for kind in _known("error_types")}


def _choice(name: str, options: Mapping[str, str], everything: str, now: str | None = None) -> None:
    chosen = now or st.query_params.get(name)
    names = list(options)
    if chosen is not None and chosen not in options:
        names.append(chosen)
    key = f"choose-{name}"
    st.session_state[key] = chosen
    st.selectbox(
        label("", name),
        names,
        format_func=lambda value: options.get(value, value),
        placeholder=everything,
        index=0 if now else None,
        key=key,
        label_visibility="collapsed",
        width=185,
        on_change=lambda: change(**{name: st.session_state[key]}),
    )


def _chips() -> None:
    """What narrows the list beyond the boxes above; a click takes it away."""
    chosen = facets()
    chips: dict[str, tuple[str, ...]] = {}
    if chosen.weekday is not None:
        chips[f"on {WEEKDAYS[chosen.weekday]}"] = ("weekday",)
    if chosen.hour is not None:
        chips[f"{chosen.hour:02d}:00 to {chosen.hour:02d}:59"] = ("hour",)
    if chosen.fault is not None:
        chips[f"fault: {formats.plain(chosen.fault)}"] = ("fault",)
    if chosen.attempt is not None:
        chips[f"attempt {chosen.attempt}"] = ("attempt",)
    if chosen.field is not None:
        chips[_range_words(chosen)] = _RANGE
    if not chips:
        return
    with st.container(key="chips", horizontal=True, gap="xsmall"):
        for words, names in chips.items():
            st.button(
                words,
                icon=":material/close:",
                key=f"chip-{names[0]}",
                help="Show the others too",
                on_click=change,
                kwargs=dict.fromkeys(names),
            )


def _range_words(chosen: CallFacets) -> str:
    metric = METRICS[chosen.field or ""]
    ends = [formats.number(end, metric.unit) for end in (chosen.low, chosen.high) if end is not None]
    if len(ends) == 2:  # noqa: PLR2004 (both ends)
        return f"{metric.label} {ends[0]} to {ends[1]}"
    return f"{metric.label} {'from' if chosen.low is not None else 'below'} {ends[0]}"


def _found(wanted: str) -> None:
    answer = cache.ask(("search", wanted), call_queries.search, wanted)
    placeholders.stale(answer.stale_since)
    rows = answer.value
    if not rows:
        with st.container(border=True, key="nothing-found"):
            st.markdown("## No such call")
            st.markdown(
                f"No call_id or lead_id is **{formats.plain(wanted)}** or begins with it, at any time."
            )
            st.button("Back to the list", on_click=change, kwargs={"q": None}, icon=":material/arrow_back:")
        return
    st.caption(
        f"{len(rows):,} calls of any time whose call_id or lead_id begins with {formats.plain(wanted)}"
    )
    _table(rows)


def _listed() -> None:
    selection, zone, chosen = filters.selected(), get_settings().tz, facets()
    window = selection.window(utc_now(), zone, auto_refresh.CHARTS_EVERY)
    ordered, page = order(), _page()
    key = (selection, chosen, ordered, page)
    answer = cache.ask(key, call_queries.calls, window, selection.filters, chosen, ordered, page)
    placeholders.stale(answer.stale_since)
    found = answer.value
    if found.too_long:
        st.warning(
            "This question takes the database more than 10 s: choose a shorter period or fewer facets.",
            icon=":material/timer:",
        )
        return
    if found.archived:
        _in_the_archive(found.archived)
    if not found.count:
        if found.archived and not (chosen.chosen or selection.filters.query()):
            return
        newest = cache.ask("pulse", system_queries.pulse).value.newest_call
        if newest is None:
            placeholders.no_calls_at_all()
        elif chosen.chosen:
            _none_passes(selection.words)
        else:
            placeholders.no_calls(selection, newest)
        return
    total = f"{found.count:,}" if found.count < MOST_COUNTED else f"{MOST_COUNTED:,} or more"
    first = (page - 1) * ROWS + 1
    with st.container(key="list-head", horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{total} calls · {placeholders.span(window, zone)} {formats.zone_name(window.end, zone)} "
            f"· rows {first:,} to {first + len(found.rows) - 1:,} · a call opens with a click on its row",
            width="stretch",
        )
        _pages(page, found.count)
        csv_button(
            "calls",
            lambda: to_csv(call_queries.all_calls(window, selection.filters, chosen, ordered), zone),
            f"All calls of the list, {call_queries.MOST_IN_CSV:,} at most",
        )
    _table(found.rows)


def _in_the_archive(count: int) -> None:
    """Why a period has figures on the other pages and fewer calls here."""
    st.info(
        f"In the archive, and not in this list: {count:,} of these days. They count in every figure; "
        "each opens by its whole id.",
        icon=":material/inventory_2:",
    )


def _none_passes(words: str) -> None:
    with st.container(border=True, key="empty-facets"):
        st.markdown(f"## No such calls {words}")
        st.markdown("There is none with these facets and filters.")
        st.button(
            "Take the facets away",
            on_click=change,
            kwargs=dict.fromkeys(_OWN),
            icon=":material/filter_alt_off:",
        )


def _pages(page: int, count: int) -> None:
    last = min(-(-count // ROWS), MOST_PAGES)
    for words, icon, to in (("Before", "chevron_left", page - 1), ("Next", "chevron_right", page + 1)):
        st.button(
            words,
            icon=f":material/{icon}:",
            disabled=not 1 <= to <= last,
            on_click=change,
            kwargs={"page": str(to)},
            key=f"page-{words.lower()}",
            type="tertiary",
        )


def _table(rows: Sequence[Document]) -> None:
    st.dataframe(
        table_of(rows, get_settings().tz),
        hide_index=True,
        placeholder="",
        height=min(38 + 35 * len(rows), LIST_HEIGHT),
        key="calls-table",
        on_select=lambda: _open([str(row["_id"]) for row in rows]),
        selection_mode="single-cell",
        column_config={
            "Started": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss"),
            "Outcome": st.column_config.MultiselectColumn(
                options=list(_OUTCOME_COLOURS), color=list(_OUTCOME_COLOURS.values())
            ),
            "Cost (\N{INDIAN RUPEE SIGN})": st.column_config.NumberColumn(format="%.2f"),
            "Sentiment": st.column_config.NumberColumn(format="%+.2f"),
        },
        alt="Calls; a click on a row opens the call",
    )


def _open(ids: Sequence[str]) -> None:
    cells = st.session_state["calls-table"]["selection"]["cells"]
    if cells:
        st.query_params["call_id"] = ids[cells[0][0]]


def table_of(rows: Sequence[Document], zone: ZoneInfo) -> pd.DataFrame:
    """Stored calls as people read them; times on the wall clock of the zone."""
    return pd.DataFrame(
        [
            {
                "Started": row["start_time"].astimezone(zone).replace(tzinfo=None),
                "Call": str(row["_id"]),
                "Lead": row.get("lead_id"),
                "Outcome": [label("status", str(row.get("status") or ""))],
                "Ended by": row.get("end_reason"),
                "Direction": label("direction", str(row.get("direction") or "")),
                "Language": label("language", str(row.get("language") or "")),
                "Campaign": row.get("campaign"),
                "Attempt": row.get("attempt"),
                "Errors": ", ".join(error_types(row)) or None,
                "Duration": None
                if row.get("duration_seconds") is None
                else formats.duration(row["duration_seconds"]),
                "E2E (ms)": _rounded(row.get("e2e_latency_ms")),
                "LLM (ms)": _rounded(row.get("llm_latency_ms")),
                "ASR (ms)": _rounded(row.get("asr_latency_ms")),
                "TTS (ms)": _rounded(row.get("tts_latency_ms")),
                "Sentiment": row.get("sentiment_score"),
                "Cost (\N{INDIAN RUPEE SIGN})": rupees(row),
            }
            for row in rows
        ]
    )


def error_types(row: Mapping[str, Any]) -> list[str]:
    """The types of a stored call's errors, in the form of any schema version."""
    new = [str(error.get("type")) for error in row.get("errors") or ()]
    return new + [str(kind) for kind in row.get("error_types") or ()]


def rupees(row: Mapping[str, Any]) -> float | None:
    """What a stored call cost in all; None where nothing is known of it."""
    parts = [value for value in (row.get("cost") or {}).values() if value is not None]
    return round(sum(parts), 2) if parts else None


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def to_csv(rows: Sequence[Document], zone: ZoneInfo) -> str:
    """Stored calls as CSV, a column for each fact; times with their zone."""
    table = table_of(rows, zone)
    if rows:
        starts = [row["start_time"].astimezone(zone).isoformat(timespec="seconds") for row in rows]
        table["Started"] = starts
        table["Outcome"] = table["Outcome"].str[0]
        table["Duration"] = [row.get("duration_seconds") for row in rows]
        table["Qualified"] = [bool(row.get("qualification_completed")) for row in rows]
        table["Handed off"] = [bool(row.get("handoff_triggered")) for row in rows]
    return formats.to_csv(table.rename(columns={"Duration": "Duration (s)"}))
