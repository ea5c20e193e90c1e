"""Sources: who posts calls here, and with what result?"""

import streamlit as st

from core.clock import utc_now
from core.settings import get_settings
from dashboard import formats, placeholders
from dashboard.panels import auto_refresh
from dashboard.panels.panel import show
from dashboard.queries import cache, source_queries
from dashboard.sources import activity, deliveries, setting_up

HEIGHT = 900


def sources() -> None:
    """Draw the sources and their latest deliveries, or how to set one up."""
    with placeholders.guarded(speak=True), placeholders.loading("sources", HEIGHT):
        answer = cache.ask("sources", source_queries.sources)
        placeholders.stale(answer.stale_since)
        found, now, zone = answer.value, utc_now(), get_settings().tz
        if found.trouble:
            st.error(formats.plain(found.trouble), icon=":material/error:")
        if not found.on and not found.activity:
            setting_up.show()
            return
        show(activity.panel(found, now, zone))
        if fields := activity.unknown_fields(found):
            show(fields)
        if found.latest:
            show(deliveries.panel(found.latest, now, zone))


auto_refresh.watch()
auto_refresh.renew(sources, auto_refresh.FIGURES_EVERY)
