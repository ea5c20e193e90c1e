"""Analytics: how do calls, outcomes, latencies and callers' moods develop?"""

import streamlit as st

from core.clock import utc_now
from core.settings import get_settings
from dashboard import boards, filters, formats, queries, renewal, states, theme
from dashboard.panel import show

PAGE_HEIGHT = 1600


def analysis() -> None:
    """All panels, two a row."""
    selection, zone, now = filters.selected(), get_settings().tz, utc_now()
    window = selection.window(now, zone, renewal.CHARTS_EVERY)
    with states.guarded(speak=True), states.loading("analysis", PAGE_HEIGHT):
        answer = queries.ask(selection, boards.analytics, window, selection, theme.mode())
        states.stale(answer.stale_since)
        board = answer.value
        if not board.panels:
            newest = queries.ask("pulse", queries.pulse).value.newest_call
            if newest:
                states.no_calls(selection, newest)
            else:
                states.no_calls_at_all()
            return
        total = formats.number(board.summary.total_calls, "calls")
        st.caption(f"{total} calls · {states.span(window, zone)} {formats.zone_name(now, zone)}")
        for left, right in zip(board.panels[::2], board.panels[1::2], strict=True):
            for column, panel in zip(st.columns(2), (left, right), strict=True):
                with column:
                    show(panel)


renewal.watch()
renewal.renew(analysis, renewal.CHARTS_EVERY)
