"""What ``GET /api/v1/analytics/metrics`` returns beside figures of calls: active calls, services."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo.database import Database

from core.aggregation.activity import calls_ended_recently, last_call_ended_at
from core.aggregation.service_requests import ERRORS, grouped, load_requests
from core.alerting.state.alert_store import active_alerts
from core.api.responses import Latency, ServiceFigures, SystemMetrics
from core.models.alerts import Severity
from core.models.definitions import STATISTICS
from core.models.metrics import LiveMetrics, ServiceError
from core.scheduler.heartbeat import scheduler_heartbeat
from core.settings import get_settings
from core.storage.recording.active_calls import count_active
from core.types import Document

OWN_API = "api"
"""The agent's own API, as a service."""


def live_metrics(database: Database[Document]) -> LiveMetrics:
    """Return what is happening now.

    Raises:
        PyMongoError: the database does not answer.
    """
    heartbeat, alerts = scheduler_heartbeat(database), active_alerts(database)
    severities = Counter(alert.severity for alert in alerts)
    return LiveMetrics(
        active_calls=count_active(database),
        calls_last_15_minutes=calls_ended_recently(database),
        last_call_ended_at=last_call_ended_at(database),
        active_alerts=len(alerts),
        alerts_by_severity={severity: severities[severity] for severity in Severity},
        scheduler_heartbeat_at=heartbeat.at if heartbeat else None,
    )


def system_metrics(database: Database[Document], start: datetime, end: datetime) -> SystemMetrics:
    """Return the figures of the agent's API and the services it uses in [start, end).

    Raises:
        PyMongoError: the database does not answer.
    """
    frame = grouped(load_requests(database, start, end, get_settings().tz), ["service"], {})
    rows = frame.sort_values(["n", "service"], ascending=[False, True]).to_dict("records")
    found = {str(row["service"]): _figures(row) for row in rows}
    return SystemMetrics(api=found.pop(OWN_API, None), services=list(found.values()))


def _figures(row: Mapping[Any, Any]) -> ServiceFigures:
    return ServiceFigures(
        service=row["service"],
        requests=row["n"],
        errors=row["errors"],
        errors_by_kind={ServiceError(kind): row[kind] for kind in ERRORS},
        error_rate=row["errors"] / row["n"],
        latency_ms=Latency(**{name: row[name] for name in STATISTICS}),
    )
