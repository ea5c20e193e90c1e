"""What carriers and platforms report about a call, and which source reported which field."""

from collections import defaultdict
from collections.abc import Iterator

import pandas as pd
import streamlit as st

from core.aggregation.search.call_detail import WholeCall
from core.models.metrics import CallMetrics
from core.settings import get_settings
from dashboard import formats
from dashboard.filters import label
from dashboard.panels.panel import page_table

_STATES = {
    "ended": "Ended; more reports may follow",
    "lost": "Lost: it began, but its end was never reported",
    "final": "Complete",
}


def reported(whole: WholeCall) -> None:
    """Show the facts about the phone line and, with several sources, which reported which field."""
    facts = dict(_line(whole.call))
    if not facts and not whole.given_by:
        return
    with st.container(border=True, key="chart-line"):
        st.markdown("## Line and sources")
        if facts:
            page_table(pd.DataFrame({"What": list(facts), "Value": list(facts.values())}))
        if whole.alike:
            others = ", ".join(formats.plain(one) for one in whole.alike)
            st.warning(
                f"Other calls have the same carrier ID: {others}. The carrier's reports go to the call that "
                "began last.",
                icon=":material/call_split:",
            )
        if whole.given_by:
            st.caption(_STATES.get(whole.state, whole.state))
            page_table(pd.DataFrame(_by_source(whole.given_by)))


def _line(call: CallMetrics) -> Iterator[tuple[str, str]]:
    if call.answered_at is not None:
        yield "Answered", f"{call.answered_at.astimezone(get_settings().tz):%H:%M:%S}"
    for name, value in (("Rang", call.ring_seconds), ("Talk time", call.talk_seconds)):
        if value is not None:
            yield name, f"{formats.duration(value)} min"
    if call.end_time is not None and call.answered_at is not None:
        whole = (call.end_time - call.start_time).total_seconds()
        yield "Dialling to hang-up", f"{formats.duration(whole)} min"
    if call.hangup_by:
        yield "Hung up by", label("", call.hangup_by)
    texts = (
        ("Reason as reported", call.end_reason_raw),
        ("Carrier", call.telephony.provider if call.telephony else None),
        ("Number series", call.telephony.number_series if call.telephony else None),
        ("Carrier ID", call.provider_call_id),
        ("Agent", " ".join(filter(None, (call.agent, call.agent_version)))),
        ("Purpose", call.purpose),
    )
    yield from ((name, formats.plain(text)) for name, text in texts if text)


def _by_source(given_by: dict[str, str]) -> dict[str, list[str]]:
    fields: defaultdict[str, list[str]] = defaultdict(list)
    for name, source in given_by.items():
        fields[source].append(label("", name.removesuffix("_ms").removesuffix("_seconds")))
    sources = sorted(fields)
    return {
        "Reported by": [formats.plain(source) for source in sources],
        "Fields": [", ".join(sorted(fields[source])) for source in sources],
    }
