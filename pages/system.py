"""System: can I trust these numbers?"""

import streamlit as st

from core.clock import utc_now
from core.settings import get_settings
from dashboard import boards, filters, process_panel, queries, renewal, states, theme, trust_parts
from dashboard.panel import grid, show

TILES_HEIGHT, CHARTS_HEIGHT = 240, 1600


def tiles() -> None:
    """How the system is now."""
    with states.guarded(speak=True), states.loading("tiles", TILES_HEIGHT):
        answer = queries.ask("trust", queries.trust)
        states.stale(answer.stale_since)
        trust_parts.tiles(answer.value, utc_now())


def charts() -> None:
    """Services, errors, what the figures mean, and what the database holds."""
    selection, zone = filters.selected(), get_settings().tz
    window = selection.window(utc_now(), zone, renewal.CHARTS_EVERY)
    with states.guarded(speak=False), states.loading("system", CHARTS_HEIGHT):
        trust = queries.ask("trust", queries.trust).value
        board = queries.ask(selection, boards.system, window, selection, theme.mode()).value
        show(board.panels[0])
        grid(board.panels[1:])
        show(process_panel.panel(trust.health, zone))
        show(trust_parts.definitions(board.summary, trust, zone))
        left, right = st.columns(2)
        with left:
            trust_parts.check_a_day()
        with right:
            trust_parts.storage(queries.ask("storage", queries.storage).value, trust.health, zone)


renewal.watch()
renewal.renew(tiles, renewal.FIGURES_EVERY)
renewal.renew(charts, renewal.CHARTS_EVERY)
