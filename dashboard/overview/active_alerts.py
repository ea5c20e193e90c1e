"""The table of active alerts on Overview."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import pandas as pd
import streamlit as st

from core.alerting.wording import quantity
from core.models.alerts import Alert
from core.types import counted
from dashboard import drilldown, formats
from dashboard.drilldown import CallsTarget
from dashboard.panels.panel import csv_button, page_table
from dashboard.theme import severity_badge

MOST_SHOWN = 10
"""Rows of the table: of a rule by campaign, hundreds may fire, and the figures of the page follow below."""


def alert_list(alerts: list[Alert], now: datetime, zone: tzinfo) -> None:
    """Show the first firing alerts, each with a link to its calls, and how many more there are."""
    place = st.container(key="active-alerts", gap="xxsmall")  # always present: what follows stays in place
    if not alerts:
        return
    rows = [
        {
            "Severity": severity_badge(alert.severity),
            "Alert": f"[**{formats.plain(alert.name)}**]({drilldown.calls_of_alert(alert).link}) "
            + formats.plain(alert.message.removeprefix(f"{alert.name} ")),
            "Value": _value(alert.current_value, alert.unit),
            "Threshold": _value(alert.threshold_value, alert.unit),
            "Since": f"{formats.clock(alert.started_at, zone, now)} ({formats.ago(now - alert.started_at)})",
        }
        for alert in alerts[:MOST_SHOWN]
    ]
    with place:
        page_table(pd.DataFrame(rows))
        if more := len(alerts) - len(rows):
            words = f"{counted(more, 'more alert')} firing: see all on Alerts"
            st.markdown(f"[{words}]({CallsTarget(page='alerts').link})")
        csv_button("active_alerts", formats.to_csv(_alerts_as_data(alerts, zone)))


def _alerts_as_data(alerts: Sequence[Alert], zone: tzinfo) -> pd.DataFrame:
    columns = ["name", "severity", "message", "current_value", "threshold_value", "unit", "samples"]
    table = pd.DataFrame([alert.model_dump(include={*columns}) for alert in alerts])[columns]
    since = [alert.started_at.astimezone(zone).isoformat(timespec="seconds") for alert in alerts]
    table.insert(0, "since", since)
    return table


def _value(value: float | None, unit: str) -> str:
    return formats.NONE if value is None else formats.plain(quantity(value, unit))
