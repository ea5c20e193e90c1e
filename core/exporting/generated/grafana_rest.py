"""The Grafana dashboard for the REST API, through the Infinity data source: exact days, alerts, calls."""

from collections.abc import Mapping

from core.exporting.generated.grafana_panels import UNITS, Panel, Row, dashboard
from core.models.definitions import COUNTS, DISTRIBUTIONS, METRICS, RATES
from core.types import Document

API = "/api/v1/analytics"
_DAYS = "start_date=${__from:date:YYYY-MM-DD}&end_date=${__to:date:YYYY-MM-DD}"
_SHARED = {"type": "datasource", "uid": "-- Dashboard --"}
_ALERTS = ("started_at", "severity", "name", "message", "current_value", "threshold_value", "unit")
_CALLS = (
    *("start_time", "call_id", "direction", "language", "status", "end_reason", "duration_seconds"),
    *("e2e_latency_ms", "qualification_completed", "handoff_triggered", "campaign"),
)
_TIMES = {"date", "started_at", "start_time"}
_TEXTS = {*_ALERTS, *_CALLS} - {"current_value", "threshold_value", "duration_seconds", "e2e_latency_ms"}
DAYS_PANEL = 2
"""Id of the panel that queries the days; the others show its result and query nothing themselves."""


def grafana_rest() -> Document:
    """Return the dashboard, ready to import."""
    return dashboard(
        "voice-agent-days",
        "Voice agent, by day",
        "yesoreyeram-infinity-datasource",
        [],
        [_table(), _charts(), _lists()],
    )


def day_fields() -> dict[str, str]:
    """Return what is read of a day: the path of each figure in the answer, and its name in the panel."""
    shown = {key: count.label for key, count in COUNTS.items() if count.shown}
    shown |= {key: rate.label for key, rate in RATES.items()}
    shown |= {f"{key}.p95": f"{one.label} p95" for key, one in DISTRIBUTIONS.items()}
    return {"date": "Day"} | shown | {"cost.total": METRICS["cost"].label, "sentiment.mean": "Sentiment"}


def _table() -> Row:
    asked = _asked(f"{API}/metrics/range?{_DAYS}", "days", day_fields())
    return Row("Days", [Panel("Days", [asked], type="table", width=24, height=9)])


def _charts() -> Row:
    units = {one.label: UNITS[one.unit] for one in (*COUNTS.values(), *RATES.values())}
    units |= {f"{one.label} p95": UNITS[one.unit] for one in DISTRIBUTIONS.values()}
    units |= {METRICS["cost"].label: UNITS["rupees"], "Sentiment": "none"}
    return Row("By day", [_chart(label, units[label]) for label in day_fields().values() if label != "Day"])


def _chart(label: str, unit: str) -> Panel:
    only = {"id": "filterFieldsByName", "options": {"include": {"names": ["Day", label]}}}
    shared = {"refId": "A", "panelId": DAYS_PANEL, "datasource": _SHARED}
    return Panel(label, [shared], unit, transformations=[only], datasource=_SHARED)


def _lists() -> Row:
    alerts = _asked(f"{API}/alerts", "alerts", {name: name for name in _ALERTS})
    calls = _asked(f"{API}/calls?{_DAYS}&limit=200", "calls", {name: name for name in _CALLS})
    return Row(
        "Alerts and calls",
        [
            Panel("Alerts that fire", [alerts], type="table", width=24),
            Panel("The last 200 calls of these days", [calls], type="table", width=24, height=12),
        ],
    )


def _asked(address: str, root: str, fields: Mapping[str, str]) -> Document:
    return {
        "refId": "A",
        "type": "json",
        "source": "url",
        "parser": "backend",
        "format": "table",
        "url": address,
        "url_options": {"method": "GET"},
        "root_selector": root,
        "columns": [
            {"selector": selector, "text": text, "type": _type(selector)} for selector, text in fields.items()
        ],
    }


def _type(selector: str) -> str:
    if selector in _TIMES:
        return "timestamp"
    return "string" if selector in _TEXTS else "number"
