"""Calls: find calls, and see one whole."""

import streamlit as st

from dashboard import call_page, calls_list

call_id = st.query_params.get("call_id", "").strip()
if call_id:
    call_page.draw(call_id)
else:
    calls_list.draw()
