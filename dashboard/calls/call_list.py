"""The list of calls: search, filters, sorting, pages of rows, CSV."""

from collections.abc import Mapping, Sequence
from typing import cast
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from core.access.audit import Action, lead_token
from core.access.permissions import Permission
from core.aggregation.search.call_search import ANY
from core.clock import utc_now
from core.models.calls.parts import rupees_in_all
from core.settings import get_settings
from core.types import Document, counted
from dashboard import audited, filters, formats, placeholders, visitor
from dashboard.calls import call_table
from dashboard.calls.call_page import every_attempt
from dashboard.calls.call_table import error_types
from dashboard.calls.facets import OWN, change, chips, facets, narrowed, whole
from dashboard.calls.personal import shown_rows
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
    "cost": "Most expensive",
    "sentiment_score": "Lowest sentiment",
}
_STAGES = {"answered": "Answered", "engaged": "Engaged", "qualified": "Qualified", "handed_off": "Handed off"}


def order() -> str:
    """Return what the list is sorted by."""
    wanted = st.query_params.get("order", "")
    return wanted if wanted in ORDERS else "start_time"


def _page() -> int:
    return whole(st.query_params.get("page"), 1, MOST_PAGES) or 1


def draw() -> None:
    """Show the search, filters and list."""
    _controls()
    auto_refresh.watch()
    wanted = formats.as_typed(st.query_params.get("q", ""))
    with placeholders.guarded(speak=True), placeholders.loading("calls", LIST_HEIGHT):
        if wanted:
            _found(wanted)
        else:
            _listed()


