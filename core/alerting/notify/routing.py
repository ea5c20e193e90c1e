"""Which channel hears of which alert, and the notification that goes there."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from core.alerting.notify.dedup import Decision, Member, NotificationRecord, next_message
from core.alerting.notify.notification_log import GROUP
from core.alerting.rules.soundness import tells_everybody
from core.alerting.state.lifecycle import AlertRecord, rule_of
from core.models.alerts import Alert, AlertState, Notification, NotificationEvent, Severity
from core.models.rules import AlertRule

Routes = Mapping[str, Collection[Severity] | None]
"""The channels by name, and the severities each takes; None takes all."""


def route(
    records: Mapping[str, AlertRecord],
    bad: Collection[str],
    rules: Mapping[str, AlertRule],
    routes: Routes,
    confirmed: Mapping[str, NotificationRecord],
    at: datetime,
    installation: str = "",
) -> Iterator[Notification]:
    """What each channel is to be told about the alerts as they stand."""
    alerts = {name: record.alert for name, record in records.items()}
    for channel, taken in routes.items():
        told = confirmed.get(channel)
        members = [
            # A channel that takes what is worse hears that it ended, and no reminder of what has eased.
            _member(record, record.alert.id in bad and (taken is None or record.alert.severity in taken), at)
            for record in records.values()
            if _goes_to(record.alert, channel, rules, routes, told) and record.alert.updated_at <= at
        ]
        decision = next_message(told, members, at)
        if decision is not None:
            made = notification(decision, channel, alerts, told, at)
            yield made.model_copy(update={"installation": installation})


def _goes_to(
    alert: Alert,
    channel: str,
    rules: Mapping[str, AlertRule],
    routes: Routes,
    told: NotificationRecord | None,
) -> bool:
    """Whether a channel hears of an alert; one that was told that it fires hears of its end.

    Every channel hears of one whose rule names only channels that are not set up: better than none.
    """
    if told is not None and told.knows(alert.id):
        return True
    rule, taken = rules.get(rule_of(alert)), routes[channel]
    chosen = rule is None or tells_everybody(rule, routes) or channel in rule.channels
    return chosen and (taken is None or alert.severity in taken)


def _member(record: AlertRecord, bad: bool, at: datetime) -> Member:
    alert, flapping_since = record.alert, record.flap.since
    held = alert.acknowledged is not None and at < alert.acknowledged.until
    return Member(
        alert.id,
        alert.state == AlertState.FIRING,
        alert.severity,
        muted=alert.muted and alert.state == AlertState.FIRING,
        last_muted_at=record.last_muted_at,
        flapping_since=flapping_since,
        remind=bad and not held and flapping_since is None,
    )


def notification(
    decision: Decision,
    channel: str,
    alerts: Mapping[str, Alert],
    confirmed: NotificationRecord | None,
    at: datetime,
) -> Notification:
    """A decision about the group of all rules, ready to be sent to a channel."""
    about = [alerts[name] for name in (*decision.news, *decision.goes_on)]
    return Notification(
        key=_key(decision, channel, confirmed),
        group_key=GROUP,
        channel=channel,
        event=decision.event,
        severity=_severity(decision, about),
        at=at,
        alerts=about,
        news=len(decision.news),
        members=dict(decision.members),
        severities=dict(decision.severities),
    )


def _severity(decision: Decision, about: list[Alert]) -> Severity:
    news = about[: len(decision.news)]
    over = decision.event == NotificationEvent.RESOLVED
    firing = [alert for alert in news if decision.members.get(alert.id) == "firing"]
    return max((alert.severity for alert in (news if over else firing or news)), key=lambda s: s.rank)


def _key(decision: Decision, channel: str, confirmed: NotificationRecord | None) -> str:
    """The same for everybody who decides the same against the same record."""
    since = confirmed.sent_at.isoformat() if confirmed else None
    severities = sorted(decision.severities.items())
    content = [GROUP, channel, decision.event, sorted(decision.members.items()), severities, since]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]
