"""One lead: every attempt to reach it, how each went, the next allowed call, and rules broken."""

import html
from collections.abc import Iterator

import pandas as pd
import streamlit as st

from core.access.audit import Action, lead_token
from core.access.permissions import Permission
from core.aggregation.compliance.next_call import OPTED_OUT, NextCall
from core.aggregation.one_call.ending import how_it_ended
from core.aggregation.search.lead_detail import Attempt, WholeLead
from core.clock import utc_now
from core.models.calls.calling_rules import CALLING_RULES
from core.models.calls.parts import rupees_in_all
from core.settings import get_settings
from dashboard import audited, formats, placeholders, visitor
from dashboard.calls.personal import shown_lead
from dashboard.drilldown import CallsTarget
from dashboard.filters import label
from dashboard.panels.panel import table_behind
from dashboard.queries import cache, call_queries

HEIGHT = 600
_NONE_YET = "Open one from the page of a call, or search for its id on Calls."


def draw(lead_id: str, call_id: str) -> None:
    """Show the lead with this id, or the lead of a call; or why there is none."""
    with placeholders.guarded(speak=True), placeholders.loading("lead", HEIGHT):
        if lead_id and not visitor.may(Permission.SEE_PERSONAL):
            _nothing("Open a lead from one of its calls", f"{visitor.refusal(Permission.SEE_PERSONAL)}.")
            return
        wanted = lead_id or _lead_of(call_id)
        if not wanted:
            what = f"Call **{formats.plain(call_id)}** names no lead. " if call_id else ""
            _nothing("No lead chosen", f"{what}{_NONE_YET}")
            return
        answer = cache.ask(("lead", wanted), call_queries.one_lead, wanted)
        placeholders.stale(answer.stale_since)
        if answer.value is None:
            shown = formats.plain(shown_lead()(wanted))
            why = f"No call with **{shown}** is in the database; archived calls are not listed here."
            _nothing("No such lead", why)
            return
        audited.note_read(Action.VIEWED_LEAD, lead_token(wanted), calls=len(answer.value.attempts))
        _whole(answer.value)


def _lead_of(call_id: str) -> str | None:
    """Return the lead of a call; None if it has none or cannot be shown."""
    if not call_id:
        return None
    try:
        found = cache.ask(("call", call_id), call_queries.one_call, call_id).value
    except ValueError:
        return None
    return found.call.lead_id if found else None


def _nothing(title: str, why: str) -> None:
    with st.container(border=True, key="no-lead"):
        st.markdown(f"## {title}")
        st.markdown(why)


