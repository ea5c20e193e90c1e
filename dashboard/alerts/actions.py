"""The actions of the Alerts page, and the message shown after each."""

from collections.abc import Callable
from datetime import datetime, time, timedelta

import streamlit as st
from pymongo.errors import PyMongoError

from core.access.audit import Action
from core.access.permissions import Permission
from core.alerting import actions
from core.alerting.notify import outbox
from core.clock import to_utc
from core.errors import UserError
from core.models.alerts import ACKNOWLEDGED_HOURS, Alert
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.server.connection import server_time, unavailable_text
from dashboard import audited, filters, formats, visitor
from dashboard.queries import alert_queries

SAID = "alerts_said"
WHO = "who"
SILENCE_ENDS = ("1 hour", "4 hours", "1 day", "7 days", "until …")
_LENGTHS = {
    "1 hour": timedelta(hours=1),
    "4 hours": timedelta(hours=4),
    "1 day": timedelta(days=1),
    "7 days": timedelta(days=7),
}


def attempt(
    permission: Permission,
    act: Callable[[str], object],
    done: str,
    action: Action,
    subject: str = "",
    typed: str = "",
) -> None:
    """Callback: do something to the alerts, and show the result at the top of the page.

    Args:
        permission: required; checked here again, whatever the page offered.
        act: does it, given the name of the person.
        done: message shown afterwards.
        action: for the audit log.
        subject: for the audit log; if empty, what ``act`` returned.
        typed: the name entered by the reader, used without sign-in.
    """
    try:
        who = visitor.require(permission)
        made = act(who.name if visitor.signs_in() else typed)
        audited.note(action, subject or str(made))
    except UserError as error:
        st.session_state[SAID] = (False, str(error))
    except PyMongoError as error:
        st.session_state[SAID] = (False, unavailable_text(error))
    else:
        st.session_state[SAID] = (True, done)
    alert_queries.forget_alerts()
    filters.change({})


def answer() -> None:
    """Show the result of the reader's last action, once."""
    said = st.session_state.pop(SAID, None)
    with st.container(key="answer"):  # always present, so that nothing below moves
        if said is not None:
            good, text = said
            show = st.success if good else st.error
            icon = ":material/check_circle:" if good else ":material/error:"
            show(formats.plain(text), icon=icon)
            # Whoever pressed a button far down does not see the top of the page.
            st.toast(formats.plain(text), icon=icon, duration="long")


def who(key: str) -> None:
    """Ask for the reader's name, once per session; with sign-in, show it instead."""
    if visitor.signs_in():
        st.caption(f"As {formats.plain(visitor.actor().name)}")
        return
    st.text_input("Your name", value=st.session_state.get(WHO, ""), max_chars=128, key=key, required=True)


def _name(key: str) -> str:
    name = str(st.session_state.get(key) or "").strip()
    if name:
        st.session_state[WHO] = name
    return name


def acknowledge_form(alert: Alert) -> None:
    """Show a form to acknowledge an alert."""
    if not visitor.may(Permission.ACKNOWLEDGE):
        return
    key = f"ack-{alert.id}"
    with st.popover("Acknowledge", icon=":material/front_hand:", type="tertiary", key=key):
        st.caption(
            f"Pauses reminders for {ACKNOWLEDGED_HOURS} hours, unless it gets worse or resolves first."
        )
        with st.form(f"form-{key}", border=False):
            who(f"{key}-who")
            st.text_input("Comment", max_chars=1_000, key=f"{key}-why")
            st.form_submit_button("Acknowledge", type="primary", on_click=_acknowledge, args=(alert, key))


def _acknowledge(alert: Alert, key: str) -> None:
    name, why = _name(f"{key}-who"), str(st.session_state[f"{key}-why"] or "")
    attempt(
        Permission.ACKNOWLEDGE,
        lambda by: actions.acknowledge(get_sync_database(), alert.id, by, why),
        f"{alert.name} acknowledged: no reminders for {ACKNOWLEDGED_HOURS} hours",
        Action.ACKNOWLEDGED,
        alert.id,
        name,
    )


def withdraw_button(alert: Alert) -> None:
    """Show a button to take an acknowledgement back."""
    if not visitor.may(Permission.ACKNOWLEDGE):
        return
    st.button(
        "Unacknowledge",
        key=f"withdraw-{alert.id}",
        type="tertiary",
        icon=":material/undo:",
        help="Resume reminders",
        on_click=_withdraw,
        args=(alert,),
    )


def _withdraw(alert: Alert) -> None:
    attempt(
        Permission.ACKNOWLEDGE,
        lambda by: actions.withdraw_acknowledgement(get_sync_database(), alert.id, by),
        f"Reminders of {alert.name} resume",
        Action.WITHDREW,
        alert.id,
        _known_name(),
    )


def _known_name() -> str:
    return str(st.session_state.get(WHO) or "dashboard")


def silence_form(matchers: dict[str, list[str]], key: str, *, title: str, word: str = "Silence") -> None:
    """Show a form to silence alerts with these labels for a while."""
    if not visitor.may(Permission.SILENCE):
        return
    with st.popover(word, icon=":material/notifications_off:", type="tertiary", key=key):
        st.caption(title)
        with st.form(f"form-{key}", border=False):
            who(f"{key}-who")
            st.text_input("Reason", max_chars=1_000, key=f"{key}-why", required=True)
            st.segmented_control(
                "For", SILENCE_ENDS, default=SILENCE_ENDS[0], required=True, key=f"{key}-for"
            )
            st.datetime_input(
                "End time, for “until …”",
                value=datetime.combine(datetime.now(get_settings().tz).date() + timedelta(days=1), time(9)),
                format="DD/MM/YYYY",
                key=f"{key}-until",
            )
            st.form_submit_button("Silence", type="primary", on_click=_silence, args=(matchers, key))


def _silence(matchers: dict[str, list[str]], key: str) -> None:
    length = _LENGTHS.get(st.session_state[f"{key}-for"])
    until = st.session_state[f"{key}-until"]
    name, why = _name(f"{key}-who"), str(st.session_state[f"{key}-why"] or "")

    def silence(by: str) -> str:
        database = get_sync_database()
        now = to_utc(server_time(database))  # which the checks go by; this machine's clock may be wrong
        end = now + length if length else until and until.replace(tzinfo=get_settings().tz)
        return actions.silence(database, matchers, now, end, by, why).id

    attempt(
        Permission.SILENCE,
        silence,
        "Silenced from the next check on. The only message still sent is that the alert has resolved.",
        Action.SILENCED,
        typed=name,
    )


def end_silence(silence_id: str) -> None:
    """Callback: end a silence now."""
    attempt(
        Permission.SILENCE,
        lambda _by: actions.end_silence(get_sync_database(), silence_id),
        "Silence ended. Alerts that still fire are sent at the next check.",
        Action.UNSILENCED,
        silence_id,
    )


def close(alert: Alert) -> None:
    """Callback: resolve an alert by hand."""
    attempt(
        Permission.CLOSE,
        lambda by: actions.close(get_sync_database(), alert.id, by),
        f"{alert.name} closed. It fires again if its condition still holds.",
        Action.CLOSED,
        alert.id,
        _known_name(),
    )


def send_again(row_id: str, what: str) -> None:
    """Callback: retry a message that was given up."""

    def again(_by: str) -> None:
        if not outbox.send_again(get_sync_database(), row_id):
            raise UserError("that message has already been sent again")

    attempt(
        Permission.SEND_AGAIN,
        again,
        f"{what} is back in the outbox; the scheduler sends it within seconds",
        Action.SENT_AGAIN,
        row_id,
    )
