"""The encrypted personal values of a call, shown one by one to those who may, for a reason."""

import pandas as pd
import streamlit as st
from pymongo.errors import PyMongoError

from core.access.permissions import LEAST, Permission
from core.access.reveal import LONGEST_REASON, reveal
from core.errors import UserError
from core.models.metrics import CallMetrics
from core.privacy.sensitive import WITHHELD
from core.storage import get_sync_database
from core.storage.sealing.open import protected_in
from core.storage.server.connection import unavailable_text
from dashboard import formats, visitor
from dashboard.panels.panel import page_table

_LOCKED, _LEFT_OUT = ":material/lock: encrypted", ":material/no_encryption: not stored: no encryption key"


def personal_values(call: CallMetrics) -> None:
    """List the personal values of a call, with a form to show one to those who may."""
    values = protected_in(call.metadata)
    if not values:
        return
    with st.container(border=True, key="chart-personal"):
        st.markdown("## Personal data")
        fields = [formats.plain(_name(path)) for path in values]
        shown = [_LEFT_OUT if value == WITHHELD else _LOCKED for value in values.values()]
        page_table(pd.DataFrame({"Field": fields, "Value": shown}))
        sealed = [path for path, value in values.items() if value != WITHHELD]
        if sealed and visitor.may(Permission.DECRYPT):
            _show_one(call.call_id, sealed)
        elif sealed:
            st.caption(f"Visible to the role {LEAST[Permission.DECRYPT].label}")


def _name(path: str) -> str:
    return path.removeprefix("metadata.")


def _show_one(call_id: str, paths: list[str]) -> None:
    with (
        st.popover("Show a value", icon=":material/lock_open:"),
        st.form(f"reveal-{call_id}", border=False),
    ):
        path = st.selectbox("Value", paths, format_func=_name)
        reason = st.text_input(
            "Reason",
            max_chars=LONGEST_REASON,
            placeholder="Ticket 4711",
            help="Kept in the audit log: leave out names and numbers of people",
        )
        if not st.form_submit_button("Show", icon=":material/visibility:") or path is None:
            return
        try:
            value = reveal(
                get_sync_database(),
                visitor.require(Permission.DECRYPT),
                call_id,
                path,
                formats.as_typed(reason),
            )
        except (UserError, PyMongoError) as error:
            text = unavailable_text(error) if isinstance(error, PyMongoError) else str(error)
            st.error(formats.plain(text), icon=":material/error:")
        else:
            st.code(str(value), language=None)
            st.caption("Recorded in the audit log with your reason")
