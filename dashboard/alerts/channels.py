"""The notification channels, each with a test, and the messages that failed for good."""

import asyncio
from collections.abc import Sequence

import streamlit as st

from core.access.audit import Action
from core.access.permissions import Permission
from core.alerting.channels.base import Channel
from core.alerting.channels.configured import configured_channels
from core.clock import utc_now
from core.errors import UserError
from core.models.outbox import OutboxRow
from core.services.alert_service import AlertService
from core.settings import get_settings
from dashboard import audited, formats, placeholders, visitor
from dashboard.alerts import actions
from dashboard.queries import alert_queries, cache

GIVEN_UP_HEIGHT = 120
MOST_GIVEN_UP = 20
ANSWERS = "channel_answers"


def channels() -> None:
    """Show the configured channels, each with a test, and what could not be delivered."""
    try:
        known = configured_channels(get_settings())
    except UserError as error:
        st.error(formats.plain(str(error)), icon=":material/error:")
    else:
        if not known:
            _no_channel()
        for name, channel in known.items():
            _channel(name, channel)
    with placeholders.guarded(speak=True), placeholders.loading("given-up", GIVEN_UP_HEIGHT):
        answer = cache.ask("given up", alert_queries.given_up, MOST_GIVEN_UP + 1)
        placeholders.stale(answer.stale_since)
        _given_up(answer.value)


def _no_channel() -> None:
    with st.container(border=True, key="no-channel"):
        st.markdown("## No channel is set up: no one is notified")
        st.markdown(
            "Set `SMTP_SERVER` and `ALERT_EMAIL_TO` for email or `SLACK_WEBHOOK_URL` for Slack, then restart."
        )
        st.caption("Pagers and other services: see docs/channels.md.")


def _channel(name: str, channel: Channel) -> None:
    with st.container(border=True, key=f"channel-{name}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            count, taken = len(channel.recipients), channel.severities
            turn = " · in the on-call rota" if name in get_settings().alert_rota else ""
            st.markdown(
                f"**{formats.plain(name)}** · {count} recipient{'' if count == 1 else 's'} · "
                + ("all severities" if taken is None else ", ".join(sorted(taken)))
                + turn,
                width="stretch",
            )
            pressed = st.button(
                f"Test {formats.plain(name)}",
                icon=":material/send:",
                key=f"test-channel-{name}",
                disabled=not visitor.may(Permission.TEST_CHANNELS),
            )
        if pressed:
            _test(name)
        _answer(name)


def _test(name: str) -> None:
    with st.spinner("Sending; this can take 30 s if the server does not answer"):
        try:
            visitor.require(Permission.TEST_CHANNELS)
            outcome = asyncio.run(AlertService().try_channels(name))
            audited.note(Action.TESTED_CHANNEL, name)
        except UserError as error:
            st.error(formats.plain(str(error)), icon=":material/error:")
        else:
            st.session_state.setdefault(ANSWERS, {})[name] = (utc_now(), outcome.get(name, {}))


def _answer(name: str) -> None:
    """Show the result of a channel's last test, by recipient."""
    at, reasons = st.session_state.get(ANSWERS, {}).get(name, (utc_now(), {}))
    when = formats.clock(at, get_settings().tz, utc_now())
    for label, reason in reasons.items():
        color, icon = ("green", "check_circle") if reason is None else ("red", "error")
        word = "delivered" if reason is None else "failed"
        why = f"{formats.plain(reason)} · " if reason else ""
        # Beside the badge, because a badge cuts off long text on a phone.
        st.markdown(f":{color}-badge[:material/{icon}: {formats.plain(label)} {word}] {why}tested {when}")


def _given_up(rows: Sequence[OutboxRow]) -> None:
    """Show the messages that could not be delivered, each with the reason and a retry button."""
    shown = rows[:MOST_GIVEN_UP]
    with st.container(key="given-up", gap="small"):
        more = f"the newest {len(shown)}" if len(rows) > len(shown) else str(len(shown))
        st.markdown(f"## Failed deliveries · {more}" if rows else "## Failed deliveries")
        if not rows:
            st.markdown(
                ":green-badge[:material/check_circle: Every message is delivered or waiting to be sent.]"
            )
        for row in shown:
            _message(row)


def _message(row: OutboxRow) -> None:
    zone, at, told = get_settings().tz, utc_now(), row.notification
    names = ", ".join(dict.fromkeys(alert.name for alert in told.alerts[: told.news])) or "a message"
    when = formats.clock(row.done_at or told.at, zone, at)
    with st.container(border=True, key=f"dead-{row.id}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":red-badge[:material/error: Failed] **{formats.plain(names)}** · {told.event} · "
                f"to {formats.plain(row.channel)}"
                + (f", {formats.plain(row.label)}" if row.label != row.channel else ""),
                width="stretch",
            )
            st.button(
                "Send again",
                key=f"again-{row.id}",
                icon=":material/refresh:",
                type="tertiary",
                disabled=not visitor.may(Permission.SEND_AGAIN),
                on_click=actions.send_again,
                args=(row.id, names),
            )
        tries = f"{row.attempts} attempt{'' if row.attempts == 1 else 's'}"
        st.caption(f"{formats.plain(row.reason or 'no reason given')} · {tries}, last at {when}")
