"""Drill-down: from a chart's point or bar, or an alert, to the calls behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from core.aggregation.search.call_search import UNKNOWN
from core.alerting.subject import calls_since, filters_of, lacking
from core.clock import in_address, utc_now, wall
from core.models.alerts import Alert, AlertState
from dashboard import filters
from dashboard.charts.time_series import WEEKDAYS
from dashboard.filters import Window

Point = Mapping[str, Any]
"""What Plotly reports about a point: x, y, point_index, curve_number."""
GO_TO = "go_to"
SPAN = ("since", "until")
SCOPED = {name: f"of_{name}" for name in filters.FILTERS}
"""URL parameters of the list's own time span and filters; the reader's stay unchanged on all pages."""
_FACETS_OF_ALERT = {
    "error_rate": {"error": "any"},
    "speech_latency": {"order": "asr_latency_ms"},
    "model_latency": {"order": "llm_latency_ms"},
}


@dataclass(frozen=True)
class CallsTarget:
    """Where to go: a page with filters and facets, and optionally a span of local time, without a zone."""

    start: datetime | None = None
    end: datetime | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    facets: Mapping[str, str] = field(default_factory=dict)
    page: str = "calls"

    @property
    def link(self) -> str:
        """Return its address relative to the other pages, with the reader's filters."""
        kept = {name: value for name, value in st.query_params.items() if name in filters.GLOBAL}
        return f"{self.page}?{urlencode({**kept, **self.parameters})}"

    @property
    def parameters(self) -> dict[str, str]:
        """Return the list's own URL parameters."""
        times = (self.start, self.end) if self.start and self.end else ()
        span = {name: in_address(at) for name, at in zip(SPAN, times, strict=False)}
        return {**span, **{SCOPED[name]: value for name, value in self.filters.items()}, **self.facets}


Drilldown = Callable[[Point], CallsTarget | None]


def buckets(
    index: pd.Index, period: Window, by: str = "", values: Sequence[str] = (), order: str = ""
) -> Drilldown:
    """Return the drill-down to a bucket of time, and to a curve's value if curves are values of a filter.

    Args:
        index: starts of the buckets.
        period: limits the calls of buckets that reach beyond it.
        by: the filter whose ``values`` the curves are, in order; "" if none.
        values: see ``by``; "" filters nothing.
        order: sorting of the list of calls.
    """
    starts = pd.DatetimeIndex(index)
    edges = [*(moment.to_pydatetime() for moment in starts), period.end]
    walls = [moment.to_pydatetime() for moment in starts.tz_localize(None)]

    def target(point: Point) -> CallsTarget | None:
        at = pd.Timestamp(str(point["x"])).to_pydatetime()
        places = [place for place, wall_at in enumerate(walls) if wall_at == at]
        if not places:
            return None
        if point.get("point_index") in places:  # one of the two hours that clocks show alike
            places = [int(point["point_index"])]
        curve = int(point["curve_number"])
        chosen = {by: values[curve]} if by and curve < len(values) and values[curve] else {}
        first, last = (
            moment.astimezone(starts.tz).replace(tzinfo=None)
            for moment in (max(edges[places[0]], period.start), edges[places[-1] + 1])
        )
        return CallsTarget(first, last, chosen, _ordered(order))

    return target


def bins(frame: pd.DataFrame, name: str) -> Drilldown:
    """Return the drill-down to a histogram bin of a field; the last bin has no upper end."""
    starts, ends = frame["start"].tolist(), frame["end"].tolist()

    def target(point: Point) -> CallsTarget | None:
        at = int(point["point_index"])
        facets = {"field": name, "low": repr(starts[at])}  # rounded, it would list other calls
        if at < len(ends) - 1:
            facets["high"] = repr(ends[at])
        return CallsTarget(facets=facets | _ordered(name))

    return target


def faults(frame: pd.DataFrame, column: str, facet: str) -> Drilldown:
    """Return the drill-down to a row's text and ``fault``; an empty fault means unknown."""
    texts, whose = frame[column].tolist(), frame["fault"].tolist()

    def target(point: Point) -> CallsTarget | None:
        at = int(point["point_index"])
        facets = {facet: texts[at]} if texts[at] else {"without": facet}
        return CallsTarget(facets=facets | {"fault": whose[at] or UNKNOWN})

    return target


