"""Route alerts: which channel is notified of which alert, and the notification it gets."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from core.alerting.notify.dedup import MANNER, Decision, Manner, Member, NotificationRecord, next_message
from core.alerting.notify.escalation import Escalation
from core.alerting.notify.notification_log import GROUP
from core.alerting.state.lifecycle import AlertRecord, rule_of
from core.models.alerts import Alert, AlertState, Notification, NotificationEvent, Severity
from core.models.rules import AlertRule

Routes = Mapping[str, Collection[Severity] | None]
"""Channels by name, with the severities each accepts; None accepts all."""


@dataclass(frozen=True)
class Policy:
    """What the settings say about notifications, for all rules."""

    manner: Manner = MANNER
    without_ends: frozenset[str] = frozenset()
    """Channels that are not notified of ends."""
    escalation: Escalation = field(default_factory=Escalation)
    installation: str = ""
    off_duty: frozenset[str] = frozenset()
    """Channels that are not on call now."""

    def present(self, routes: Routes, rule: AlertRule | None) -> frozenset[str]:
        """Return the channels that can be notified for a rule now; one off duty only if the rule names it."""
        named = {*(rule.channels if rule else ()), *self.escalation.of(rule).to}
        return frozenset(name for name in routes if name not in self.off_duty or name in named)

    def manner_of(self, channel: str) -> Manner:
        """Return how a channel is notified."""
        return replace(self.manner, ends=channel not in self.without_ends)


def route(
    records: Mapping[str, AlertRecord],
    bad: Collection[str],
    rules: Mapping[str, AlertRule],
    routes: Routes,
    confirmed: Mapping[str, NotificationRecord],
    at: datetime,
    policy: Policy,
) -> Iterator[Notification]:
    """Yield the notification each channel needs about the alerts as they stand.

    A pure function: sending and recording are the caller's. A notification without news is to be recorded as
    sent, and not sent.

    Args:
        records: all alerts, by fingerprint.
        bad: the alerts that the last check found bad; only these are repeated.
        rules: the rules, by id.
        routes: the channels, with the severities each accepts.
        confirmed: what was last confirmed sent, by channel.
        at: the time of the check.
        policy: what the settings say.
    """
    alerts = {name: record.alert for name, record in records.items()}
    present = [record for record in records.values() if record.alert.updated_at <= at]
    for channel, taken in routes.items():
        told = confirmed.get(channel)
        heard = {
            record.alert.id: _hears(record, channel, rules, routes, told, at, policy) for record in present
        }
        members = [
            # A channel that accepts only worse severities, or is off duty by now, still hears that an alert
            # it knows of has ended, but gets no reminders.
            _member(
                record,
                rules.get(rule_of(record.alert)),
                record.alert.id in bad
                and (taken is None or record.alert.severity in taken)
                and channel in policy.present(routes, rules.get(rule_of(record.alert))),
                at,
            )
            for record in present
            if heard[record.alert.id] is not None
        ]
        decision = next_message(told, members, at, policy.manner_of(channel))
        if decision is not None:
            made = notification(decision, channel, alerts, told, at)
            unanswered = [name for name in decision.news if heard[name] == "unanswered"]
            yield made.model_copy(update={"installation": policy.installation, "unanswered": unanswered})


def _hears(
    record: AlertRecord,
    channel: str,
    rules: Mapping[str, AlertRule],
    routes: Routes,
    told: NotificationRecord | None,
    at: datetime,
    policy: Policy,
) -> Literal["knows", "first", "unanswered"] | None:
    """Return why a channel is notified of an alert; None if it is not.

    ``knows``: it was told that the alert fires, so it must hear of the end. ``first``: the alert is routed to
    it. ``unanswered``: the alert has escalated to it, because nobody acknowledged it in time.
    """
    alert = record.alert
    if told is not None and told.knows(alert.id):
        return "knows"
    rule, taken = rules.get(rule_of(alert)), routes[channel]
    if taken is not None and alert.severity not in taken:
        return None
    escalation, present = policy.escalation.of(rule), policy.present(routes, rule)
    if channel in escalation.first(rule, present):
        return "first"
    due = channel in escalation.then(present) and escalation.is_due(record, at)
    return "unanswered" if due else None


def _member(record: AlertRecord, rule: AlertRule | None, bad: bool, at: datetime) -> Member:
    alert, flapping_since = record.alert, record.flap.since
    return Member(
        alert.id,
        alert.state == AlertState.FIRING,
        alert.severity,
        muted=alert.muted and alert.state == AlertState.FIRING,
        last_muted_at=record.last_muted_at,
        flapping_since=flapping_since,
        remind=bad and not alert.held(at) and flapping_since is None,
        repeat=timedelta(minutes=rule.repeat_minutes) if rule and rule.repeat_minutes else None,
        held=alert.held(at),
    )


def notification(
    decision: Decision,
    channel: str,
    alerts: Mapping[str, Alert],
    confirmed: NotificationRecord | None,
    at: datetime,
) -> Notification:
    """Return the notification of a decision about the group of all rules, ready to send to a channel."""
    about = [alerts[name] for name in (*decision.news, *decision.goes_on)]
    return Notification(
        key=_key(decision, channel, confirmed),
        group_key=GROUP,
        channel=channel,
        event=decision.event,
        severity=_severity(decision, about),
        # A record without news must delay nothing: neither a reminder nor the next message.
        at=at if decision.news or confirmed is None else confirmed.sent_at,
        alerts=about,
        news=len(decision.news),
        members=dict(decision.members),
        severities=dict(decision.severities),
        told_at=dict(decision.told_at),
    )


def _severity(decision: Decision, about: list[Alert]) -> Severity:
    news = about[: len(decision.news)]
    over = decision.event == NotificationEvent.RESOLVED
    firing = [alert for alert in news if decision.members.get(alert.id) == "firing"]
    severities = (alert.severity for alert in (news if over else firing or news))
    return max(severities, key=lambda severity: severity.rank, default=Severity.INFO)


def _key(decision: Decision, channel: str, confirmed: NotificationRecord | None) -> str:
    """Return a key that is equal for everyone who makes the same decision from the same record."""
    since = confirmed.sent_at.isoformat() if confirmed else None
    severities = sorted(decision.severities.items())
    content = [GROUP, channel, decision.event, sorted(decision.members.items()), severities, since]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]
