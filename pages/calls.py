"""Calls: find calls, and see one whole."""

import streamlit as st

from dashboard.calls import call_list, call_page

call_id = st.query_params.get("call_id", "").strip()
if call_id:
    call_page.draw(call_id)
else:
    call_list.draw()
