"""Drill-down: from a point of a chart, a bar or an alert to the calls behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from core.aggregation.search.call_search import UNKNOWN
from core.alerting.channels.message import FILTERS, LOOK_BACK
from core.clock import utc_now
from core.models.alerts import Alert, AlertState
from core.settings import get_settings
from dashboard import filters
from dashboard.charts.time_series import WEEKDAYS
from dashboard.filters import Window

Point = Mapping[str, Any]
"""What Plotly tells of a point: x, y, point_index, curve_number."""
GO_TO = "go_to"
SPAN = ("since", "until")
SCOPED = {name: f"of_{name}" for name in filters.FILTERS}
"""The list's own span of time and filters: those of the reader stay as they are on all pages."""
_FACETS_OF_ALERT = {
    "error_rate": {"error": "any"},
    "speech_latency": {"order": "asr_latency_ms"},
    "model_latency": {"order": "llm_latency_ms"},
}


@dataclass(frozen=True)
class CallsTarget:
    """What to show on a page: a span of local time, where there is one, with these filters and facets."""

    start: datetime | None = None
    end: datetime | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    facets: Mapping[str, str] = field(default_factory=dict)
    page: str = "calls"

    @property
    def link(self) -> str:
        """Its address, relative to that of Overview and its neighbours, with the reader's own filters."""
        kept = {name: value for name, value in st.query_params.items() if name in filters.GLOBAL}
        return f"{self.page}?{urlencode({**kept, **self.parameters})}"

    @property
    def parameters(self) -> dict[str, str]:
        """What the list's link says beside the reader's filters."""
        times = (self.start, self.end) if self.start and self.end else ()
        span = {name: at.isoformat(timespec="minutes") for name, at in zip(SPAN, times, strict=False)}
        return {**span, **{SCOPED[name]: value for name, value in self.filters.items()}, **self.facets}


Drilldown = Callable[[Point], CallsTarget | None]


def buckets(
    index: pd.Index, period: Window, by: str = "", values: Sequence[str] = (), order: str = ""
) -> Drilldown:
    """The calls of a bucket of time; of a curve's value where the curves are the values of a filter.

    Args:
        index: starts of the buckets.
        period: whose calls they are; of a bucket that reaches beyond it, the calls within.
        by: the filter whose ``values`` the curves are, in their order; "" where they are none.
        values: see ``by``; one that is no value of the filter lets all pass.
        order: what the list of calls is ordered by.
    """
    starts = pd.DatetimeIndex(index)
    first, last = (
        pd.Timestamp(moment).tz_convert(starts.tz).tz_localize(None).to_pydatetime()
        for moment in (period.start, period.end)
    )
    walls = [*(moment.to_pydatetime() for moment in starts.tz_localize(None)), last]

    def target(point: Point) -> CallsTarget | None:
        at = pd.Timestamp(str(point["x"])).to_pydatetime()
        if at not in walls[:-1]:
            return None
        place, curve = walls.index(at), int(point["curve_number"])
        chosen = {by: values[curve]} if by and curve < len(values) and values[curve] else {}
        return CallsTarget(max(at, first), walls[place + 1], chosen, _ordered(order))

    return target


def bins(frame: pd.DataFrame, name: str) -> Drilldown:
    """The calls whose value of a field lies in a bin of a histogram frame; the last bin has no upper end."""
    starts, ends = frame["start"].tolist(), frame["end"].tolist()

    def target(point: Point) -> CallsTarget | None:
        at = int(point["point_index"])
        facets = {"field": name, "low": f"{starts[at]:.9g}"}
        if at < len(ends) - 1:
            facets["high"] = f"{ends[at]:.9g}"
        return CallsTarget(facets=facets | _ordered(name))

    return target


def faults(frame: pd.DataFrame, column: str, facet: str) -> Drilldown:
    """The calls of a row of a frame with a text and whose ``fault`` it was, "" where unknown."""
    texts, whose = frame[column].tolist(), frame["fault"].tolist()

    def target(point: Point) -> CallsTarget | None:
        at = int(point["point_index"])
        facets = {facet: texts[at]} if texts[at] else {}
        return CallsTarget(facets=facets | {"fault": whose[at] or UNKNOWN})

    return target


