"""The current alerts (firing, pending, silenced, resolved), each with its actions."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

import streamlit as st

from core.access.permissions import Permission
from core.alerting import runbooks, wording
from core.alerting.board import AlertBoard
from core.alerting.notify.muting import matchers_of
from core.alerting.rota import on_call_words
from core.alerting.wording import quantity
from core.clock import utc_now
from core.models.alerts import Alert, AlertState
from core.settings import get_settings
from dashboard import drilldown, formats, placeholders, visitor
from dashboard.alerts import actions, episodes
from dashboard.alerts.timeline import timeline
from dashboard.charts import alert_course
from dashboard.drilldown import go
from dashboard.queries import alert_queries, cache
from dashboard.theme import SEVERITY_BADGES, mode, palette_of

NOW_HEIGHT = 420
MOST_CHARTS = 12
"""Alerts per section that get a chart."""
CARDS_AT_ONCE = 20
"""Alerts per section that get a card until the reader asks for more: each has forms of its own, and all are
drawn anew every few seconds. Of a rule by campaign, hundreds may fire at once."""


def now() -> None:
    """Show all alerts by state."""
    with placeholders.guarded(speak=True), placeholders.loading("alerts", NOW_HEIGHT):
        answer = cache.ask("alerts", alert_queries.alert_board)
        placeholders.stale(answer.stale_since)
        lines = cache.ask("episodes", alert_queries.recent_history).value
        _board(answer.value, episodes.over(lines, answer.value.resolved, utc_now()))


def _board(board: AlertBoard, resolved: Sequence[Alert]) -> None:
    if (words := on_call_words(get_settings(), utc_now())) is not None:
        st.caption(f":material/support_agent: On call: {formats.plain(words)}")
    _section("Firing", board.active, "No alerts firing", "firing")
    _section("Pending", board.pending, "", "pending")
    _section("Silenced or inhibited", board.silenced, "", "silenced")
    _section("Resolved in the last 7 days", resolved, "", "resolved")


def _section(title: str, alerts: Sequence[Alert], nothing: str, key: str) -> None:
    if not alerts and not nothing:
        return
    with st.container(key=f"alerts-{key}", gap="small"):
        st.markdown(f"## {title} · {len(alerts)}" if alerts else f"## {title}")
        if not alerts:
            st.markdown(f":green-badge[:material/check_circle: {nothing}]")
        shown = int(st.session_state.get(f"shown-{key}", CARDS_AT_ONCE))
        for number, alert in enumerate(alerts[:shown]):
            _card(alert, charted=number < MOST_CHARTS)
        if (left := len(alerts) - shown) > 0:
            st.button(
                f"Show {min(left, CARDS_AT_ONCE)} more of {left}",
                key=f"more-{key}",
                icon=":material/expand_more:",
                type="tertiary",
                on_click=_show_more,
                args=(key, shown),
            )


def _show_more(key: str, shown: int) -> None:
    st.session_state[f"shown-{key}"] = shown + CARDS_AT_ONCE


def _card(alert: Alert, *, charted: bool) -> None:
    at = utc_now()
    over = alert.state == AlertState.RESOLVED
    colour, icon, word = SEVERITY_BADGES[alert.severity]
    with st.container(border=True, key=f"alert-{alert.id}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            badge = ":green-badge[:material/check_circle: Resolved]" if over else ""
            st.markdown(
                f"{badge} :{'gray' if over else colour}-badge[{icon} {word}] **{formats.plain(alert.name)}** "
                + " ".join(
                    f":gray-badge[{formats.plain(words)}]" for words in wording.label_words(alert.labels)
                ),
                width="stretch",
            )
            st.caption(_times(alert, at), width="content")
        st.markdown(formats.plain(alert.message) + _worst(alert))
        _state_line(alert)
        if charted:
            _chart(alert, at)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            for words, key, icon, target in (
                ("View calls", "calls", "call", drilldown.calls_of_alert),
                ("View charts", "charts", "dashboard", drilldown.time_of_alert),
            ):
                st.button(
                    words,
                    key=f"{key}-{alert.id}",
                    icon=f":material/{icon}:",
                    type="tertiary",
                    on_click=go,
                    args=(target(alert),),
                )
            if alert.state == AlertState.FIRING:
                _firing_buttons(alert)
            timeline(alert, at)
        _runbook(alert)


def _chart(alert: Alert, at: datetime) -> None:
    """Chart the value against its threshold around the time of the alert."""
    found = cache.ask(("course", alert.id), alert_queries.alert_course, alert, episodes.id_of(alert)).value
    if found is None:
        return
    palette, zone = palette_of(mode()), get_settings().tz
    colour = palette.severities[alert.severity]
    st.html(alert_course.image(found, colour, palette, zone, at))
    st.caption(f"{alert_course.in_words(found, zone, at)} (dashed) · shaded: firing")


def _runbook(alert: Alert) -> None:
    """Show the runbook in place if it is one of ours, else a link to it."""
    rule = alert_queries.rule_of(alert)
    where = None if rule is None else wording.runbook(rule)
    if where is None:
        return
    found = runbooks.in_place(where)
    if found is not None:
        title, text = found
        with st.expander(
            f"Runbook: {title}", icon=":material/menu_book:", key=f"runbook-{alert.id}", on_change="rerun"
        ) as opened:
            if opened.open:
                st.markdown(text)
    elif urlsplit(where).scheme in {"http", "https"}:
        st.link_button("Runbook", where, icon=":material/menu_book:", type="tertiary")


def _firing_buttons(alert: Alert) -> None:
    if alert.held(utc_now()):
        actions.withdraw_button(alert)
    else:
        actions.acknowledge_form(alert)
    actions.silence_form(
        matchers_of(alert),
        f"silence-{alert.id}",
        title=f"No messages about {formats.plain(alert.name)} with these labels until then.",
    )
    if visitor.may(Permission.CLOSE):
        st.button(
            "Close",
            key=f"close-{alert.id}",
            icon=":material/close:",
            type="tertiary",
            help="Resolve it by hand; it fires again if its condition still holds",
            on_click=actions.close,
            args=(alert,),
        )


def _worst(alert: Alert) -> str:
    """Return the worst value: the message of a resolved alert only says that all is well."""
    if alert.worst_value in {None, alert.current_value}:
        return ""
    return f" · worst: **{formats.plain(quantity(alert.worst_value, alert.unit))}**"


def _times(alert: Alert, at: datetime) -> str:
    zone = get_settings().tz
    since = formats.clock(alert.started_at, zone, at)
    if alert.state == AlertState.RESOLVED and alert.resolved_at:
        lasted = formats.lasted(alert.resolved_at - alert.started_at)
        return f"{since} to {formats.until(alert.resolved_at, alert.started_at, zone, at)} · lasted {lasted}"
    word = "pending since" if alert.state == AlertState.PENDING else "since"
    return f"{word} {since} · {formats.ago(at - alert.started_at)}"


def _state_line(alert: Alert) -> None:
    zone, at = get_settings().tz, utc_now()
    badges = []
    if (held := alert.acknowledged) is not None and at < held.until:
        text = f"acknowledged by {held.author} until {formats.clock(held.until, zone, at)}"
        badges.append((":material/front_hand:", f"{text}: {held.comment}" if held.comment else text, "blue"))
    if alert.silenced_by:
        badges.append((":material/notifications_off:", "silenced", "gray"))
    if alert.inhibited_by:
        badges.append((":material/low_priority:", "inhibited by another alert", "gray"))
    if alert.flapping:
        badges.append((":material/sync_problem:", "flapping", "orange"))
    for channel, delivered in sorted(alert.channels.items()):
        badges.append(
            (":material/send:", f"sent to {channel}", "gray")
            if delivered
            else (":material/error:", f"not delivered to {channel}", "red")
        )
    if badges:
        st.markdown(
            " ".join(f":{colour}-badge[{icon} {formats.plain(text)}]" for icon, text, colour in badges)
        )
