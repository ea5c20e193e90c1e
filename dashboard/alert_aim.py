"""From an alert to the calls and the time that it is about."""

from datetime import timedelta

from core.alerting.channels.message import FILTERS, LOOK_BACK
from core.clock import utc_now
from core.models.alerts import Alert, AlertState
from core.settings import get_settings
from dashboard.reach import Aim

_FACETS = {
    "error_rate": {"error": "any"},
    "speech_latency": {"order": "asr_latency_ms"},
    "model_latency": {"order": "llm_latency_ms"},
}


def calls_of(alert: Alert) -> Aim:
    """The calls from the window before it began to its end, or until now."""
    return _aim(alert, _FACETS.get(alert.alert_type, {}))


def time_of(alert: Alert) -> Aim:
    """The same time on Overview: how much else was not as usual, compared with the weeks before."""
    return _aim(alert, {}, page="overview")


def _aim(alert: Alert, facets: dict[str, str], page: str = "calls") -> Aim:
    end = alert.resolved_at if alert.state == AlertState.RESOLVED and alert.resolved_at else utc_now()
    start, last = (
        moment.astimezone(get_settings().tz).replace(tzinfo=None, second=0, microsecond=0)
        for moment in (alert.started_at - LOOK_BACK, end + timedelta(minutes=1))
    )
    chosen = {name: alert.labels[name] for name in FILTERS if alert.labels.get(name)}
    return Aim(start, last, chosen, facets, page)
