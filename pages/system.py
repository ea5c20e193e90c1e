"""System: can I trust these numbers?"""

import streamlit as st

from core.clock import utc_now
from core.settings import get_settings
from dashboard import filters, placeholders, theme
from dashboard.panels import auto_refresh, board_page, boards
from dashboard.panels.panel import grid, show
from dashboard.queries import cache, system_queries
from dashboard.system import health, processes, protection

TILES_HEIGHT, CHARTS_HEIGHT = 240, 1600


def tiles() -> None:
    """Draw the system's health."""
    with placeholders.guarded(speak=True), placeholders.loading("tiles", TILES_HEIGHT):
        answer = cache.ask("trust", system_queries.trust)
        placeholders.stale(answer.stale_since)
        health.tiles(answer.value, utc_now())


def charts() -> None:
    """Draw services, errors, metric definitions, database size and data protection."""
    selection, window, zone = filters.selected(), board_page.window_now(), get_settings().tz
    with placeholders.guarded(speak=False), placeholders.loading("system", CHARTS_HEIGHT):
        trust = cache.ask("trust", system_queries.trust).value
        board = cache.ask(selection, boards.system_board, window, selection, theme.mode()).value
        st.caption(board_page.caption(board, window))
        show(board.panels[0])
        grid(board.panels[1:])
        show(processes.panel(trust.health, zone))
        show(health.definitions(board.summary, trust, zone))
        left, right = st.columns(2)
        with left:
            health.check_a_day()
        with right:
            health.storage(cache.ask("storage", system_queries.storage).value, trust.health, zone)
        found = cache.ask("protection", system_queries.protected).value
        show(protection.retention(found.kept, found.profile, zone))
        show(protection.countries(found.sinks))
        show(protection.exposure(found.findings))


auto_refresh.watch()
auto_refresh.renew(tiles, auto_refresh.FIGURES_EVERY)
auto_refresh.renew(charts, auto_refresh.CHARTS_EVERY)
