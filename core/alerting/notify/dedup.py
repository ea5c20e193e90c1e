"""Decide whether a channel needs a message about a group of alerts.

Alertmanager's decision, as pure functions.

``needs_notification`` is the decision table of Alertmanager's notification pipeline
(``DedupStage.needsUpdate``): what is true now, against what was last *confirmed* sent. ``compare_with_last``
prepares its input, and is where this project goes further than Alertmanager: an end is announced even if the
alert is silenced by then, an alert that still fires when its silence ends counts as news unless it is
acknowledged, and so does one that has become more severe.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.models.alerts import MemberState, NotificationEvent, Severity


@dataclass(frozen=True)
class Manner:
    """How often a channel is notified: reminders, pauses within a group, whether it hears of ends."""

    repeat: timedelta = timedelta(hours=4)
    group_interval: timedelta = timedelta(minutes=5)
    ends: bool = True


MANNER = Manner()
SLACK = timedelta(seconds=15)
"""Checks are not punctual: one that comes this much early still counts as after the interval."""


@dataclass(frozen=True)
class LastSent:
    """What a channel last received about a group, once confirmed sent: ids shown firing and ended."""

    sent_at: datetime
    firing: AbstractSet[str] = frozenset()
    resolved: AbstractSet[str] = frozenset()


def needs_notification(
    told: LastSent | None,
    firing: AbstractSet[str],
    resolved: AbstractSet[str],
    now: datetime,
    repeat: timedelta = MANNER.repeat,
    *,
    remind: bool = True,
    ends: bool = True,
) -> NotificationEvent | None:
    """Return why a channel needs a message about a group of alerts; None if it does not.

    The branches, their order and their names are those of Alertmanager's ``needsUpdate``; keep them so, since
    each later branch relies on the earlier ones. Without ``ends`` (Alertmanager's ``send_resolved: false``)
    the end of part of a group is no news; that the whole group has ended is still returned, because the
    caller has to record it even if it sends nothing.
    """
    # First notification. A group that was never announced has no end worth announcing.
    if told is None:
        return NotificationEvent.FIRING if firing else None
    # New alerts in group: at least one fires that the last message did not show as firing.
    if not firing <= told.firing:
        return NotificationEvent.FIRING
    # All alerts resolved: once, and only if the last message left the group firing.
    if not firing:
        return NotificationEvent.RESOLVED if told.firing else None
    # New resolved alerts: part of the group ended since the last message.
    if ends and not resolved <= told.resolved:
        return NotificationEvent.RESOLVED
    # Repeat interval elapsed: nothing changed, but something still fires that nobody has acknowledged.
    if remind and now - told.sent_at >= repeat:
        return NotificationEvent.REPEAT
    return None


@dataclass(frozen=True)
class NotificationRecord:
    """What was confirmed sent to a channel about a group: each alert's state in it, and when."""

    sent_at: datetime
    members: Mapping[str, MemberState] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    told_at: Mapping[str, datetime] = field(default_factory=dict)
    """When an alert was last shown, if a later reminder left it out; for all others that is ``sent_at``."""

    def knows(self, fingerprint: str) -> bool:
        """Return whether the channel believes that the alert is firing."""
        return self.members.get(fingerprint) in {"firing", "muted"}

    def is_due(self, member: "Member", now: datetime, repeat: timedelta) -> bool:
        """Return whether an alert's repeat interval has passed since the channel last saw it."""
        told_at = self.told_at.get(member.fingerprint, self.sent_at)
        return member.remind and now - told_at >= (member.repeat or repeat)


@dataclass(frozen=True)
class Member:
    """One alert of a group, as a check found it."""

    fingerprint: str
    firing: bool
    severity: Severity
    muted: bool = False
    last_muted_at: datetime | None = None
    flapping_since: datetime | None = None
    remind: bool = True
    """Whether a reminder may include it: nobody has acknowledged it, and the last check found it bad."""
    repeat: timedelta | None = None
    """Its rule's own repeat interval, if it has one."""
    held: bool = False
    """Whether somebody has acknowledged it at this severity."""

    @property
    def shown_firing(self) -> bool:
        """Return what people are told: a flapping alert counts as firing until it settles."""
        return self.firing or self.flapping_since is not None


@dataclass(frozen=True)
class Decision:
    """What to tell a channel about a group, and the record to keep once that is confirmed sent.

    With no ``news`` nothing is sent, and the record is kept at once.
    """

    event: NotificationEvent
    news: tuple[str, ...]
    goes_on: tuple[str, ...]
    members: Mapping[str, MemberState]
    severities: Mapping[str, Severity]
    told_at: Mapping[str, datetime] = field(default_factory=dict)


def next_message(
    confirmed: NotificationRecord | None,
    members: Sequence[Member],
    now: datetime,
    manner: Manner = MANNER,
) -> Decision | None:
    """Return what to tell a channel about a group now; None if nothing.

    Messages about a group that is firing are at least the group interval apart, unless a new alert is
    critical: that one must not wait for the others.
    """
    told, firing, resolved = compare_with_last(confirmed, members)
    by_id = {member.fingerprint: member for member in members}
    due = frozenset(
        name for name in firing if confirmed and confirmed.is_due(by_id[name], now, manner.repeat)
    )
    # Each alert has its own repeat interval, which has passed for the due ones, so the group's is zero.
    event = needs_notification(told, firing, resolved, now, timedelta(), remind=bool(due), ends=manner.ends)
    if not manner.ends and resolved and event in {None, NotificationEvent.RESOLVED}:
        # Record the end without sending it: if the alert fires again, that is news again.
        return _decision(
            NotificationEvent.RESOLVED, confirmed, by_id, firing, resolved, frozenset(), due, ends=False
        )
    if event is None:
        return None
    fresh = firing - (told.firing if told else frozenset())
    urgent = any(by_id[name].severity == Severity.CRITICAL for name in fresh)
    if told and told.firing and not urgent and now + SLACK < told.sent_at + manner.group_interval:
        return None
    return _decision(event, confirmed, by_id, firing, resolved, fresh, due, ends=manner.ends)


def compare_with_last(
    confirmed: NotificationRecord | None, members: Sequence[Member]
) -> tuple[LastSent | None, AbstractSet[str], AbstractSet[str]]:
    """Return what the last message said that still holds, what fires for this channel, and what has ended.

    An alert is taken out of the first set, and thereby becomes news, if it is muted now, was muted after that
    message and is not acknowledged, has become more severe, or has started to flap.
    """
    firing = frozenset(member.fingerprint for member in members if member.shown_firing and not member.muted)
    if confirmed is None:
        return None, firing, frozenset()
    over = {member.fingerprint for member in members if not member.shown_firing}
    resolved = frozenset(name for name in over if confirmed.knows(name))
    holds = {
        member.fingerprint
        for member in members
        if confirmed.knows(member.fingerprint)
        and not (member.shown_firing and (member.muted or _is_news(member, confirmed)))
    }
    return LastSent(confirmed.sent_at, frozenset(holds)), firing, resolved


def _is_news(member: Member, confirmed: NotificationRecord) -> bool:
    """Return whether something happened to a known alert that the channel has to be told."""
    name, sent_at = member.fingerprint, confirmed.sent_at
    if member.severity.rank > confirmed.severities.get(name, member.severity).rank:
        return True
    muted_since = member.last_muted_at is not None and member.last_muted_at >= sent_at
    # Whoever looks after it knows that it fires; that a silence is over is no news to them.
    was_muted = (muted_since or confirmed.members.get(name) == "muted") and not member.held
    flaps = member.flapping_since is not None and member.flapping_since > sent_at
    return was_muted or flaps


def _decision(
    event: NotificationEvent,
    confirmed: NotificationRecord | None,
    by_id: Mapping[str, Member],
    firing: AbstractSet[str],
    resolved: AbstractSet[str],
    fresh: AbstractSet[str],
    due: AbstractSet[str],
    *,
    ends: bool,
) -> Decision:
    """Return the decision with its news sorted: worst first, ended alerts last."""
    known = {name for name in by_id if confirmed and confirmed.knows(name)}
    muted = {name for name in known if by_id[name].muted and by_id[name].shown_firing}
    states: dict[str, MemberState] = {
        **dict.fromkeys(sorted(firing), "firing"),
        **dict.fromkeys(sorted(resolved), "resolved"),
        **dict.fromkeys(sorted(muted), "muted"),
    }
    again = event == NotificationEvent.REPEAT
    news = due if again else fresh | (resolved if ends else frozenset())
    wait = [name for name in firing - due if by_id[name].remind] if again and confirmed else []
    return Decision(
        _told_as(event, confirmed, by_id, fresh),
        tuple(sorted(news, key=lambda name: (name in resolved, -by_id[name].severity.rank, name))),
        tuple(sorted(firing - news, key=lambda name: (-by_id[name].severity.rank, name))),
        states,
        {name: by_id[name].severity for name in firing | muted},
        {name: confirmed.told_at.get(name, confirmed.sent_at) for name in wait} if confirmed else {},
    )


def _told_as(
    event: NotificationEvent,
    confirmed: NotificationRecord | None,
    by_id: Mapping[str, Member],
    fresh: AbstractSet[str],
) -> NotificationEvent:
    """Return the event to show: FIRING becomes FLAPPING or ESCALATED if that is true of all new alerts."""
    if event != NotificationEvent.FIRING:
        return event
    if all(by_id[name].flapping_since for name in fresh):
        return NotificationEvent.FLAPPING
    known = confirmed.severities if confirmed else {}
    worse = all(name in known and by_id[name].severity.rank > known[name].rank for name in fresh)
    return NotificationEvent.ESCALATED if worse else event
