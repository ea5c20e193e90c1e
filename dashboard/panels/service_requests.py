"""Panels of System: service requests, errors by type and fault, and how calls ended."""

import pandas as pd

from core.aggregation.service_requests import ERRORS, Requests, by_operation, over_time
from core.models.metrics import CallSummary
from dashboard import drilldown, formats
from dashboard.charts import distributions, time_series
from dashboard.charts.time_series import Line
from dashboard.filters import label
from dashboard.panels.panel import Panel, fails_alone, timed
from dashboard.panels.view import MOST_PARTS, View

ERROR_WORDS = {"5xx": "5xx", "exception": "Exceptions", "timeout": "Timeouts"}
_TEACH = "MetricsService.record_service_call records them"
_PER_100 = "per 100 calls"


@fails_alone("Services")
def operations(view: View, requests: Requests, since: str) -> Panel:
    """Return a table of services and operations."""
    key, title = "services", "API and external services"
    if not requests.total:
        return Panel(key, title, f"No requests recorded {view.selection.words}; {_TEACH}")
    frame = by_operation(requests)
    worst = frame.iloc[int(frame["error_rate"].to_numpy().argmax())]
    table = frame.rename(columns={"service": "Service", "operation": "Operation", "n": "Requests"})
    page = pd.DataFrame(
        {
            "Service": [formats.plain(name) for name in frame["service"]],
            "Operation": [formats.plain(name) for name in frame["operation"]],
            "Requests": [f"{n:,}" for n in frame["n"]],
            "Errors": [formats.number(rate, "share") for rate in frame["error_rate"]],
            "95 % interval": [
                f"{100 * low:.1f} to {100 * high:.1f} %"
                for low, high in zip(frame["error_rate_low"], frame["error_rate_high"], strict=True)
            ],
            **{ERROR_WORDS[kind]: [f"{n:,}" for n in frame[kind]] for kind in ERRORS},
            **{
                name: [formats.number(ms, "ms") for ms in frame[name]]
                for name in ("p50", "p95", "p99", "max")
            },
        }
    )
    return Panel(
        key,
        title,
        f"Most errors: {formats.plain(worst['service'])} {formats.plain(worst['operation'])}, "
        f"{formats.number(worst['error_rate'], 'share')} · {since} · n {requests.total:,} requests",
        table=table,
        page=page,
    )


@fails_alone("Service latency")
def service_latency(view: View, requests: Requests) -> Panel:
    """Return the 95th percentile of each service over time."""
    return _course(view, requests, "service-latency", "Service latency, p95 over time", "p95", "ms")


@fails_alone("Service errors")
def service_errors(view: View, requests: Requests) -> Panel:
    """Return the error rate of each service over time."""
    return _course(view, requests, "service-errors", "Failed requests over time", "error_rate", "%")


def _course(view: View, requests: Requests, key: str, title: str, column: str, unit: str) -> Panel:
    if not requests.total:
        return Panel(key, title, f"No requests recorded {view.selection.words}; {_TEACH}")
    bucket = view.window.bucket
    frames = dict(list(over_time(requests, bucket).items())[:MOST_PARTS])
    frame = pd.DataFrame({service: rows[column] for service, rows in frames.items()})
    colours = view.palette.of(list(frames))
    lines = [Line(service, service, colours[service]) for service in frames]
    figure = time_series.lines(frame, lines, bucket, view.palette, unit=unit)
    top = frame.max()
    peak = str(top.idxmax()) if top.notna().any() else ""
    scale = 100.0 if unit == "%" else 1.0
    highest = formats.number(top[peak], "share" if unit == "%" else "ms") if peak else formats.NONE
    return Panel(
        key,
        title,
        f"Highest: {formats.plain(peak)} with {highest} · n {requests.total:,} requests",
        view.annotate(figure),
        timed(frame.dropna(how="all") * scale, {name: f"{name} ({unit})" for name in frames}, digits=1),
        drilldown=view.drilldown(frame.index),
    )


@fails_alone("Call errors")
def errors(view: View, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """Return call errors by type and fault, from ``tables.errors``; a call may have several of a type."""
    key, title, total = "errors", "Call errors by type and fault", summary.total_calls
    colour = view.palette.colours["failed"]
    if frame.empty:
        return view.missing(key, title, "error")
    return Panel(
        key,
        title,
        f"{formats.number(summary.error_rate, 'share')} of calls had an error, {summary.error_calls:,} of "
        f"{total:,} · most often {formats.plain(label('', frame['type'].iloc[0]))}",
        distributions.counted(
            _named(frame, "type"), frame["n"].tolist(), total, view.palette, colour, unit=_PER_100
        ),
        _table(frame, "type", total, "Errors", f"Errors {_PER_100}"),
        drilldown=drilldown.faults(frame, "type", "error"),
    )


@fails_alone("How calls ended")
def ends(view: View, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """Return the end reasons of calls, from ``tables.ends``."""
    key, title, total = "ends", "How calls ended, by reason and fault", summary.total_calls
    if frame.empty:
        return view.missing(key, title, "end reason")
    names, known = _named(frame, "end_reason"), frame["end_reason"] != ""  # of others, only whose fault it is
    said = f"end reason known for {int(frame['n'][known].sum()):,} of {total:,} calls"
    if known.any():
        said = f"most often {formats.plain(names[known.tolist().index(True)])} · {said}"
    return Panel(
        key,
        title,
        said[0].upper() + said[1:],
        distributions.counted(names, frame["n"].tolist(), total, view.palette, view.palette.accent),
        _table(frame, "end_reason", total, "Calls", "Of all calls (%)"),
        drilldown=drilldown.faults(frame, "end_reason", "end_reason"),
    )


def _named(frame: pd.DataFrame, column: str) -> list[str]:
    codes, faults = frame[column].tolist(), frame["fault"].tolist()
    names = [label("", code) if code else "none given" for code in codes]
    return [
        # "Provider error", not "Provider error · provider".
        name if not fault or (fault in name.lower() and codes.count(code) == 1) else f"{name} · {fault}"
        for name, code, fault in zip(names, codes, faults, strict=True)
    ]


def _table(frame: pd.DataFrame, column: str, total: int, counted: str, share: str) -> pd.DataFrame:
    words = column.replace("_", " ").capitalize()
    table = frame.rename(columns={column: words, "fault": "Fault", "n": counted})
    return table.assign(**{share: (100 * frame["n"] / total).round(2)})
