"""Lead: every attempt to reach one lead, and what is allowed next."""

import streamlit as st

from dashboard import formats
from dashboard.leads import lead_page

lead_page.draw(
    formats.as_typed(st.query_params.get("lead_id", "")),
    formats.as_typed(st.query_params.get("call_id", "")),
)
