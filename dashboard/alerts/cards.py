"""The alerts as they stand: what fires, waits, is silenced, or is over; each with what can be done."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from core.access.permissions import Permission
from core.alerting.board import AlertBoard, HistoryLine
from core.alerting.rota import on_call_words
from core.alerting.wording import quantity
from core.clock import utc_now
from core.models.alerts import Alert, AlertState
from core.settings import get_settings
from dashboard import drilldown, formats, placeholders, visitor
from dashboard.alerts import actions, episodes
from dashboard.drilldown import go
from dashboard.queries import alert_queries, cache
from dashboard.theme import SEVERITY_BADGES, severity_badge

NOW_HEIGHT = 420
EVENT_ICONS = {"sent": "send", "not sent": "error"}


def now() -> None:
    """All alerts by where they stand."""
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
    _section("Silenced or held back", board.silenced, "", "silenced")
    _section("Resolved in the last 7 days", resolved, "", "resolved")


def _section(title: str, alerts: Sequence[Alert], nothing: str, key: str) -> None:
    if not alerts and not nothing:
        return
    with st.container(key=f"alerts-{key}", gap="small"):
        st.markdown(f"## {title} · {len(alerts)}" if alerts else f"## {title}")
        if not alerts:
            st.markdown(f":green-badge[:material/check_circle: {nothing}]")
        for alert in alerts:
            _card(alert)


def _card(alert: Alert) -> None:
    at = utc_now()
    over = alert.state == AlertState.RESOLVED
    colour, icon, word = SEVERITY_BADGES[alert.severity]
    with st.container(border=True, key=f"alert-{alert.id}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            badge = ":green-badge[:material/check_circle: Resolved]" if over else ""
            st.markdown(
                f"{badge} :{'gray' if over else colour}-badge[{icon} {word}] **{formats.plain(alert.name)}** "
                + " ".join(f":gray-badge[{formats.plain(value)}]" for value in alert.labels.values()),
                width="stretch",
            )
            st.caption(_times(alert, at), width="content")
        st.markdown(formats.plain(alert.message) + _worst(alert))
        _state_line(alert)
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
            with st.popover(
                "Notifications", icon=":material/forum:", type="tertiary", key=f"told-{alert.id}"
            ):
                alert_id = episodes.id_of(alert)
                lines = cache.ask(("told", alert_id), alert_queries.sendings, alert_id).value
                _told(episodes.told_of(alert, lines), alert, at)


def _firing_buttons(alert: Alert) -> None:
    if alert.acknowledged is None:
        actions.acknowledge_form(alert)
    else:
        actions.withdraw_button(alert)
    actions.silence_form(
        actions.matchers_of(alert),
        f"silence-{alert.id}",
        title=f"Nothing is sent of {formats.plain(alert.name)} with these labels until then.",
    )
    if visitor.may(Permission.CLOSE):
        st.button(
            "Close",
            key=f"close-{alert.id}",
            icon=":material/close:",
            type="tertiary",
            help="End it by hand; it fires anew if its rule is still broken",
            on_click=actions.close,
            args=(alert,),
        )


def _worst(alert: Alert) -> str:
    """How bad it was: what is said last of an alert that is over is that all is well."""
    if alert.worst_value in {None, alert.current_value}:
        return ""
    return f" · at worst **{formats.plain(quantity(alert.worst_value, alert.unit))}**"


def _times(alert: Alert, at: datetime) -> str:
    zone = get_settings().tz
    since = formats.clock(alert.started_at, zone, at)
    if alert.state == AlertState.RESOLVED and alert.resolved_at:
        lasted = formats.span(alert.resolved_at - alert.started_at)
        return f"{since} to {formats.clock(alert.resolved_at, zone, at)} · lasted {lasted}"
    word = "pending since" if alert.state == AlertState.PENDING else "since"
    return f"{word} {since} · {formats.ago(at - alert.started_at)}"


def _state_line(alert: Alert) -> None:
    zone, at = get_settings().tz, utc_now()
    badges = []
    if alert.acknowledged:
        held = alert.acknowledged
        text = f"{held.author} looks after it until {formats.clock(held.until, zone, at)}"
        badges.append((":material/front_hand:", f"{text}: {held.comment}" if held.comment else text, "blue"))
    if alert.silenced_by:
        badges.append((":material/notifications_off:", "silenced", "gray"))
    if alert.inhibited_by:
        badges.append((":material/low_priority:", "inhibited by a worse alert", "gray"))
    if alert.flapping:
        badges.append((":material/sync_problem:", "flapping", "orange"))
    for channel, delivered in sorted(alert.channels.items()):
        badges.append(
            (":material/send:", f"sent by {channel}", "gray")
            if delivered
            else (":material/error:", f"not delivered to {channel}", "red")
        )
    if badges:
        st.markdown(
            " ".join(f":{colour}-badge[{icon} {formats.plain(text)}]" for icon, text, colour in badges)
        )


def _told(lines: Sequence[HistoryLine], alert: Alert, at: datetime) -> None:
    if not lines:
        st.caption("Nobody was notified: no channel was set up, or it was muted.")
        return
    for line in lines[:12]:
        icon = EVENT_ICONS.get(line.event, "info")
        when = formats.clock(line.at, get_settings().tz, at)
        verb = "sent" if line.event == "sent" else "not sent"
        over = alert.resolved_at is not None and line.at >= alert.resolved_at
        what = ":green-badge[:material/check_circle: Resolved]" if over else severity_badge(line.severity)
        st.markdown(
            f":material/{icon}: **{formats.plain(line.channel or '')}** {verb} {when} {what} "
            f"{formats.plain(line.message)}"
        )
    if len(lines) > 12:  # noqa: PLR2004 (as many as are read)
        st.caption(f"and {len(lines) - 12} more: see History")
