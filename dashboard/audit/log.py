"""The list of the Audit page: filters, pages of rows, CSV."""

from datetime import datetime, tzinfo

import pandas as pd
import streamlit as st

from core.access.audit import Action, Entry
from core.access.audit.reading import Wanted
from core.clock import utc_now
from core.settings import get_settings
from dashboard import audited, filters, formats, placeholders
from dashboard.drilldown import CallsTarget
from dashboard.panels import auto_refresh
from dashboard.panels.panel import csv_button, page_table
from dashboard.queries import audit_queries, cache
from dashboard.queries.audit_queries import ROWS

HEIGHT = 640
_BEFORE = "before"
"""URL parameter: the last entry number of the previous page."""
_GRAVE = {
    Action.ERASED,
    Action.RESTRICTED,
    Action.RESTORED,
    Action.EXPORTED,
    Action.DECRYPTED,
    Action.BACKED_UP,
}
_FAILED = {Action.SIGN_IN_FAILED}


def controls() -> None:
    """Show the filters by person, action and subject; the time is the period of all pages."""
    st.session_state["search"] = st.query_params.get("subject", "")
    with st.container(key="audit-controls", horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.text_input(
            "Subject",
            placeholder="call_id, lead_id, alert or rule",
            icon=":material/search:",
            label_visibility="collapsed",
            width=300,
            max_chars=256,
            key="search",
            on_change=lambda: _change(subject=formats.as_typed(st.session_state["search"]) or None),
        )
        _choice("actor", _actors(), "Anyone")
        _choice("action", [str(one) for one in Action], "Any action")


def _choice(name: str, values: list[str], everything: str) -> None:
    key, chosen = f"choose-{name}", st.query_params.get(name)
    st.session_state[key] = chosen
    st.selectbox(
        name.capitalize(),
        values if chosen is None or chosen in values else [*values, chosen],
        index=None,
        format_func=formats.words if name == "action" else str,
        placeholder=everything,
        key=key,
        label_visibility="collapsed",
        width=220,
        on_change=lambda: _change(**{name: st.session_state[key]}),
    )


def _actors() -> list[str]:
    try:
        return cache.ask("actors", audit_queries.known_actors).value
    except cache.StoreAwayError:
        return []


def _change(**values: str | None) -> None:
    """Callback: set or drop these URL parameters, and return to the first page."""
    for name, value in ({_BEFORE: None} | values).items():
        if value is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = value


def _turn(before: int | None = None) -> None:
    """Callback: go to the page after this entry, or to the newest."""
    _change(**{_BEFORE: None if before is None else str(before)})


def _before() -> int | None:
    given = st.query_params.get(_BEFORE, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) <= 15 else None  # noqa: PLR2004 (fits)


def listed() -> None:
    """Show a page of entries."""
    selection, zone, link = filters.selected(), get_settings().tz, st.query_params
    window = selection.window(utc_now(), zone, auto_refresh.CHARTS_EVERY)
    actor, action, subject = (link.get(name) or None for name in ("actor", "action", "subject"))
    wanted = Wanted(actor, action, subject, window.start, window.end)
    before = _before()
    with placeholders.guarded(speak=True), placeholders.loading("audit", HEIGHT):
        audited.note_read(Action.VIEWED_AUDIT)
        answer = cache.ask((wanted, before), audit_queries.page, wanted, before)
        placeholders.stale(answer.stale_since)
        found = answer.value
        if not found:
            _nothing(selection.words, paged=before is not None)
            return
        rows = found[:ROWS]
        with st.container(key="list-head", horizontal=True, vertical_alignment="center"):
            st.caption(
                f"{placeholders.as_of(window, utc_now(), zone)} · entries {rows[0].n:,} to {rows[-1].n:,}, "
                "newest first",
                width="stretch",
            )
            _pages(rows[-1].n if len(found) > ROWS else None, before)
            csv_button(
                "audit",
                lambda: audit_queries.as_csv(wanted),
                f"All listed entries with their hashes, up to {audit_queries.MOST_IN_CSV:,}",
            )
        with st.container(border=True, key="chart-audit"):
            page_table(pd.DataFrame([_row(one, zone, utc_now()) for one in rows]))


def _pages(last: int | None, before: int | None) -> None:
    for words, icon, to, is_on in (
        ("Newest", "first_page", None, before is not None),
        ("Older", "chevron_right", last, last is not None),
    ):
        st.button(
            words,
            icon=f":material/{icon}:",
            disabled=not is_on,
            on_click=_turn,
            args=(to,),
            key=f"page-{words.lower()}",
            type="tertiary",
        )


def _nothing(words: str, *, paged: bool) -> None:
    with st.container(border=True, key="no-entries"):
        st.markdown(f"## No entries {words}")
        st.markdown("Choose a longer period above, or clear the filters of this list.")
        if paged:
            st.button("Newest", icon=":material/first_page:", on_click=_turn, key="page-newest")


def _row(one: Entry, zone: tzinfo, now: datetime) -> dict[str, str]:
    about = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one.about.items())
    return {
        "Time": f"{formats.clock(one.at, zone, now)}{one.at.astimezone(zone)::%S}",
        "User": f"**{formats.plain(one.actor)}** · {formats.plain(one.role)}",
        "Action": _what(one.action),
        "Subject": _subject(one),
        "Details": formats.plain(about) or formats.NONE,
        "Entry": f"{one.n:,}",
    }


def _what(action: str) -> str:
    words = formats.plain(formats.words(action))
    if action in _FAILED:
        return f":red[:material/error:] {words}"
    return f":orange[:material/priority_high:] {words}" if action in _GRAVE else words


def _subject(one: Entry) -> str:
    text = formats.plain(one.subject)
    if one.action != Action.VIEWED_CALL or one.subject.startswith("call:"):
        return text or formats.NONE
    return f"[{text}]({CallsTarget(facets={'call_id': one.subject}).link})"
