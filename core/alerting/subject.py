"""Which calls an alert is about, for messages and the dashboard alike."""

from datetime import datetime, timedelta

from core.models.alerts import Alert

FILTERS = ("direction", "language", "status", "campaign")
LOOK_BACK = timedelta(minutes=15)
"""For an alert without a window of its own, this much of the time before it."""


def calls_since(alert: Alert) -> datetime:
    """Return the start of the window in which the alert began."""
    window = alert.updated_at - alert.looks_from if alert.looks_from else LOOK_BACK
    return min(alert.started_at, alert.updated_at) - max(window, timedelta())


def filters_of(alert: Alert) -> dict[str, str]:
    """Return the filters of the calls in question: the alert's labels, and the ending it is about."""
    labels = ({"status": alert.outcome} if alert.outcome else {}) | alert.labels
    return {name: labels[name] for name in FILTERS if labels.get(name)}


def lacking(alert: Alert) -> str | None:
    """Return which of the filters the calls in question have no value of, as calls without a campaign."""
    return next((name for name in FILTERS if alert.labels.get(name) == ""), None)
