"""Runbooks: what to do about an alert, as docs/runbooks has it."""

import html
from urllib.parse import urlencode

import streamlit as st

from core.alerting import runbooks
from dashboard import formats

WIDTH = 860
"""Of a text that is easy to read."""

known = runbooks.titles()
chosen = st.query_params.get("name", "")
text = runbooks.page(chosen)
if text is not None:
    with st.container(border=True, key="runbook", width=WIDTH):
        st.markdown(text)
elif chosen:
    with st.container(border=True, key="no-such-runbook"):
        st.markdown("## There is no such runbook")
        st.markdown(f"None is called **{formats.plain(chosen)}**; these are there:")
elif not known:
    st.caption("The documents are not installed here: docs/runbooks of the project has them.")
others = {name: title for name, title in known.items() if name != chosen}
with st.container(key="runbooks"):
    if text is not None and others:
        st.markdown("### Other runbooks")
    links = (
        f'<li><a href="?{urlencode({"name": name})}">{html.escape(title)}</a></li>'
        for name, title in others.items()
    )
    st.html(f'<ul class="points">{"".join(links)}</ul>')
