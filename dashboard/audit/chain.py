"""The part of the Audit page that verifies the log: is every entry present and unchanged?"""

from datetime import datetime

import streamlit as st

from core.access.audit.verify import Report
from core.clock import utc_now
from core.settings import get_settings
from dashboard import formats, placeholders
from dashboard.queries import audit_queries, cache

_REPORT = "audit_report"


def verified() -> None:
    """Show a button that verifies the chain, and its last result."""
    with st.container(border=True, key="chart-audit-chain", gap="small"):
        st.markdown("## Log integrity")
        st.caption(
            "Checks every entry against its seal and the entry before it, and the newest against the copy "
            "this machine keeps outside the database. Same as python -m core audit verify."
        )
        if st.button("Verify the chain", icon=":material/verified_user:", key="verify"):
            with placeholders.guarded(speak=True):
                st.session_state[_REPORT] = (utc_now(), _walked())
        if _REPORT in st.session_state:
            _found(*st.session_state[_REPORT])


def _walked() -> Report:
    bar = st.progress(0.0, "Verifying the audit log")

    def progress(what: str, done: int, total: int) -> None:
        bar.progress(min(done / total, 1.0), f"{what}: {done:,} of {total:,} entries")

    try:
        return cache.ask(utc_now(), audit_queries.verify_log, progress).value
    finally:
        bar.empty()


def _found(at: datetime, report: Report) -> None:
    verdict, *more = report.lines
    when = formats.clock(at, get_settings().tz, utc_now())
    if report.fault is None:
        st.success(f"{formats.plain(verdict)} · verified at {when}", icon=":material/check:")
    else:
        st.error(f"**{formats.plain(verdict)}** · verified at {when}", icon=":material/error:")
    st.caption(" · ".join(map(formats.plain, more)))
