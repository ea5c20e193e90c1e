"""Parts of a Grafana dashboard: panels in rows, and the dashboard around them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.models.definitions import Unit
from core.types import Document

WIDTH = 24
"""Columns of Grafana's grid."""
UNITS: Mapping[Unit, str] = {
    "share": "percentunit",
    "ms": "ms",
    "s": "s",
    "rupees": "currencyINR",
    "calls": "short",
    "times": "short",
    "score": "none",
}
SCHEMA_VERSION = 39
"""That of Grafana 11; later versions upgrade it when they load it."""
Type = Literal["timeseries", "stat", "table", "heatmap"]


@dataclass(frozen=True)
class Panel:
    """A panel: its queries (``targets``), its unit in Grafana's terms, and limits to draw."""

    title: str
    targets: Sequence[Document]
    unit: str = "short"
    type: Type = "timeseries"
    description: str = ""
    width: int = 8
    height: int = 8
    limits: Sequence[float] = ()
    transformations: Sequence[Document] = ()
    datasource: Document | None = None


@dataclass(frozen=True)
class Row:
    """Panels below a heading, side by side as far as there is room."""

    title: str
    panels: Sequence[Panel]


def dashboard(
    uid: str, title: str, datasource: str, variables: Sequence[Document], rows: Sequence[Row]
) -> Document:
    """Return a whole dashboard for a data source of this type, which is chosen on import."""
    choice = {"name": "datasource", "label": "Data source", "type": "datasource", "query": datasource}
    return {
        "uid": uid,
        "title": title,
        "tags": ["voice-agent"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [choice, *variables]},
        "panels": list(_placed(rows, {"type": datasource, "uid": "${datasource}"})),
    }


def _placed(rows: Sequence[Row], source: Document) -> Iterator[Document]:
    number, y = 0, 0
    for row in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "gridPos": _place(0, y, WIDTH, 1),
            "panels": [],
        }
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            yield {"id": number, "gridPos": _place(x, y, panel.width, panel.height), **_drawn(panel, source)}
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _drawn(panel: Panel, source: Document) -> Document:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [{"color": "red", "value": limit} for limit in panel.limits]
    custom: Document = {}
    if panel.type == "timeseries":
        style = "dashed" if panel.limits else "off"
        custom = {"lineWidth": 1, "fillOpacity": 8, "thresholdsStyle": {"mode": style}}
    return {
        "type": panel.type,
        "title": panel.title,
        "description": panel.description,
        "datasource": panel.datasource or source,
        "targets": list(panel.targets),
        "transformations": list(panel.transformations),
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": custom,
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}
        if panel.type == "timeseries"
        else {},
    }
