"""The question on Explore: which measure, by which field, for which calls. All of it is in the URL."""

from dataclasses import dataclass

import streamlit as st

from core.access.permissions import Permission
from core.aggregation.columnar.fields import METADATA, Field, Where, fields
from core.aggregation.columnar.question import EVERYTHING, Question
from core.models.definitions import METRICS
from dashboard import filters, visitor
from dashboard.explore import readings
from dashboard.filters import Selection, Window
from dashboard.queries import cache, call_queries, explore_queries

BY_LABEL = {metric.label: key for key, metric in METRICS.items()}
NOTHING = "Nothing"
DEFAULT_MEASURE, DEFAULT_FIELD = "Qualification rate", "Language"
_BETWEEN = ": "


@dataclass(frozen=True)
class Asked:
    """A question, and which statistic of its answer to show."""

    question: Question
    statistic: str


def known_fields() -> dict[str, Field]:
    """Return the fields the reader may group by; metadata requires permission to see personal data."""
    personal = visitor.may(Permission.SEE_PERSONAL)
    return {key: one for key, one in fields().items() if personal or not key.startswith(METADATA)}


def measure_choice() -> tuple[str, str]:
    """Ask for the measure, and for the statistic if it has several."""
    chosen = st.selectbox(
        "Measure",
        list(BY_LABEL),
        index=list(BY_LABEL).index(DEFAULT_MEASURE),
        key="measure",
        bind="query-params",
        width=210,
    )
    measure = BY_LABEL[chosen or DEFAULT_MEASURE]
    known = readings.statistics(measure)
    if not known:
        return measure, ""
    figure = st.selectbox("Figure", list(known.values()), key="statistic", bind="query-params", width=150)
    return measure, next((key for key, label in known.items() if label == figure), next(iter(known)))


def field_choice() -> str:
    """Ask for the field to group by."""
    known = {one.label: key for key, one in known_fields().items()}
    labels = [*known, NOTHING]
    chosen = st.selectbox(
        "Group by", labels, index=labels.index(DEFAULT_FIELD), key="split", bind="query-params", width=180
    )
    return known.get(chosen or DEFAULT_FIELD, EVERYTHING)


def filter_choice(window: Window) -> Where:
    """Ask for more filters: field and value pairs, added in a popover and removed by their x."""
    known = known_fields()
    if (added := st.session_state.pop("add-only", None)) is not None:
        st.session_state["only"] = [*dict.fromkeys([*st.session_state.get("only", []), added])]
    given = [*st.session_state.get("only", []), *st.query_params.get_all("only")]
    options = [text for text in dict.fromkeys(given) if _pair(text, known)]
    chosen = st.multiselect(
        "Only calls with", options, key="only", bind="query-params", placeholder="All", width=260
    )
    with st.popover(
        "Add a filter", icon=":material/filter_alt:", key="add-filter", on_change="rerun"
    ) as opened:
        if opened.open:
            _add(window, known)
    return tuple(_meant(*pair) for text in chosen if (pair := _pair(text, known)))


def _meant(field: str, value: str) -> tuple[str, str]:
    """Return a filter with a language under the name it is stored by, however it was typed."""
    if field != "language":
        return field, value
    try:
        known = cache.ask(field, call_queries.languages).value
    except cache.StoreAwayError:
        return field, value  # the panels below say that the database is away
    return field, filters.meant_language(value, known)


def _add(window: Window, known: dict[str, Field]) -> None:
    by_label = {one.label: key for key, one in known.items() if key != "day"}
    field = st.selectbox("Field", list(by_label), key="filter-field")
    values = explore_queries.values(window.start, window.end, by_label[field])
    value = st.selectbox(
        "Value",
        values,
        format_func=lambda one: one or "not set",
        key="filter-value",
        accept_new_options=True,
        help="Pick one of the most frequent values, or type another",
    )
    if st.button("Add", type="primary", key="filter-add", disabled=value is None):
        st.session_state["add-only"] = f"{field}{_BETWEEN}{value}"
        st.rerun()


def _pair(text: str, known: dict[str, Field]) -> tuple[str, str] | None:
    """Return ``Carrier: exotel`` as field and value; None if there is no such field."""
    for one in known.values():
        # Order would only matter for labels with a colon, which only metadata can have.
        if text.startswith(one.label + _BETWEEN):
            return one.key, text.removeprefix(one.label + _BETWEEN)
    return None


def of_all_pages(selection: Selection) -> Where:
    """Return the filters shared by all pages."""
    return tuple(sorted(selection.filters.query().items()))
