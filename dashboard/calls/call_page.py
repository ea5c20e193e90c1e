"""One call: how it ended, who spoke when, what was said, log lines, errors, cost, related calls."""

import html
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.access.audit import Action, call_subject
from core.access.permissions import Permission
from core.aggregation.one_call.clock import CallClock, clock_of
from core.aggregation.one_call.ending import how_it_ended
from core.aggregation.search.call_detail import Standing, WholeCall
from core.clock import utc_now
from core.models.calls.parts import Origin, known_costs, rupees_in_all
from core.models.definitions import COST_PARTS, METRICS
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.types import counted
from dashboard import audited, formats, placeholders, theme, visitor
from dashboard.calls import facets
from dashboard.calls.call_log import log_lines
from dashboard.calls.call_sources import reported
from dashboard.calls.personal import shown_call
from dashboard.calls.sealed_values import personal_values
from dashboard.calls.transcript import turns_said
from dashboard.calls.turn_panels import clock_panel, waits_panel
from dashboard.drilldown import CallsTarget
from dashboard.filters import label
from dashboard.panels.panel import Panel, page_table, show, table_behind
from dashboard.queries import cache, call_queries

CALL_HEIGHT = 900
_OUTCOMES = {
    "completed": ("blue", "check_circle"),
    "failed": ("red", "error"),
    "no_answer": ("gray", "call_missed"),
}
SLOW_FROM = 0.95
_WEB = ("https://", "http://")
_LINKS = {
    "recording": ("Recording", "play_circle"),
    "transcript": ("Transcript", "description"),
    "trace": ("Trace", "account_tree"),
}


def draw(call_id: str) -> None:
    """Show the call, or why it cannot be shown."""
    st.button(
        "All calls",
        icon=":material/arrow_back:",
        on_click=facets.change,
        kwargs={"call_id": None},
        type="tertiary",
    )
    with placeholders.guarded(speak=True), placeholders.loading("call", CALL_HEIGHT):
        try:
            answer = cache.ask(("call", call_id), call_queries.one_call, call_id)
        except ValueError as error:
            st.error(formats.plain(str(error)), icon=":material/error:")
            return
        placeholders.stale(answer.stale_since)
        if answer.value is None:
            _missing(call_id)
            return
        shown = shown_call(answer.value)
        said = any(turn.transcript for turn in shown.turns)
        audited.note_read(
            Action.VIEWED_CALL,
            call_subject(call_id),
            log="shown" if shown.lines else None,
            transcript="masked" if said else None,
        )
        _whole(shown)


def _missing(call_id: str) -> None:
    with st.container(border=True, key="no-such-call"):
        st.markdown("## No such call")
        st.markdown(f"There is no call **{formats.plain(call_id)}** in the database or the archive.")
        st.caption("Calls are recorded when they end. Calls in progress are counted on Overview.")


def _whole(whole: WholeCall) -> None:
    call, clock = whole.call, clock_of(whole.call, whole.turns)
    theme.watch_turns()
    _head(whole)
    if whole.turns:
        _turns(whole, clock)
    if whole.unreadable_turns:
        turns = counted(whole.unreadable_turns, "turn")
        st.caption(f":material/warning: {turns} of this call cannot be read: the log says why")
    left, right = st.columns(2)
    with left:
        _standings(whole.standings, call)
        reported(whole)
    with right:
        _facts(call)
        personal_values(call)
    if visitor.may(Permission.SEE_PERSONAL):
        log_lines(whole.lines, clock)
    else:
        st.caption(
            ":material/visibility_off: Lead, metadata, links and log lines are personal: "
            f"{visitor.refusal(Permission.SEE_PERSONAL)}."
        )
    _others(whole)


