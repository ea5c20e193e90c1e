"""From a point or bar of a chart to the calls behind it: what a click on it means."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from core.aggregation.find import UNKNOWN
from dashboard import filters
from dashboard.charts import WEEKDAYS

Point = Mapping[str, Any]
"""What Plotly tells of a point: x, y, point_index, curve_number."""
GO_TO = "go_to"


@dataclass(frozen=True)
class Aim:
    """What to show on a page: a span of local time, where there is one, with these filters and facets."""

    start: datetime | None = None
    end: datetime | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    facets: Mapping[str, str] = field(default_factory=dict)
    page: str = "calls"

    @property
    def link(self) -> str:
        """Its address, relative to that of Overview and its neighbours."""
        times = {"from": self.start, "to": self.end} if self.start and self.end else {}
        link = {name: moment.isoformat(timespec="minutes") for name, moment in times.items()}
        period = {"period": filters.CUSTOM} if link else {}
        return f"{self.page}?{urlencode({**period, **link, **self.filters, **self.facets})}"


Reach = Callable[[Point], Aim | None]


def buckets(
    index: pd.Index, end: datetime, by: str = "", values: Sequence[str] = (), order: str = ""
) -> Reach:
    """The calls of a bucket of time; of a curve's value where the curves are the values of a filter.

    Args:
        index: starts of the buckets.
        end: of the period.
        by: the filter whose ``values`` the curves are, in their order; "" where they are none.
        values: see ``by``; one that is no value of the filter lets all pass.
        order: what the list of calls is ordered by.
    """
    starts = pd.DatetimeIndex(index)
    local_end = pd.Timestamp(end).tz_convert(starts.tz).tz_localize(None)
    walls = [moment.to_pydatetime() for moment in [*starts.tz_localize(None), local_end]]

    def reach(point: Point) -> Aim | None:
        at = pd.Timestamp(str(point["x"])).to_pydatetime()
        if at not in walls[:-1]:
            return None
        place, curve = walls.index(at), int(point["curve_number"])
        chosen = {by: values[curve]} if by and curve < len(values) and values[curve] else {}
        return Aim(at, walls[place + 1], chosen, _ordered(order))

    return reach


def bins(frame: pd.DataFrame, name: str) -> Reach:
    """The calls whose value of a field lies in a bin of a histogram frame; the last bin has no upper end."""
    starts, ends = frame["start"].tolist(), frame["end"].tolist()

    def reach(point: Point) -> Aim | None:
        at = int(point["point_index"])
        facets = {"field": name, "low": f"{starts[at]:.9g}"}
        if at < len(ends) - 1:
            facets["high"] = f"{ends[at]:.9g}"
        return Aim(facets=facets | _ordered(name))

    return reach


def faults(frame: pd.DataFrame, column: str, facet: str) -> Reach:
    """The calls of a row of a frame with a text and whose ``fault`` it was, "" where unknown."""
    texts, whose = frame[column].tolist(), frame["fault"].tolist()

    def reach(point: Point) -> Aim | None:
        at = int(point["point_index"])
        facets = {facet: texts[at]} if texts[at] else {}
        return Aim(facets=facets | {"fault": whose[at] or UNKNOWN})

    return reach


def hours(facets: Mapping[str, str] | None = None, chosen: Mapping[str, str] | None = None) -> Reach:
    """The calls of a weekday and hour of a heat map."""

    def reach(point: Point) -> Aim | None:
        weekday = str(point["y"]).strip()
        if weekday not in WEEKDAYS:
            return None
        at = {"weekday": str(WEEKDAYS.index(weekday)), "hour": str(int(point["x"]))}
        return Aim(filters=chosen or {}, facets=at | dict(facets or {}))

    return reach


def rows(
    labels: Mapping[str, str], by: str, facets: Mapping[str, str] | None = None, order: str = ""
) -> Reach:
    """The calls of the value of a filter whose label stands at the row; ``labels``: by value."""
    value_of = {text.strip(): value for value, text in labels.items() if value}

    def reach(point: Point) -> Aim | None:
        value = value_of.get(str(point["y"]).strip())
        return Aim(filters={by: value}, facets=dict(facets or {}) | _ordered(order)) if value else None

    return reach


def stages(names: Mapping[str, str], chosen: Mapping[str, str]) -> Reach:
    """The calls that got to a stage of the funnel; ``names``: labels by stage."""
    stage_of = {text: stage for stage, text in names.items()}

    def reach(point: Point) -> Aim | None:
        stage = stage_of.get(str(point["y"]).strip())
        return Aim(filters=chosen, facets={"stage": stage} if stage and stage != "dialled" else {})

    return reach


def dots(by: str, values: Sequence[str], row_aims: Sequence[Aim]) -> Reach:
    """The calls of a curve's value (of a filter, or the facet ``attempt``) and of the row a dot lies in."""

    def reach(point: Point) -> Aim | None:
        row, curve = round(float(point["y"])), int(point["curve_number"])
        if not (0 <= row < len(row_aims) and curve < len(values) and values[curve]):
            return None
        aim, one = row_aims[row], {by: values[curve]}
        if by == "attempt":
            return Aim(filters=aim.filters, facets={**aim.facets, **one})
        return Aim(filters={**aim.filters, **one}, facets=aim.facets)

    return reach


def _ordered(order: str) -> dict[str, str]:
    return {"order": order} if order else {}


def follow(reach: Reach, key: str) -> None:
    """A chart's callback: go to the calls behind the point that was clicked."""
    points = st.session_state[key]["selection"]["points"]
    aim = reach(points[0]) if points else None
    if aim is not None:
        go(aim)


def go(aim: Aim) -> None:
    """A callback's action: show these calls, or the page that is named."""
    st.session_state[GO_TO] = aim
    if aim.start is not None and aim.end is not None:
        filters.show_period(aim.start, aim.end)
    filters.change(aim.filters)
