"""Past episodes of alerts, from firing to resolved, including those of alerts that fire again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.alerting.board import RESOLVED_WITHIN, HistoryLine
from core.models.alerts import Alert, AlertState, Severity

_UNTIL = " until "
_AFTERWARDS = timedelta(minutes=15)
"""How long after an episode's end messages may still be about it."""


def over(lines: Sequence[HistoryLine], resolved: Sequence[Alert], now: datetime) -> list[Alert]:
    """Return the episodes that ended within the last 7 days, newest first.

    Args:
        lines: history of the alerts, newest first.
        resolved: resolved alerts, which know more about their last episode than the history.
        now: the end of the 7 days.
    """
    last = {alert.id: alert.resolved_at or alert.updated_at for alert in resolved}
    ends = {line.alert_id: line for line in reversed(lines) if line.event == "resolved"}  # the newest of each
    began: dict[str, HistoryLine] = {}
    found = list(resolved)
    for line in reversed(lines):
        if line.event == "firing":
            began[line.alert_id] = line
        elif line.event == "resolved":
            start = began.pop(line.alert_id, None)
            ended = last.get(line.alert_id)
            known = line is ends[line.alert_id] and ended is not None and abs(ended - line.at) < _AFTERWARDS
            readable = start is not None and start.severity in {*Severity}
            if start and readable and not known and line.at >= now - RESOLVED_WITHIN:
                found.append(_episode(start, line))
    return sorted(found, key=lambda alert: alert.resolved_at or alert.updated_at, reverse=True)


def _episode(start: HistoryLine, end: HistoryLine) -> Alert:
    return Alert(
        id=f"{start.alert_id}{_UNTIL}{end.at:%Y%m%dT%H%M%S}",
        alert_type=start.alert_type,
        name=start.name,
        severity=Severity(start.severity),
        state=AlertState.RESOLVED,
        labels=dict(start.labels),
        message=start.message,
        started_at=start.at,
        updated_at=end.at,
        resolved_at=end.at,
    )


def id_of(alert: Alert) -> str:
    """Return the id of an episode's alert."""
    return alert.id.rsplit(_UNTIL, 1)[0] if alert.state == AlertState.RESOLVED else alert.id


def told_of(alert: Alert, lines: Sequence[HistoryLine]) -> list[HistoryLine]:
    """Return the history lines of this episode, without earlier or later ones."""
    over = alert.resolved_at if alert.state == AlertState.RESOLVED else None
    since = [line for line in lines if line.at >= alert.started_at]
    if over is None:
        return since
    again = min((line.at for line in since if line.event == "firing" and line.at > over), default=None)
    until = over + _AFTERWARDS
    return [line for line in since if line.at <= until and (again is None or line.at < again)]
