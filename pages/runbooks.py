"""Runbooks: what to do about an alert, from docs/runbooks."""

import html
from urllib.parse import urlencode

import streamlit as st

from core.alerting import runbooks
from dashboard import formats

WIDTH = 860
"""Pixels, for lines of readable length."""

known = runbooks.titles()
chosen = st.query_params.get("name", "")
text = runbooks.page(chosen)
if text is not None:
    with st.container(border=True, key="runbook", width=WIDTH):
        st.markdown(text)
elif chosen:
    with st.container(border=True, key="no-such-runbook"):
        st.markdown("## Runbook not found")
        st.markdown(f"There is no runbook **{formats.plain(chosen)}**. Available:")
elif not known:
    st.caption("Runbooks are not installed here. Find them in docs/runbooks of the project.")
else:
    st.caption("What to check and what to do when an alert fires.")
others = {name: title for name, title in known.items() if name != chosen}
with st.container(key="runbooks"):
    if text is not None and others:
        st.markdown("### Other runbooks")
    links = (
        f'<li><a href="?{urlencode({"name": name})}">{html.escape(title)}</a></li>'
        for name, title in others.items()
    )
    st.html(f'<ul class="points">{"".join(links)}</ul>')
