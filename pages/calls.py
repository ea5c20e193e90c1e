"""Calls: find calls, or look at one."""

import streamlit as st

from dashboard import formats
from dashboard.calls import call_list, call_page

call_id = formats.as_typed(st.query_params.get("call_id", ""))
if call_id:
    call_page.draw(call_id)
else:
    call_list.draw()
