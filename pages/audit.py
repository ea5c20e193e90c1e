"""Audit: who viewed, exported, changed or erased what, and is the log intact?"""

import streamlit as st

from core.access.permissions import Permission
from dashboard import visitor
from dashboard.audit import chain, log
from dashboard.panels import auto_refresh

if not visitor.may(Permission.SEE_AUDIT):
    st.error("Only admins can read the audit log.", icon=":material/lock:")
else:
    log.controls()
    auto_refresh.watch()
    auto_refresh.renew(log.listed, auto_refresh.FIGURES_EVERY)
    chain.verified()
