"""Runbooks: what to do about an alert, as docs/runbooks has it."""

import streamlit as st

from core.alerting import runbooks
from dashboard import formats

known = runbooks.titles()
chosen = st.query_params.get("name", "")
text = runbooks.page(chosen)
if text is not None:
    with st.container(border=True, key="runbook"):
        st.markdown(text)
elif chosen:
    with st.container(border=True, key="no-such-runbook"):
        st.markdown("## There is no such runbook")
        st.markdown(f"None is called **{formats.plain(chosen)}**; these are there:")
elif not known:
    st.caption("The documents are not installed here: docs/runbooks of the project has them.")
others = [name for name in known if name != chosen]
with st.container(key="runbooks", gap="xsmall"):
    if text is not None and others:
        st.markdown("### Other runbooks")
    for name in others:
        st.page_link(
            "../pages/runbooks.py",
            label=known[name],
            icon=":material/menu_book:",
            query_params={"name": name},
        )