def hours(facets: Mapping[str, str] | None = None, chosen: Mapping[str, str] | None = None) -> Drilldown:
    """Return the drill-down to a weekday and hour of a heat map."""

    def target(point: Point) -> CallsTarget | None:
        weekday = str(point["y"]).strip()
        if weekday not in WEEKDAYS:
            return None
        at = {"weekday": str(WEEKDAYS.index(weekday)), "hour": str(int(point["x"]))}
        return CallsTarget(filters=chosen or {}, facets=at | dict(facets or {}))

    return target


def rows(
    values: Sequence[str], by: str, facets: Mapping[str, str] | None = None, order: str = ""
) -> Drilldown:
    """Return the drill-down to the filter's value of a numbered row; "" has no list."""

    def target(point: Point) -> CallsTarget | None:
        at = round(float(point["y"]))
        if not (0 <= at < len(values) and values[at]):
            return None
        return CallsTarget(filters={by: values[at]}, facets=dict(facets or {}) | _ordered(order))

    return target


def groups(by: str, values: Sequence[str], *, upright: bool = False) -> Drilldown:
    """Return the drill-down to the value of the clicked bar; "" has no list.

    Args:
        by: a filter, or a facet.
        values: one per bar, in order.
        upright: whether the bars are vertical.
    """

    def target(point: Point) -> CallsTarget | None:
        at = round(float(point["x" if upright else "y"]))
        if not (0 <= at < len(values) and values[at]):
            return None
        one = {by: values[at]}
        return CallsTarget(filters=one) if by in filters.FILTERS else CallsTarget(facets=one)

    return target


def stages(names: Mapping[str, str], chosen: Mapping[str, str]) -> Drilldown:
    """Return the drill-down to calls that reached a funnel stage; ``names``: labels by stage."""
    stage_of = {text: stage for stage, text in names.items()}

    def target(point: Point) -> CallsTarget | None:
        stage = stage_of.get(str(point["y"]).strip())
        return CallsTarget(filters=chosen, facets={"stage": stage} if stage and stage != "dialled" else {})

    return target


def dots(by: str, values: Sequence[str], row_targets: Sequence[CallsTarget]) -> Drilldown:
    """Return the drill-down to a curve's value (of a filter, or of ``attempt``) and a dot's row."""

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
    """Callback of a chart: go to the calls behind the clicked point."""
    points = st.session_state[key]["selection"]["points"]
    target = drilldown(points[0]) if points else None
    if target is not None:
        go(target)


def go(target: CallsTarget) -> None:
    """Callback: show these calls, or the target's page at its time."""
    st.session_state[GO_TO] = target
    if target.page == "calls":
        filters.change({})
        return
    if target.start is not None and target.end is not None:
        filters.show_period(target.start, target.end)
    filters.change(target.filters)


def calls_of_alert(alert: Alert) -> CallsTarget:
    """Return the calls in question from the window in which an alert began to its end, or until now."""
    facets = _FACETS_OF_ALERT.get(alert.alert_type, {})
    without = lacking(alert)
    return _target(alert, filters_of(alert), facets | ({"without": without} if without else {}))


def time_of_alert(alert: Alert) -> CallsTarget:
    """Return Overview at the time of an alert, to see what else was unusual."""
    labelled = {name: value for name, value in filters_of(alert).items() if name in alert.labels}
    return _target(alert, labelled, page="overview")


def _target(
    alert: Alert, chosen: Mapping[str, str], facets: Mapping[str, str] | None = None, page: str = "calls"
) -> CallsTarget:
    end = alert.resolved_at if alert.state == AlertState.RESOLVED and alert.resolved_at else utc_now()
    start, last = (
        wall(moment).replace(second=0, microsecond=0)
        for moment in (calls_since(alert), end + timedelta(minutes=1))
    )
    return CallsTarget(start, last, chosen, facets or {}, page)