def hours(facets: Mapping[str, str] | None = None, chosen: Mapping[str, str] | None = None) -> Drilldown:
    """The calls of a weekday and hour of a heat map."""

    def target(point: Point) -> CallsTarget | None:
        weekday = str(point["y"]).strip()
        if weekday not in WEEKDAYS:
            return None
        at = {"weekday": str(WEEKDAYS.index(weekday)), "hour": str(int(point["x"]))}
        return CallsTarget(filters=chosen or {}, facets=at | dict(facets or {}))

    return target


def rows(
    labels: Mapping[str, str], by: str, facets: Mapping[str, str] | None = None, order: str = ""
) -> Drilldown:
    """The calls of the value of a filter whose label stands at the row; ``labels``: by value."""
    value_of = {text.strip(): value for value, text in labels.items() if value}

    def target(point: Point) -> CallsTarget | None:
        value = value_of.get(str(point["y"]).strip())
        return (
            CallsTarget(filters={by: value}, facets=dict(facets or {}) | _ordered(order)) if value else None
        )

    return target


def groups(by: str, values: Sequence[str], *, upright: bool = False) -> Drilldown:
    """The calls of the value of a filter or facet whose bar was clicked; "" has no list.

    Args:
        by: the filter, or the facet where it is none.
        values: one a bar, in their order.
        upright: whether the bars stand beside each other rather than one below the other.
    """

    def target(point: Point) -> CallsTarget | None:
        at = round(float(point["x" if upright else "y"]))
        if not (0 <= at < len(values) and values[at]):
            return None
        one = {by: values[at]}
        return CallsTarget(filters=one) if by in filters.FILTERS else CallsTarget(facets=one)

    return target


def stages(names: Mapping[str, str], chosen: Mapping[str, str]) -> Drilldown:
    """The calls that got to a stage of the funnel; ``names``: labels by stage."""
    stage_of = {text: stage for stage, text in names.items()}

    def target(point: Point) -> CallsTarget | None:
        stage = stage_of.get(str(point["y"]).strip())
        return CallsTarget(filters=chosen, facets={"stage": stage} if stage and stage != "dialled" else {})

    return target


def dots(by: str, values: Sequence[str], row_targets: Sequence[CallsTarget]) -> Drilldown:
    """The calls of a curve's value (of a filter, or the facet ``attempt``) and of the row a dot lies in."""

    def target(point: Point) -> CallsTarget | None:
        row, curve = round(float(point["y"])), int(point["curve_number"])
        if not (0 <= row < len(row_targets) and curve < len(values) and values[curve]):
            return None
        of_row, one = row_targets[row], {by: values[curve]}
        if by == "attempt":
            return CallsTarget(filters=of_row.filters, facets={**of_row.facets, **one})
        return CallsTarget(filters={**of_row.filters, **one}, facets=of_row.facets)

    return target


def _ordered(order: str) -> dict[str, str]:
    return {"order": order} if order else {}


def follow(drilldown: Drilldown, key: str) -> None:
    """A chart's callback: go to the calls behind the point that was clicked."""
    points = st.session_state[key]["selection"]["points"]
    target = drilldown(points[0]) if points else None
    if target is not None:
        go(target)


def go(target: CallsTarget) -> None:
    """A callback's action: show these calls, or the page that is named at that time."""
    st.session_state[GO_TO] = target
    if target.page == "calls":
        filters.change({})
        return
    if target.start is not None and target.end is not None:
        filters.show_period(target.start, target.end)
    filters.change(target.filters)


def calls_of_alert(alert: Alert) -> CallsTarget:
    """The calls from the window before it began to its end, or until now."""
    return _target(alert, _FACETS_OF_ALERT.get(alert.alert_type, {}))


def time_of_alert(alert: Alert) -> CallsTarget:
    """The same time on Overview: how much else was not as usual, compared with the weeks before."""
    return _target(alert, {}, page="overview")


def _target(alert: Alert, facets: dict[str, str], page: str = "calls") -> CallsTarget:
    end = alert.resolved_at if alert.state == AlertState.RESOLVED and alert.resolved_at else utc_now()
    start, last = (
        moment.astimezone(get_settings().tz).replace(tzinfo=None, second=0, microsecond=0)
        for moment in (alert.started_at - LOOK_BACK, end + timedelta(minutes=1))
    )
    chosen = {name: alert.labels[name] for name in FILTERS if alert.labels.get(name)}
    return CallsTarget(start, last, chosen, facets, page)