def _controls() -> None:
    st.session_state["search"] = st.query_params.get("q", "")
    personal = visitor.may(Permission.SEE_PERSONAL)
    with st.container(key="call-controls", horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.text_input(
            "Search by call or lead id" if personal else "Search by call id",
            placeholder=f"{'call_id or lead_id' if personal else 'call_id'}, or how it starts",
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
            _choice("end_reason", {name: label("", name) for name in _known("end_reasons")}, "Any end reason")
            _choice("order", ORDERS, "", now=order())
    unset = [name for name in ("stage", "error", "end_reason") if not st.query_params.get(name)]
    filters.fold([f"choose-{name}" for name in unset])
    chips()


def _known(name: str) -> Sequence[str]:
    try:
        return cast("list[str]", getattr(cache.ask(name, call_queries.facet_values).value, name))
    except cache.StoreAwayError:
        return []


def _error_words() -> dict[str, str]:
    return {ANY: "With an error"} | {kind: label("", kind) for kind in _known("error_types")}


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


def _found(wanted: str) -> None:
    answer = cache.ask(("search", wanted), call_queries.search, wanted)
    placeholders.stale(answer.stale_since)
    personal = visitor.may(Permission.SEE_PERSONAL)
    ids = "call_id or lead_id" if personal else "call_id"
    rows = [row for row in answer.value if personal or str(row["_id"]).startswith(wanted)]
    audited.note_read(Action.SEARCHED, lead_token(wanted), found=len(rows))
    if not rows:
        with st.container(border=True, key="nothing-found"):
            st.markdown("## No matching calls")
            st.markdown(f"No {ids} starts with **{formats.plain(wanted)}**, in any period.")
            st.button("Back to the list", on_click=change, kwargs={"q": None}, icon=":material/arrow_back:")
        return
    st.caption(
        f"{counted(len(rows), 'call')}, from any period, whose {ids} starts with {formats.plain(wanted)}"
    )
    leads = {str(row["lead_id"]) for row in rows if row.get("lead_id")}
    if len(leads) == 1:
        every_attempt(str(next(row["_id"] for row in rows if row.get("lead_id"))))
    call_table.draw(shown_rows(rows), get_settings().tz, "start_time")


def _listed() -> None:
    selection, zone, chosen = narrowed(filters.selected()), get_settings().tz, facets()
    window = selection.window(utc_now(), zone, auto_refresh.CHARTS_EVERY)
    ordered, page = order(), _page()
    key = (selection, chosen, ordered, page)
    answer = cache.ask(key, call_queries.calls, window, selection.filters, chosen, ordered, page)
    placeholders.stale(answer.stale_since)
    found = answer.value
    if found.too_long:
        st.warning(
            "This search takes the database more than 10 s. Choose a shorter period or fewer filters.",
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
    total = counted(found.count, "call") if found.count < MOST_COUNTED else f"{MOST_COUNTED:,} or more calls"
    first = (found.page - 1) * ROWS + 1
    with st.container(key="list-head", horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{total} · {placeholders.as_of(window, found.at, zone)} "
            f"· rows {first:,} to {first + len(found.rows) - 1:,} · click a row to open the call",
            width="stretch",
        )
        _pages(found.page, found.count)
        if visitor.may(Permission.EXPORT_CALLS):
            csv_button(
                "calls",
                lambda: to_csv(call_queries.all_calls(window, selection.filters, chosen, ordered), zone),
                f"All listed calls, up to {call_queries.MOST_IN_CSV:,}",
                visitor.later(Permission.EXPORT_CALLS),
                since=window.start.isoformat(),
                until=window.end.isoformat(),
            )
    if visitor.may(Permission.SEE_PERSONAL):
        # In days: the period moves with each refresh, and a view is logged once in 10 minutes.
        since, until = f"{window.start:%Y-%m-%d}", f"{window.end:%Y-%m-%d}"
        audited.note_read(Action.LISTED_CALLS, "calls", since=since, until=until)
    call_table.draw(shown_rows(found.rows), zone, ordered)


def _in_the_archive(count: int) -> None:
    """Say why this list has fewer calls than the other pages count."""
    st.info(
        f"Archived calls of these days, not listed here: {count:,}. They count in every figure; search for "
        "the full ID to open one.",
        icon=":material/inventory_2:",
    )


def _none_passes(words: str) -> None:
    with st.container(border=True, key="empty-facets"):
        st.markdown(f"## No matching calls {words}")
        st.markdown("No call matches all of these filters.")
        st.button(
            "Clear these filters",
            on_click=change,
            kwargs=dict.fromkeys(OWN),
            icon=":material/filter_alt_off:",
        )


def _pages(page: int, count: int) -> None:
    last = min(-(-count // ROWS), MOST_PAGES)
    for words, icon, to in (("Previous", "chevron_left", page - 1), ("Next", "chevron_right", page + 1)):
        st.button(
            words,
            icon=f":material/{icon}:",
            disabled=not 1 <= to <= last,
            on_click=change,
            kwargs={"page": str(to)},
            key=f"page-{words.lower()}",
            type="tertiary",
        )


def table_of(rows: Sequence[Document], zone: ZoneInfo) -> pd.DataFrame:
    """Return stored calls as a readable table; times are local to the zone."""
    return pd.DataFrame(
        [
            {
                "Started": row["start_time"].astimezone(zone).replace(tzinfo=None),
                "Call": str(row["_id"]),
                "Lead": row.get("lead_id"),
                "Outcome": label("status", str(row.get("status") or "")),
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
                "Cost (\N{INDIAN RUPEE SIGN})": rupees_in_all(row.get("cost")),
            }
            for row in rows
        ]
    )


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def to_csv(rows: Sequence[Document], zone: ZoneInfo) -> str:
    """Return stored calls as CSV, one column per fact; times carry their zone."""
    table = table_of(rows, zone)
    if rows:
        starts = [row["start_time"].astimezone(zone).isoformat(timespec="seconds") for row in rows]
        table["Started"] = starts
        table["Duration"] = [row.get("duration_seconds") for row in rows]
        table["Qualified"] = [bool(row.get("qualification_completed")) for row in rows]
        table["Handed off"] = [bool(row.get("handoff_triggered")) for row in rows]
    return formats.to_csv(table.rename(columns={"Duration": "Duration (s)"}))
