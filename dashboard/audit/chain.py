"""The part of the Audit page that walks the log: is every entry there, as it was written?"""

from datetime import datetime

import streamlit as st

from core.access.audit.verify import Report
from core.clock import utc_now
from core.settings import get_settings
from dashboard import formats, placeholders
from dashboard.queries import audit_queries, cache

_REPORT = "audit_report"


def verified() -> None:
    """A button that verifies the chain, and what it found last."""
    with st.container(border=True, key="chart-audit-chain", gap="small"):
        st.markdown("## Is the log whole?")
        st.caption(
            "Compares every entry with its seal and with the one before it, and the newest with what this "
            "machine wrote down beside the database. So does python -m core audit verify."
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
