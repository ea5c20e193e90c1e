"""Overview: is everything all right now?"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.clock import utc_now
from core.settings import get_settings
from dashboard import filters, in_view, placeholders, theme
from dashboard.overview import owner, story
from dashboard.overview.active_alerts import alert_list
from dashboard.overview.signs_of_life import signs_of_life
from dashboard.panels import auto_refresh, boards, kpi_tiles
from dashboard.panels.board_page import caption, window_now
from dashboard.panels.panel import Panel, show
from dashboard.queries import alert_queries, cache, story_queries, system_queries

STORY_HEIGHT, SIGNS_HEIGHT, FIGURES_HEIGHT = 64, 120, 720


def told() -> None:
    """Draw what happened, in one sentence."""
    selection, window = filters.selected(), window_now()
    with placeholders.guarded(speak=False), placeholders.loading("story", STORY_HEIGHT):
        pulse = cache.ask("pulse", system_queries.pulse).value
        if pulse.newest_call is None:
            return
        answer = cache.ask(selection, story_queries.story, window, selection.filters)
        checked = pulse.heartbeat is not None and not pulse.heartbeat.is_silent(utc_now())
        story.draw(answer.value, window, selection, len(pulse.alerts), checked=checked)


def signs() -> None:
    """Draw signs of life and active alerts, as of now, regardless of the period."""
    selection, zone, now = filters.selected(), get_settings().tz, utc_now()
    with placeholders.guarded(speak=True), placeholders.loading("signs", SIGNS_HEIGHT):
        answer = cache.ask("pulse", system_queries.pulse)
        placeholders.stale(answer.stale_since)
        pulse = answer.value
        if pulse.newest_call is None:
            placeholders.no_calls_at_all()
            return
        window = selection.window(now, zone, auto_refresh.CHARTS_EVERY)
        fired = cache.ask(("fired", selection), alert_queries.count_fired, window.start, window.end).value
        signs_of_life(pulse, fired, selection, now, zone)
        alert_list(pulse.alerts, now, zone)


def figures() -> None:
    """Draw key figures and charts of the period, all as of one time."""
    selection, window = filters.selected(), window_now()
    with placeholders.guarded(speak=False), placeholders.loading("figures", FIGURES_HEIGHT):
        answer = cache.ask(selection, boards.overview_board, window, selection, theme.mode())
        placeholders.stale(answer.stale_since)
        board = answer.value
        if not board.panels:
            newest = cache.ask("pulse", system_queries.pulse).value.newest_call
            if newest:
                placeholders.no_calls(selection, newest)
            return
        st.caption(caption(board, window))
        now, before = board.figures.now, board.figures.before
        targets = cache.ask("targets", alert_queries.targets).value.targets
        owner.draw(now, before, board.spent, targets.get("cost.per_qualified_lead"))
        cards = (*kpi_tiles.CARDS, *kpi_tiles.latency_cards(boards.measured(now)))
        told_of = cache.ask(selection, story_queries.story, window, selection.filters).value.measure
        first = {*cache.ask("alerting", alert_queries.alerting_fields).value, told_of}
        kpi_tiles.key_figures(
            kpi_tiles.first_those_of(cards, first), now, before, selection, board.figures.course
        )
        in_view.part("overview", partial(_charts, board.panels))


def _charts(panels: Sequence[Panel], later: str) -> None:
    with st.container(key="overview-charts"):
        for panel in panels:
            show(panel, later)


auto_refresh.watch()
auto_refresh.renew(told, auto_refresh.CHARTS_EVERY)
auto_refresh.renew(signs, auto_refresh.FIGURES_EVERY)
auto_refresh.renew(figures, auto_refresh.CHARTS_EVERY)
