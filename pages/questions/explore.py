"""Explore: any measure by any field, for any calls, as chart and table; views can be saved."""

from dataclasses import replace

import streamlit as st

from core.aggregation.columnar.question import Question
from core.settings import get_settings
from dashboard import filters, formats, placeholders, theme
from dashboard.alerts import actions
from dashboard.explore import choices, panels, saved
from dashboard.explore.choices import Asked
from dashboard.panels import auto_refresh, board_page
from dashboard.panels.panel import Panel, show
from dashboard.queries import cache, explore_queries
from dashboard.queries.explore_queries import Refused

HEIGHT = 760


def explored() -> None:
    """Draw the answer as chart and table."""
    selection, window = filters.selected(), board_page.window_now()
    question = replace(asked.question, where=(*choices.of_all_pages(selection), *asked.question.where))
    with placeholders.guarded(speak=True), placeholders.loading("explore", HEIGHT):
        reply = cache.ask((selection, question), explore_queries.answered, window.start, window.end, question)
        placeholders.stale(reply.stale_since)
        answer = reply.value
        if isinstance(answer, Refused):
            st.error(formats.plain(answer), icon=":material/error:")
            return
        if not answer.calls:
            nothing(selection)
            return
        at = answer.at or auto_refresh.moment()
        st.caption(
            f"{answer.calls:,} calls \N{MIDDLE DOT} {placeholders.as_of(window, at, get_settings().tz)}"
        )
        show(panels.panel(answer, question, asked.statistic, theme.palette_of(theme.mode())))
        table = panels.shown_table(answer, question, asked.statistic)
        show(
            Panel(
                "explored-table",
                "Table",
                "Each figure with its 95 % interval and number of calls",
                page=table,
            )
        )


def nothing(selection: filters.Selection) -> None:
    """Say why there are no calls, and what to do."""
    if asked.question.where:
        st.info("No call in this period matches these filters.", icon=":material/filter_alt_off:")
        return
    board_page.no_calls(selection)


actions.answer()
with st.container(key="choices", horizontal=True, gap="small", vertical_alignment="bottom"):
    measure, statistic = choices.measure_choice()
    by = choices.field_choice()
    where = choices.filter_choice(board_page.window_now())
    saved.saved_views_button()
asked = Asked(Question(measure, by, where), statistic)
auto_refresh.watch()
auto_refresh.renew(explored, auto_refresh.CHARTS_EVERY)