def _whole(lead: WholeLead) -> None:
    st.markdown(f"## {formats.plain(shown_lead()(lead.lead_id))}")
    with st.container(key="lead-head", horizontal=True, vertical_alignment="center", gap="small"):
        for text, colour, icon in _badges(lead):
            st.badge(text, icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type] # names of Streamlit's
    zone, now = get_settings().tz, utc_now()
    first = lead.attempts[-1].call.start_time
    shown = (
        ""
        if lead.count == len(lead.attempts)
        else f" \N{MIDDLE DOT} the newest {len(lead.attempts)} are shown"
    )
    calls = f"{lead.count:,} call{'' if lead.count == 1 else 's'}"
    st.caption(
        f"{calls} since {formats.clock(first, zone, now)} {formats.zone_name(first, zone)} \N{MIDDLE DOT} "
        f"{lead.answered:,} answered{shown} \N{MIDDLE DOT} archived calls are not listed"
    )
    with st.container(key="lead-next", border=True):
        st.markdown(f":material/event: **Next call** \N{MIDDLE DOT} {formats.plain(next_words(lead.next))}")
    with st.container(border=True, key="chart-attempts"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown("## Attempts", width="stretch")
            table_behind("attempts", _table(lead))
        rows = "".join(_row(one) for one in lead.attempts)
        head = "".join(f'<th class="{name.lower()}">{words}</th>' for name, words in _COLUMNS.items())
        st.html(
            '<div class="attempts" tabindex="0" role="region" aria-label="Attempts"><table class="attempts">'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )


def _badges(lead: WholeLead) -> Iterator[tuple[str, str, str]]:
    calls = [one.call for one in lead.attempts]
    qualified = next((call for call in calls if call.qualification_completed), None)
    if qualified:
        what = f": {formats.plain(qualified.qualification)}" if qualified.qualification else ""
        yield f"Qualified{what}", "green", "check_circle"
    if any(call.handoff_triggered for call in calls):
        yield "Handed off", "blue", "support_agent"
    if lead.opted_out_at:
        yield "Opted out", "red", "block"
    if broken := sum(len(one.violations) for one in lead.attempts):
        yield f"{broken} rule violation{'' if broken == 1 else 's'}", "orange", "policy"


def next_words(allowed: NextCall) -> str:
    """Return when the lead may be called next, as a sentence without a full stop."""
    if allowed.at is None:
        return f"Not allowed: {OPTED_OUT}"
    if not allowed.reasons:
        return "No retry is scheduled; the calling rules allow one now"
    zone = get_settings().tz
    at = formats.clock(allowed.at, zone, utc_now())
    why = ", ".join(allowed.reasons)
    return f"No retry is scheduled; the calling rules allow one from {at} ({why})"


_COLUMNS = {
    "Attempt": "Attempt",
    "Started": "Started",
    "Ended": "How it ended",
    "Result": "Result",
    "Waits": "Lead waited",
    "Length": "Duration",
    "Cost": "Cost",
    "Flags": "Violations",
}
"""Column headings by CSS class."""


def _row(one: Attempt) -> str:
    cells = _cells(one)
    parts = (f'<td class="{name.lower()}">{cells[name]}</td>' for name in _COLUMNS)
    return f"<tr>{''.join(parts)}</tr>"


def _cells(one: Attempt) -> dict[str, str]:
    call, zone = one.call, get_settings().tz
    start, cost = call.start_time.astimezone(zone), rupees_in_all(_costs(one))
    address = html.escape(CallsTarget(facets={"call_id": call.call_id}).link)
    number = f"Attempt {call.attempt}" if call.attempt else label("direction", call.direction)
    return {
        "Attempt": f'<a href="{address}">{_text(number)}</a><small>{_text(call.call_id)}</small>',
        "Started": f"{start:%H:%M:%S}<small>{start:%a %-d %b %Y}</small>",
        "Ended": f"{_text(how_it_ended(call))}<small>{_text(label('status', call.status))}</small>",
        "Result": " \N{MIDDLE DOT} ".join(_results(one)),
        "Waits": _waited(one),
        "Length": "" if call.duration_seconds is None else formats.duration(call.duration_seconds),
        "Cost": "" if cost is None else formats.rupees(cost),
        "Flags": "<br>".join(_text(CALLING_RULES[key].label) for key in one.violations),
    }


def _costs(one: Attempt) -> dict[str, float] | None:
    return one.call.cost.model_dump(exclude_none=True) if one.call.cost else None


def _results(one: Attempt) -> Iterator[str]:
    if one.call.qualification_completed:
        yield "Qualified"
    if one.call.handoff_triggered:
        yield "Handed off"


def _waited(one: Attempt) -> str:
    """Return the mean and longest wait of the turns; without turns, the mean the call reports."""
    if one.waits:
        said = f"{one.waits.mean:,.0f} ms<small>longest {one.waits.longest:,.0f} ms</small>"
    else:
        mean = one.call.e2e_latency_ms
        said = "" if mean is None else f"{mean:,.0f} ms"
    quiet = one.longest_silence
    return said if quiet is None else f"{said}<small>silence {quiet:,.1f} s</small>"


def _text(text: str) -> str:
    return html.escape(formats.straight(text))


def _table(lead: WholeLead) -> pd.DataFrame:
    zone = get_settings().tz
    return pd.DataFrame(
        [
            {
                "Call": one.call.call_id,
                "Started": one.call.start_time.astimezone(zone).isoformat(timespec="seconds"),
                "Attempt": one.call.attempt,
                "Direction": one.call.direction,
                "Outcome": one.call.status,
                "How it ended": how_it_ended(one.call),
                "Qualified": one.call.qualification_completed,
                "Handed off": one.call.handoff_triggered,
                "Mean wait (ms)": one.waits.mean if one.waits else one.call.e2e_latency_ms,
                "Longest wait (ms)": one.waits.longest if one.waits else None,
                "Longest silence (s)": one.longest_silence,
                "Duration (s)": one.call.duration_seconds,
                "Cost (\N{INDIAN RUPEE SIGN})": rupees_in_all(_costs(one)),
                "Violations": ", ".join(one.violations),
            }
            for one in lead.attempts
        ]
    ).round(1)
