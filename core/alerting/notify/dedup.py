"""Whether a channel needs a message about a group of alerts: Alertmanager's decision, as pure functions.

``needs_notification`` is the table of Alertmanager's notification pipeline (``DedupStage.needsUpdate``): what
is true now against what was last *confirmed* sent. ``compare_with_last`` prepares it, and is where this
project goes further: a resolve goes out through silences, what still fires when a silence ends counts as
news, and so does what has become more severe.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.models.alerts import MemberState, NotificationEvent, Severity


@dataclass(frozen=True)
class Manner:
    """How often a channel is told of what: reminders, several messages, ends."""

    repeat: timedelta = timedelta(hours=4)
    group_interval: timedelta = timedelta(minutes=5)
    ends: bool = True


MANNER = Manner()
SLACK = timedelta(seconds=15)
"""Checks are not on the dot: one that comes this much early still counts as after the interval."""


@dataclass(frozen=True)
class LastSent:
    """What a channel was last told about a group, once that was confirmed sent."""

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
    """Return why a channel needs a message about a group of alerts; None: it needs none.

    The branches, their order and their names are those of Alertmanager's ``needsUpdate``. Without ``ends``
    the channel hears of none (``send_resolved: false``); that all is over has to be kept all the same.
    """
    # First notification; a group that was never announced has no end worth announcing.
    if told is None:
        return NotificationEvent.FIRING if firing else None
    # New alerts in group: at least one fires that the last message did not show firing.
    if not firing <= told.firing:
        return NotificationEvent.FIRING
    # All alerts resolved: once, and only if the last message left the group firing.
    if not firing:
        return NotificationEvent.RESOLVED if told.firing else None
    # New resolved alerts: part of the group ended since the last message.
    if ends and not resolved <= told.resolved:
        return NotificationEvent.RESOLVED
    # Repeat interval elapsed: nothing changed, but it still fires and nobody has acknowledged it.
    if remind and now - told.sent_at >= repeat:
        return NotificationEvent.REPEAT
    return None


@dataclass(frozen=True)
class NotificationRecord:
    """The record of what was confirmed sent to one channel about one group."""

    sent_at: datetime
    members: Mapping[str, MemberState] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    told_at: Mapping[str, datetime] = field(default_factory=dict)
    """When those were told that a reminder of others has left out since; all others at ``sent_at``."""

    def knows(self, fingerprint: str) -> bool:
        """Whether the channel believes that the alert fires."""
        return self.members.get(fingerprint) in {"firing", "muted"}

    def is_due(self, member: "Member", now: datetime, repeat: timedelta) -> bool:
        """Whether so long has passed since the channel was told of an alert that it is reminded."""
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
    """Whether it may be repeated: nobody has acknowledged it, and it was seen bad just now."""
    repeat: timedelta | None = None
    """After how long, where its rule says so."""

    @property
    def shown_firing(self) -> bool:
        """What people are told: an alert that flaps fires until it stays as it is."""
        return self.firing or self.flapping_since is not None


@dataclass(frozen=True)
class Decision:
    """What to tell a channel about a group, and the record to keep once that is confirmed sent.

    Without any ``news`` nothing is told, and the record is kept at once.
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
    """What a channel is to be told about a group now; None: nothing.

    Between two messages about a group that fires lies the group interval, except for a new critical alert.
    """
    told, firing, resolved = compare_with_last(confirmed, members)
    by_id = {member.fingerprint: member for member in members}
    due = frozenset(
        name for name in firing if confirmed and confirmed.is_due(by_id[name], now, manner.repeat)
    )
    # Each alert has its own time to be repeated, and that has passed for those that are due.
    event = needs_notification(told, firing, resolved, now, timedelta(), remind=bool(due), ends=manner.ends)
    if not manner.ends and resolved and event in {None, NotificationEvent.RESOLVED}:
        # Kept untold: what comes back is news again.
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
    """What was told that still holds, what fires as far as the channel is concerned, and what is over."""
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
    """Whether something happened to an alert that the channel knows of, so that it has to be told again."""
    name, sent_at = member.fingerprint, confirmed.sent_at
    if member.severity.rank > confirmed.severities.get(name, member.severity).rank:
        return True
    was_muted = member.last_muted_at is not None and member.last_muted_at >= sent_at
    flaps = member.flapping_since is not None and member.flapping_since > sent_at
    return was_muted or flaps or confirmed.members.get(name) == "muted"


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
    if event != NotificationEvent.FIRING:
        return event
    if all(by_id[name].flapping_since for name in fresh):
        return NotificationEvent.FLAPPING
    known = confirmed.severities if confirmed else {}
    worse = all(name in known and by_id[name].severity.rank > known[name].rank for name in fresh)
    return NotificationEvent.ESCALATED if worse else event
