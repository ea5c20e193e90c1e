"""The Grafana dashboard for Prometheus, generated from the definitions of metrics."""

from core.exporting.catalogue import COST, ENDS, ERRORS, HISTOGRAMS, PREFIX, Exported
from core.exporting.gauges import BUILD, CHECKED, GAUGES
from core.exporting.generated import promql
from core.exporting.generated.grafana_panels import UNITS, Panel, Row, dashboard
from core.models.definitions import COUNTS, METRICS, RATES, REFERENCES
from core.types import Document

_LANGUAGE = 'language=~"$language"'
_WINDOW = "$window"
_RANGE = "$__range"


def grafana_prometheus() -> Document:
    """Return the dashboard, ready to import."""
    return dashboard(
        "voice-agent",
        "Voice agent",
        "prometheus",
        _variables(),
        [_now(), _rates(), _waits(), _counts(), _system()],
    )


def _variables() -> list[Document]:
    return [
        {
            "name": "language",
            "label": "Language",
            "type": "query",
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "query": f"label_values({PREFIX}calls_total, language)",
            "refresh": 2,
            "includeAll": True,
            "allValue": ".*",
            "multi": True,
            "current": {"text": "All", "value": "$__all"},
        },
        {
            "name": "window",
            "label": "Over",
            "type": "custom",
            "query": "15m,1h,6h,1d",
            "current": {"text": "1h", "value": "1h"},
        },
    ]


def _now() -> Row:
    shares = [
        Panel(
            rate.label,
            [_asked(promql.share(rate, _LANGUAGE, window=_RANGE))],
            "percentunit",
            "stat",
            rate.meaning,
            3,
            4,
        )
        for rate in RATES.values()
    ]
    calls = COUNTS["total_calls"]
    first = Panel(
        calls.label,
        [_asked(promql.increase(calls.key, _LANGUAGE, window=_RANGE))],
        "short",
        "stat",
        "Recorded in the period",
        3,
        4,
    )
    return Row("The period as a whole", [first, *shares])


def _rates() -> Row:
    panels = [
        Panel(
            rate.label,
            [_asked(promql.share(rate, _LANGUAGE, window=_WINDOW))],
            UNITS[rate.unit],
            description=rate.meaning,
        )
        for rate in RATES.values()
    ]
    by_status = f"sum by (status) (increase({promql.counter('total_calls', _LANGUAGE)}[{_WINDOW}]))"
    return Row("Calls and rates", [Panel("Calls by status", [_asked(by_status, "{{status}}")]), *panels])


def _waits() -> Row:
    return Row("Latencies and durations", [_quantiles(metric) for metric in HISTOGRAMS])


def _quantiles(metric: Exported) -> Panel:
    about = METRICS[metric.of]
    questions = [
        _asked(promql.quantile(metric, q, _LANGUAGE, window=_WINDOW), name)
        for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]
    limits = sorted({reference.value * metric.scale for reference in REFERENCES.get(metric.of, ())})
    return Panel(about.label, _named(questions), "s", description=about.meaning, limits=limits)


def _counts() -> Row:
    shown = [
        Panel(
            count.label,
            [
                _asked(
                    f"sum by (direction) (increase({promql.counter(key, _LANGUAGE)}[{_WINDOW}]))",
                    "{{direction}}",
                )
            ],
            description=count.meaning,
        )
        for key, count in COUNTS.items()
        if count.stored is not None and count.shown and key != "total_calls"
    ]
    others = [
        Panel(
            title,
            [_asked(f"sum by ({label}) (increase({PREFIX}{one.name}_total[{_WINDOW}]))", f"{{{{{label}}}}}")],
            unit,
            description=one.meaning,
        )
        for title, one, label, unit in (
            ("Errors by type", ERRORS, "type", "short"),
            ("Endings", ENDS, "reason", "short"),
            ("Cost by part", COST, "part", UNITS["rupees"]),
        )
    ]
    return Row("What calls brought", [*others, *shown])


def _system() -> Row:
    panels = []
    for gauge in GAUGES:
        if gauge in {BUILD, CHECKED}:
            continue
        legend = " ".join(f"{{{{{label}}}}}" for label in gauge.labels)
        unit = "s" if gauge.name.endswith("_seconds") else "short"
        title = gauge.name.removesuffix("_seconds").replace("_", " ").capitalize()
        panels.append(
            Panel(title, [_asked(promql.gauge(gauge), legend)], unit, description=gauge.meaning, width=6)
        )
    since = f"time() - {promql.gauge(CHECKED)}"
    panels.append(
        Panel("Since the last check of the rules", [_asked(since)], "s", description=CHECKED.meaning, width=6)
    )
    return Row("Alerts and the monitoring itself", panels)


def _asked(question: str, legend: str = "") -> Document:
    return {"refId": "A", "expr": question, "legendFormat": legend or "__auto"}


def _named(questions: list[Document]) -> list[Document]:
    return [{**question, "refId": chr(ord("A") + number)} for number, question in enumerate(questions)]
