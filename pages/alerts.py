"""Alerts: what fires, since when, who was notified; acknowledge, silence, history, rules, channels."""

import streamlit as st

from core.access.permissions import Permission
from dashboard import visitor
from dashboard.alerts import actions, alert_history, cards, channels, rule_editor, targets
from dashboard.panels import auto_refresh

VIEWS = ("Now", "History", "Rules", "Silences", "Channels")

actions.answer()
if not visitor.may(Permission.ACKNOWLEDGE):
    st.caption(f":material/visibility: {visitor.refusal(Permission.ACKNOWLEDGE)}; so do silences and rules.")
view = st.segmented_control(
    "View",
    VIEWS,
    default=VIEWS[0],
    required=True,
    key="view",
    bind="query-params",
    label_visibility="collapsed",
)
auto_refresh.watch()
if view == "History":
    auto_refresh.renew(alert_history.history, auto_refresh.CHARTS_EVERY)
elif view == "Rules":
    rule_editor.rules()
    targets.targets()
elif view == "Silences":
    alert_history.silences()
elif view == "Channels":
    channels.channels()
else:
    auto_refresh.renew(cards.now, auto_refresh.FIGURES_EVERY)
