"""Compliance: which calls violate the calling rules, and can we prove the others do not?"""

import streamlit as st

from core.access.permissions import Permission
from core.aggregation.compliance.evidence import evidence
from core.settings import get_settings
from dashboard import filters, formats, placeholders, theme, visitor
from dashboard.compliance import panels
from dashboard.panels import auto_refresh, board_page, boards
from dashboard.panels.panel import csv_button, show
from dashboard.queries import cache, compliance_queries
from dashboard.queries.compliance_queries import Compliance

HEIGHT = 1600


def caption(found: Compliance, window: filters.Window) -> str:
    """Return which calls the page's figures cover."""
    said = [f"{found.judged.calls:,} calls", placeholders.as_of(window, found.at, get_settings().tz)]
    if found.archived:
        said.append(f"{found.archived:,} archived calls of these days are not checked")
    return " \N{MIDDLE DOT} ".join(said)


def compliance() -> None:
    """Draw the rules, their violations over time, by campaign and one by one, and the evidence."""
    selection, window, zone = filters.selected(), board_page.window_now(), get_settings().tz
    with placeholders.guarded(speak=True), placeholders.loading("compliance", HEIGHT):
        answer = cache.ask(selection, compliance_queries.compliance, window, selection.filters)
        placeholders.stale(answer.stale_since)
        found = answer.value
        if not found.judged.calls:
            board_page.no_calls(selection)
            return
        st.caption(caption(found, window))
        show(panels.rules(found.judged))
        show(panels.over_time(boards.view_of(window, selection, theme.mode()), found.judged))
        show(panels.by_campaign(found.judged))
        if visitor.may(Permission.EXPORT_CALLS):
            csv_button(
                "compliance-evidence",
                lambda: formats.to_csv(evidence(found.judged)),
                "Every violation of the period, with its call, time, rule and the rule's source",
                visitor.later(Permission.EXPORT_CALLS),
                since=window.start.isoformat(),
                until=window.end.isoformat(),
            )
        show(panels.listed(found.judged, zone))


auto_refresh.watch()
auto_refresh.renew(compliance, auto_refresh.CHARTS_EVERY)