def _head(whole: WholeCall) -> None:
    call, zone = whole.call, get_settings().tz
    start = call.start_time.astimezone(zone)
    st.markdown(f"## {formats.plain(call.call_id)}")
    colour, icon = _OUTCOMES[call.status]
    with st.container(key="call-head", horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(label("status", call.status), icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type] # a name of the table
        for text in _about(call):
            st.badge(formats.plain(text), color="gray")
        if whole.archived:
            st.badge("From the archive", icon=":material/inventory_2:", color="gray")
    with st.container(key="call-ending"):
        st.markdown(f"**{how_it_ended(call, whole.turns)}**")
    st.caption(
        f"{start:%a %-d %b %Y, %H:%M:%S} {formats.zone_name(call.start_time, zone)}"
        + (f" · {formats.duration(call.duration_seconds)} min" if call.duration_seconds is not None else "")
        + (f" · {_lead(call.lead_id)}" if call.lead_id else "")
    )
    _links(call)


def _turns(whole: WholeCall, clock: CallClock) -> None:
    """Show the conversation: its timeline, what was waited for, and what was said."""
    if clock.is_told:
        show(clock_panel(clock, whole.lines))
    left, right = st.columns((3, 2))
    with left:
        show(waits_panel(whole.turns, clock))
    with right:
        call_id = whole.call.call_id
        turns_said(call_id, whole.turns, clock, call_queries.transcript(call_id))


def _links(call: CallMetrics) -> None:
    """Show links to recording, transcript and trace; only http(s) addresses."""
    given = call.links.model_dump(exclude_none=True) if call.links else {}
    found = {name: given[name] for name in _LINKS if str(given.get(name, "")).lower().startswith(_WEB)}
    if not found:
        return
    with st.container(key="call-links", horizontal=True, gap="small"):
        for name, address in found.items():
            words, icon = _LINKS[name]
            st.link_button(words, address, icon=f":material/{icon}:", type="tertiary")


def _lead(lead_id: str) -> str:
    """Return the lead's name, prefixed with ``lead`` unless it already says so, as pseudonyms do."""
    return formats.plain(lead_id if lead_id.startswith(("lead-", "lead_")) else f"lead {lead_id}")


def _about(call: CallMetrics) -> Iterator[str]:
    yield label("direction", call.direction)
    yield label("language", call.language)
    if call.campaign:
        yield call.campaign
    if call.attempt:
        yield f"attempt {call.attempt}"
    if call.qualification_completed:
        yield f"qualified: {call.qualification}" if call.qualification else "qualified"
    if call.handoff_triggered:
        yield f"handed off{_handoff_words(call)}"


def _handoff_words(call: CallMetrics) -> str:
    """Return how long the lead waited for a person, and whether one answered."""
    if call.handoff_wait_seconds is None:
        return ""
    waited = f"{call.handoff_wait_seconds:,.0f} s"
    return f", answered after {waited}" if call.handoff_answered_at else f", no one answered within {waited}"


def _standings(standings: Sequence[Standing], call: CallMetrics) -> None:
    day = formats.day(call.start_time.astimezone(get_settings().tz).date())
    key, title = "standings", "Compared with that day"
    if not standings:
        show(Panel(key, title, "No duration or latency recorded"))
        return
    rows = [
        {
            "Figure": METRICS[one.field].label,
            "This call": _marked(one),
            "p50": formats.number(one.p50, METRICS[one.field].unit),
            "p95": formats.number(one.p95, METRICS[one.field].unit),
            "Higher than": f"{100 * one.below:.0f} % of {one.n:,}",
        }
        for one in standings
    ]
    table, page = pd.DataFrame([vars(one) for one in standings]), pd.DataFrame(rows)
    show(Panel(key, title, f"All calls of {day} with a value", table=table, page=page))


def _marked(one: Standing) -> str:
    text = formats.number(one.value, METRICS[one.field].unit)
    slow = one.below >= SLOW_FROM and one.field != "duration_seconds"
    return f":orange-badge[:material/warning: {text}]" if slow else f"**{text}**"


def _facts(call: CallMetrics) -> None:
    with st.container(border=True, key="chart-facts", height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown("## Errors, end and cost", width="stretch")
            table_behind("facts", _facts_table(call))
        zone = get_settings().tz
        if call.errors:
            rows = [
                {
                    "Error": f":red-badge[:material/error: {formats.plain(label('', error.type))}]",
                    "Fault": formats.plain(label("", error.fault) if error.fault else formats.NONE),
                    "At": f"{error.at.astimezone(zone):%H:%M:%S}" if error.at else formats.NONE,
                }
                for error in call.errors
            ]
            page_table(pd.DataFrame(rows))
        else:
            st.caption("No errors")
        st.markdown(" · ".join(_end_words(call)) or "No end reason recorded")
        _cost(call)


def _facts_table(call: CallMetrics) -> pd.DataFrame:
    """Return errors, end and cost as one table."""
    errors = [("Error", error.type, error.fault, error.at) for error in call.errors]
    end = [("End", call.end_reason, call.fault, call.end_time)]
    costs = [
        (f"{COST_PARTS[name]} (\N{INDIAN RUPEE SIGN})", value, None, None)
        for name, value in known_costs(_costs(call)).items()
    ]
    return pd.DataFrame([*errors, *end, *costs], columns=["What", "Value", "Fault", "At"]).astype(
        {"Value": str}
    )


def _end_words(call: CallMetrics) -> Iterator[str]:
    if call.end_reason:
        yield f"End reason: **{formats.plain(label('', call.end_reason))}**"
    if call.fault:
        yield f"fault: **{formats.plain(label('', call.fault))}**"
    if call.sentiment_score is not None:
        yield f"sentiment **{formats.number(call.sentiment_score, 'score')}**"
    if call.qualification_seconds is not None:
        yield f"qualified after **{formats.duration(call.qualification_seconds)}**"


def _costs(call: CallMetrics) -> dict[str, Any]:
    return call.cost.model_dump(exclude_none=True) if call.cost else {}


def _cost(call: CallMetrics) -> None:
    costs = _costs(call)
    origins = {str(part): one for part, one in (call.cost.origins or {}).items()} if call.cost else {}
    known, whole = known_costs(costs), rupees_in_all(costs)
    parts = [part for part in COST_PARTS if part in known or part in origins]
    if not parts:
        st.caption("No cost recorded")
        return
    rows = [{"Cost": COST_PARTS[part], "Amount": formats.number(known.get(part), "rupees")} for part in parts]
    rows.append({"Cost": "**Total**", "Amount": f"**{formats.number(whole, 'rupees')}**"})
    if origins:
        given = [_given_as(origins[part]) if part in origins else "" for part in parts]
        rows = [row | {"As reported": one} for row, one in zip(rows, [*given, ""], strict=True)]
    page_table(pd.DataFrame(rows))


def _given_as(origin: Origin) -> str:
    """Return an amount as its source reported it: ``USD 0.02 at 84``."""
    rate = f"at {origin.rate:,g}" if origin.rate is not None else "(no rate)"
    return f"{origin.currency} {origin.amount:,g} {rate}"


def every_attempt(call_id: str) -> None:
    """Show a link to the page of a call's lead, by call id so that no lead is in the URL."""
    address = html.escape(CallsTarget(page="lead", facets={"call_id": call_id}).link)
    st.html(
        f'<p class="every-attempt"><a href="{address}">Every attempt of this lead</a></p>', width="content"
    )


def _others(whole: WholeCall) -> None:
    call, zone, now = whole.call, get_settings().tz, utc_now()
    with st.container(border=True, key="chart-others"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown("## The lead's other calls", width="stretch")
            if call.lead_id is not None:
                every_attempt(call.call_id)
        if not whole.others:
            st.caption("No lead recorded" if call.lead_id is None else "This is the only call with this lead")
            return
        for row in whole.others:
            words = [
                formats.clock(row["start_time"], zone, now),
                label("direction", str(row.get("direction") or "")),
                f"attempt {row['attempt']}" if row.get("attempt") else "",
                label("status", str(row.get("status") or "")),
                formats.plain(label("", str(row.get("end_reason") or ""))),
            ]
            st.button(
                " · ".join(filter(None, dict.fromkeys(words))),
                key=f"other-{row['_id']}",
                type="tertiary",
                icon=":material/call:",
                on_click=facets.change,
                kwargs={"call_id": str(row["_id"])},
            )
        if whole.more_others:
            st.caption(f"The newest {len(whole.others)}; the lead has more: see *Every attempt of this lead*")
