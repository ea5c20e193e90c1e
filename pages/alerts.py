"""Alerts: what fires, since when, who was told; acknowledge, silence, history, rules, channels."""

import streamlit as st

from dashboard import alert_actions, alert_cards, alert_channels, alert_history, renewal, rule_editor

VIEWS = ("Now", "History", "Rules", "Silences", "Channels")

alert_actions.answer()
view = st.segmented_control(
    "View",
    VIEWS,
    default=VIEWS[0],
    required=True,
    key="view",
    bind="query-params",
    label_visibility="collapsed",
)
renewal.watch()
if view == "History":
    renewal.renew(alert_history.history, renewal.CHARTS_EVERY)
elif view == "Rules":
    rule_editor.rules()
elif view == "Silences":
    alert_history.silences()
elif view == "Channels":
    alert_channels.channels()
else:
    renewal.renew(alert_cards.now, renewal.FIGURES_EVERY)
