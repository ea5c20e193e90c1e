"""Compare: two agent versions, campaigns, languages or periods side by side, and which is better."""

import streamlit as st

from core.aggregation.columnar.fields import fields
from core.settings import get_settings
from dashboard import filters, formats, placeholders, theme
from dashboard.compare import panels
from dashboard.compare.panels import Named
from dashboard.explore.choices import of_all_pages
from dashboard.explore.panels import value_label
from dashboard.panels import auto_refresh, board_page
from dashboard.panels.panel import grid, show
from dashboard.queries import cache, explore_queries
from dashboard.queries.explore_queries import Part, Refused

HEIGHT = 1_400
PERIOD = "Period"
COMPARED_BY = "compared-by"
"""Key of the field that the sides were last chosen of."""
VERSUS = (
    "agent_version",
    "agent",
    "campaign",
    "language",
    "provider",
    "number_series",
    "direction",
    "purpose",
)
LATENCIES_SHOWN = 2


def side_choice(key: str, words: str, values: list[str], usual: int) -> str:
    """Ask for a side: one of the values of the compared field; say if the one wanted is none of them."""
    wanted = st.session_state.get(key) or st.query_params.get(key)
    if st.session_state.get(key) not in values:
        st.session_state.pop(key, None)
    if wanted and wanted not in values and st.session_state.get(COMPARED_BY, versus) == versus:
        what = field.label.lower() if field else "value"
        st.toast(
            f"No calls of {what} {formats.plain(wanted)}: comparing {formats.plain(values[usual])}",
            icon=":material/info:",
            duration="long",
        )
    chosen = st.selectbox(words, values, index=usual, key=key, bind="query-params", width=220)
    return chosen or values[usual]


def parts() -> tuple[tuple[str, Part], ...]:
    """Return the two sides by name; fewer if there are not two to compare."""
    window, where = board_page.window_now(), of_all_pages(filters.selected())
    if field is None:
        before = Part(window.before, window.before_end, where)
        return (("Previous period", before), ("This period", Part(window.start, window.end, where)))
    values = list(dict.fromkeys(chosen))
    names = [value_label(field, value) for value in values]
    if len(set(names)) < len(names):
        names = values  # "sales" and "Sales" read alike
    return tuple(
        (name, Part(window.start, window.end, (*where, (field.key, value))))
        for name, value in zip(names, values, strict=True)
    )


def compared() -> None:
    """Draw both sides, or why they cannot be compared."""
    with placeholders.guarded(speak=True), placeholders.loading("compare", HEIGHT):
        asked = parts()
        answers = [cache.ask(asked, explore_queries.side, part).value for _, part in asked]
        if refused := next((one for one in answers if isinstance(one, Refused)), None):
            st.error(formats.plain(refused), icon=":material/error:")
            return
        sides = [
            Named(name, one)
            for (name, _), one in zip(asked, answers, strict=True)
            if not isinstance(one, Refused) and one.calls
        ]
        if len(sides) < 2:  # noqa: PLR2004 (two sides)
            nothing_to_compare()
            return
        draw(sides[0], sides[1], tuple(part for _, part in asked))


def draw(first: Named, second: Named, of: tuple[Part, ...]) -> None:
    """Draw verdicts, then latency, funnel and cost."""
    palette, zone = theme.palette_of(theme.mode()), get_settings().tz
    st.caption(placeholders.as_of(board_page.window_now(), auto_refresh.moment(), zone))
    show(panels.verdicts(first, second))
    latencies = panels.measured(first.figures, second.figures)
    drawn = []
    for name in latencies[:LATENCIES_SHOWN]:
        top = max(side.figures.spreads[name].p99 or 1.0 for side in (first, second))
        frame = cache.ask((of, name), explore_queries.spread, of, name, top).value
        if not isinstance(frame, Refused):
            drawn.append(panels.latency(name, frame, (first, second), palette))
    sides = (first, second)
    grid([*drawn, panels.funnel(sides, palette), panels.costs(sides, palette)])
    show(panels.percentiles(sides, latencies))


def nothing_to_compare() -> None:
    """Say that there are not two sides to compare, or no calls at all."""
    selection, window = filters.selected(), board_page.window_now()
    everything = Part(window.start, window.end, of_all_pages(selection))
    found = cache.ask(everything, explore_queries.side, everything).value
    if not isinstance(found, Refused) and not found.calls:
        board_page.no_calls(selection)
        return
    what = field.label.lower() if field else "period"
    with st.container(border=True, key="one-side"):
        st.markdown("## Nothing to compare with")
        st.markdown(
            f"Calls {selection.words} have only one {formats.plain(what)}, or one side has no "
            "calls. Choose a longer period, other filters or another field."
        )


known = {one.label: one for key, one in fields().items() if key in VERSUS}
with st.container(key="choices", horizontal=True, gap="small", vertical_alignment="bottom"):
    versus = st.selectbox(
        "Compare by",
        [*known, PERIOD],
        key="versus",
        bind="query-params",
        width=200,
        index=list(known).index("Agent version"),
    )
    field = known.get(versus or "")
    chosen: tuple[str, ...] = ()
    if field is not None:
        window = board_page.window_now()
        found = [value for value in explore_queries.values(window.start, window.end, field.key) if value]
        if len(found) > 1:
            # Of the two largest, the earlier version comes first.
            usual = sorted(found[:2])
            chosen = (
                side_choice("a", "First", found, found.index(usual[0])),
                side_choice("b", "Second", found, found.index(usual[1])),
            )
st.session_state[COMPARED_BY] = versus
auto_refresh.watch()
auto_refresh.renew(compared, auto_refresh.CHARTS_EVERY)
