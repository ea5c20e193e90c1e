"""The history of alerts in a period, and the silences."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.access.permissions import Permission
from core.alerting.board import HistoryLine, SilenceLine
from core.alerting.wording import label_words
from core.clock import utc_now
from core.models.silences import MATCHERS
from core.settings import get_settings
from dashboard import filters, formats, placeholders, visitor
from dashboard.alerts import actions
from dashboard.panels import auto_refresh
from dashboard.panels.panel import csv_button
from dashboard.queries import alert_queries, cache

HISTORY_HEIGHT = 520
_STANDINGS = {
    "active": ("orange", "active"),
    "to come": ("blue", "scheduled"),
    "between": ("blue", "between windows"),
    "over": ("gray", "expired"),
}


def history() -> None:
    """Show every change of every alert in the period, and who was notified."""
    selection, zone = filters.selected(), get_settings().tz
    window = selection.window(utc_now(), zone, auto_refresh.CHARTS_EVERY)
    with placeholders.guarded(speak=True), placeholders.loading("alert-history", HISTORY_HEIGHT):
        answer = cache.ask(("history", selection), alert_queries.alert_history, window.start, window.end)
        placeholders.stale(answer.stale_since)
        lines = answer.value.lines
        if not lines:
            with st.container(border=True, key="no-history"):
                st.markdown(f"## No alert activity {selection.words}")
                st.markdown("Choose a longer period above, or check that the rules are enabled.")
            return
        table = _table(lines)
        count = f"{'The newest ' * answer.value.more}{len(lines)} events"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f"{count} · {placeholders.as_of(window, answer.value.at, zone)}",
                width="stretch",
            )
            csv_button("alert_history", formats.to_csv(table))
        st.dataframe(
            table,
            hide_index=True,
            height=min(38 + 35 * len(table), HISTORY_HEIGHT),
            placeholder="",
            key="history-table",
            column_config={
                "At": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss"),
                "Message": st.column_config.TextColumn(width="large"),
            },
            alt="Alert history",
        )


def _table(lines: Sequence[HistoryLine]) -> pd.DataFrame:
    zone = get_settings().tz
    return pd.DataFrame(
        [
            {
                "At": line.at.astimezone(zone).replace(tzinfo=None),
                "Event": line.event,
                "Severity": line.severity,
                "Alert": line.name,
                "Labels": ", ".join(label_words(line.labels)),
                "Channel": line.channel,
                "By": line.author,
                "Comment": line.comment,
                "Message": line.message,
            }
            for line in lines
        ]
    )


def silences() -> None:
    """Show the silences with their status, and a form for a new one."""
    with placeholders.guarded(speak=True), placeholders.loading("silences", HISTORY_HEIGHT):
        if visitor.may(Permission.SILENCE):
            _new_silence()
        answer = cache.ask("silences", alert_queries.silences)
        placeholders.stale(answer.stale_since)
        if not answer.value:
            st.caption("No silences")
        for line in answer.value:
            _silence(line)


def _new_silence() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="new-silence"):
        st.selectbox("Silence alerts whose", MATCHERS, key="silence-label", width=150)
        st.text_input("is one of (comma separated; * matches any text)", key="silence-values", width=340)
        values = [text.strip() for text in st.session_state["silence-values"].split(",") if text.strip()]
        label = str(st.session_state["silence-label"])
        if values:
            actions.silence_form(
                {label: values},
                "silence-new",
                title=f"No messages about alerts whose {label} is {formats.plain(', '.join(values))}.",
                word="New silence",
            )


def _silence(line: SilenceLine) -> None:
    zone, at, silence = get_settings().tz, utc_now(), line.silence
    until = formats.clock(silence.end, zone, at) if silence.end else "ended by hand"
    again = f" · {silence.recurrence.words}" if silence.recurrence else ""
    colour, standing = _STANDINGS[line.standing]
    with (
        st.container(border=True, key=f"silence-row-{silence.id}"),
        st.container(horizontal=True, vertical_alignment="center"),
    ):
        st.markdown(
            f":{colour}-badge[{standing}] **{formats.plain(silence.words)}** "
            f"{formats.clock(silence.start, zone, at)} until {until} · {formats.plain(silence.comment)} "
            f"· {formats.plain(silence.author)}{again}",
            width="stretch",
        )
        if line.standing != "over" and visitor.may(Permission.SILENCE):
            st.button(
                "End now",
                key=f"end-{silence.id}",
                type="tertiary",
                icon=":material/notifications_active:",
                on_click=actions.end_silence,
                args=(silence.id,),
            )
