"""A chart's points as a list of links: what a click opens, for the keyboard and for new tabs."""

import html
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from dashboard.charts.time_series import WEEKDAYS
from dashboard.drilldown import Drilldown

MOST_PLACES = 200
Trace = Mapping[str, Any]


def link_list(figure: Mapping[str, Any], drilldown: Drilldown) -> str:
    """Return HTML with a line per position of a chart that has calls, and a link for each part of it.

    Args:
        figure: what the browser draws.
        drilldown: finds the calls behind a point.

    Returns:
        Times newest first, at most ``MOST_PLACES`` lines; "" if no point leads to calls.
    """
    places: dict[str, list[str]] = {}
    newest_first: dict[str, float] = {}
    by_day = _is_by_day(figure["data"])
    for curve, trace in enumerate(figure["data"]):
        for at, x, y in _points(trace):
            target = drilldown({"x": x, "y": y, "point_index": at, "curve_number": curve})
            if target is None:
                continue
            words = _value(trace, at, x, y)
            link = f'<a href="{html.escape(target.link)}">{_text(words)}</a>'
            place = _place(figure["layout"], trace, at, x, y, by_day=by_day)
            places.setdefault(place, []).append(link)
            newest_first[place] = -pd.Timestamp(x).timestamp() if _is_time(x) else 0.0
    if not places:
        return ""
    rows = sorted(places.items(), key=lambda row: newest_first[row[0]])
    shown = rows[:MOST_PLACES]
    lines = "".join(f"<li><span>{_text(place)}</span> {' '.join(links)}</li>" for place, links in shown)
    left = f"<li>and {len(rows) - len(shown):,} more, in the chart</li>" if len(rows) > len(shown) else ""
    return f'<ul class="points" aria-label="Calls behind each point">{lines}{left}</ul>'


def _points(trace: Trace) -> Iterator[tuple[int, Any, Any]]:
    """Yield index, x and y of the points that can be clicked and stand for calls."""
    if trace.get("hoverinfo") == "skip" or "markers" not in trace.get("mode", "markers"):
        return
    length = "x" if trace.get("orientation") == "h" else "y"
    for at, (x, y) in enumerate(zip(trace.get("x", ()), trace.get("y", ()), strict=False)):
        if pd.isna(x) or pd.isna(y):
            continue
        if trace["type"] == "bar" and not (x if length == "x" else y):
            continue
        yield at, x, y


def _is_time(value: object) -> bool:
    return isinstance(value, datetime | np.datetime64)


def _is_by_day(traces: Sequence[Trace]) -> bool:
    """Return whether points stand for whole days: among hours, the one at midnight does not."""
    times = (pd.Timestamp(x) for trace in traces for _, x, _ in _points(trace) if _is_time(x))
    return all(moment == moment.normalize() for moment in times)


def _place(layout: Mapping[str, Any], trace: Trace, at: int, x: Any, y: Any, *, by_day: bool) -> str:  # noqa: ANN401 (of any axis)
    if _is_time(x):
        return f"{pd.Timestamp(x):{'%a %-d %b %Y' if by_day else '%a %-d %b %Y %H:%M'}}"
    if str(y).strip() in WEEKDAYS:
        return f"{str(y).strip()} {x}:00"
    names = layout.get("meta") or layout.get("yaxis", {}).get("ticktext")
    if names is not None and not isinstance(y, str):
        return str(names[round(y)]).strip()
    return str(y).strip() if isinstance(y, str) else str(trace["customdata"][at])


def _value(trace: Trace, at: int, x: Any, y: Any) -> str:  # noqa: ANN401 (of any axis)
    """Return a link's text: the name of its curve, and the figure if it counts calls."""
    name = trace.get("name") or ""
    if trace["type"] != "bar":
        if _is_time(x):
            return "calls"  # all lines lead to the same calls
        rates = "error_x" in trace
        return f"{name} {x:.1f} %" if rates else name or str(_of(trace, "customdata", at))
    if trace.get("orientation") == "h":
        return str(_of(trace, "text", at) or name).strip()
    return f"{name} {y:,}".strip()


def _of(trace: Trace, column: str, at: int) -> object:
    values = trace.get(column)
    return "" if values is None else values[at]


def _text(words: str) -> str:
    """Return a chart's text, in which foreign text is already escaped, for HTML."""
    return html.escape(html.unescape(words))
