"""Random timelines of groups of alerts, played to a real Alertmanager and to the engine.

Every group has its own flushes: a wait after its first alert, then one every interval. What happens in
between falls well away from them, so that there is no doubt which flush sees it.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.error import HTTPError

from core.alerting.notify import dedup, muting
from core.alerting.notify.dedup import LastSent, Manner, Member, NotificationRecord
from core.alerting.notify.muting import Inhibition
from core.models.alerts import Alert, AlertState, Severity
from core.models.silences import Silence
from tests.oracles.alertmanager import Alertmanager, Timing

TIMING = Timing(group_wait=0.5, group_interval=1.0, repeat_interval=2.5)
"""The repeat interval lies between two flushes, so that it never ends in the moment of one."""
FLUSHES = 9
GUARD_SECONDS = 0.2
BEGIN = datetime(2024, 10, 24, tzinfo=UTC)
SOURCE = "source"
WIDE = "wide"
"""Mutes ``d`` in the other group of its pair too."""
INHIBIT = [
    {
        "source_matchers": [f'alertname="{SOURCE}"', 'severity="critical"'],
        "target_matchers": ['alertname=~"b|c"'],
        "equal": ["group"],
    },
    {
        "source_matchers": [f'alertname="{WIDE}"', 'severity="critical"'],
        "target_matchers": ['alertname="d"'],
        "equal": ["pair"],
    },
]
INHIBITIONS = [
    Inhibition(SOURCE, frozenset({"b", "c"})),
    Inhibition(WIDE, frozenset({"d"}), equal=("language",)),
]
Kind = Literal["fire", "resolve", "silence"]


@dataclass(frozen=True)
class Happening:
    """Something that happens to an alert of a group, so many intervals after the group's first flush."""

    after: float
    kind: Kind
    alert: str
    lasts: float = 0.0


@dataclass
class Group:
    """A group: what happens to it, when its first alert came, and the times that it happened at."""

    name: str
    start: float
    severity: Severity
    happenings: list[Happening]
    pair: str
    ends: bool
    """Whether its receiver wants to hear of ends."""
    plain: bool
    """Without silences, inhibition and alerts that come and go unseen: the whole decision can be compared."""
    began: float = 0.0
    happened: list[tuple[float, Happening]] = field(default_factory=list)
    late: bool = False

    def labels(self, alert: str) -> dict[str, str]:
        """As Alertmanager knows it."""
        quiet = {} if self.ends else {"quiet": "1"}
        return {"alertname": alert, "group": self.name, "severity": self.severity, "pair": self.pair} | quiet

    def standing(self, until: float) -> dict[str, AlertState]:
        """Where each alert stands at a time."""
        alerts: dict[str, AlertState] = {}
        for at, happening in self.happened:
            if at <= until and happening.kind != "silence":
                alerts[happening.alert] = (
                    AlertState.FIRING if happening.kind == "fire" else AlertState.RESOLVED
                )
        return alerts

    def flushes(self) -> list[float]:
        """When Alertmanager flushes the group, in seconds of the timeline."""
        return [self.began + TIMING.group_wait + n * TIMING.group_interval for n in range(FLUSHES)]


def groups(seed: int, count: int) -> list[Group]:
    """Random groups, each with its own happenings; two of a pair start, and are flushed, together."""
    rng = random.Random(seed)  # noqa: S311 (no secret)
    starts = [rng.uniform(0, 1) for _ in range(count // 2 + 1)]
    return [_group(rng, f"g{n}", f"p{n // 2}", starts[n // 2]) for n in range(count)]


def _group(rng: random.Random, name: str, pair: str, start: float) -> Group:
    plain = rng.random() < 0.4
    names = (
        ["a", "b", "c"]
        if plain
        else rng.choice(
            [
                ["a"],
                ["b", SOURCE],
                ["a", "b", "c", SOURCE],
                ["d", "a"],
                ["d"],
                ["d", WIDE],
                [WIDE],
                [WIDE, "a"],
            ]
        )
    )
    severity = rng.choice([Severity.CRITICAL, Severity.WARNING])
    happenings = [Happening(0.0, "fire", rng.choice(names))]
    firing = {happenings[0].alert}
    if not plain and rng.random() < 0.4:  # over before its group was ever told
        happenings.append(Happening(-0.25, "resolve", firing.pop()))
    for flush in range(FLUSHES - 1):
        for alert in rng.sample(names, min(len(names), rng.choice([0, 0, 1, 1, 2]))):
            happening = _next(rng, alert, alert in firing, silences=not plain, after=flush)
            happenings.append(happening)
            if happening.kind == "fire":
                firing.add(alert)
            if happening.kind == "resolve":
                firing.discard(alert)
                if not plain and rng.random() < 0.3:  # back again before anybody looked
                    happenings.append(Happening(flush + 0.7, "fire", alert))
                    firing.add(alert)
            elif happening.kind == "fire" and not plain and rng.random() < 0.4:  # over before anybody looked
                happenings.append(Happening(flush + 0.7, "resolve", alert))
                firing.discard(alert)
    happenings[1:] = sorted(happenings[1:], key=lambda happening: happening.after)
    return Group(name, start, severity, happenings, pair, rng.random() < 0.7, plain)


def _next(rng: random.Random, alert: str, firing: bool, *, silences: bool, after: int) -> Happening:
    at = after + rng.uniform(0.3, 0.6)
    if silences and rng.random() < 0.25:
        return Happening(at, "silence", alert, lasts=float(rng.randint(1, 4)))
    return Happening(at, "resolve" if firing and rng.random() < 0.7 else "fire", alert)


def play(manager: Alertmanager, played: Sequence[Group]) -> None:
    """Let everything happen at its time, and write down when it did and which groups it came too late for."""
    plan = sorted(
        (
            (group.start + (0 if n == 0 else TIMING.group_wait + happening.after), group, happening)
            for group in played
            for n, happening in enumerate(group.happenings)
        ),
        key=lambda entry: entry[0],
    )
    stalls: list[tuple[float, float]] = []
    for planned, group, happening in plan:
        time.sleep(max(0.0, planned - manager.offset()))
        before = manager.offset()
        if before - planned > GUARD_SECONDS:
            stalls.append((planned, before))
        try:
            _tell(manager, group, happening)
        except HTTPError:  # a busy machine took so long that the silence was over before it could begin
            group.late = True
        after = manager.offset()
        if not group.happened:
            group.began = (before + after) / 2
        group.happened.append((after, happening))
        group.late |= after - before > GUARD_SECONDS or _near_a_flush(group, after, happening.lasts)
    time.sleep(max(0.0, max(group.flushes()[-1] for group in played) + 0.4 - manager.offset()))
    for group in played:
        group.late |= any(
            happening.alert == WIDE and _near_a_flush(group, at, happening.lasts)
            for other in _others(group, played)
            for at, happening in other.happened
        )
        group.late |= _off_beat(manager, group) or any(
            start - GUARD_SECONDS < flush < end + GUARD_SECONDS
            for flush in group.flushes()
            for start, end in stalls
        )


def _others(group: Group, played: Sequence[Group]) -> list[Group]:
    return [other for other in played if other.pair == group.pair and other is not group]


def _tell(manager: Alertmanager, group: Group, happening: Happening) -> None:
    labels = group.labels(happening.alert)
    if happening.kind == "silence":
        matchers = {"alertname": happening.alert, "group": group.name}
        manager.silence(matchers, happening.lasts * TIMING.group_interval)
    elif happening.kind == "fire":
        manager.push([labels])
    else:
        manager.push([], [labels])


def _off_beat(manager: Alertmanager, group: Group) -> bool:
    """Whether the machine was so busy that a notification arrived well after its flush."""
    since = [sent.at - group.flushes()[0] for sent in manager.notified if sent.group == group.name]
    beats = (seconds / TIMING.group_interval for seconds in since)
    return any(abs(beat - round(beat)) > GUARD_SECONDS for beat in beats)


def _near_a_flush(group: Group, at: float, lasts: float) -> bool:
    moments = (at, at + lasts * TIMING.group_interval)
    return any(abs(at - flush) < GUARD_SECONDS for flush in group.flushes() for at in moments)


Notifications = dict[int, Mapping[str, str]]
"""Number of the flush → alert → firing or resolved."""


def expected(group: Group, played: Sequence[Group], *, whole: bool) -> Notifications:
    """What the engine would send at each flush; ``whole`` makes every step of its decision."""
    others = _others(group, played)
    sent: Notifications = {}
    alerts: dict[str, AlertState] = {}
    state = _Whole() if whole else _Table(ends=group.ends)
    before = -1.0
    for number, flush in enumerate(group.flushes()):
        for at, happening in group.happened:
            if before < at <= flush and happening.kind != "silence":
                firing = happening.kind == "fire"
                alerts[happening.alert] = AlertState.FIRING if firing else AlertState.RESOLVED
        beside = [alert for other in others for alert in _alerts(other, other.standing(flush))]
        message = state.flush(list(_alerts(group, alerts)), beside, _silences(group, flush), moment(flush))
        if message:
            sent[number] = message
        # Alertmanager lets go of what is over once it was flushed.
        alerts = {name: standing for name, standing in alerts.items() if standing == AlertState.FIRING}
        before = flush
    return sent


def moment(seconds: float) -> datetime:
    """A time of the timeline."""
    return BEGIN + timedelta(seconds=seconds)


def _alerts(group: Group, alerts: Mapping[str, AlertState]) -> Iterator[Alert]:
    return (_alert(group, name, standing) for name, standing in alerts.items())


def _alert(group: Group, name: str, standing: AlertState) -> Alert:
    return Alert(
        id=name,
        alert_type=name,
        name=name,
        severity=group.severity,
        state=standing,
        labels={"campaign": group.name, "language": group.pair},
        message="",
        started_at=BEGIN,
        updated_at=BEGIN,
    )


def _silences(group: Group, until: float) -> list[Silence]:
    return [
        Silence(
            id="s",
            matchers={"rule": [happening.alert], "campaign": [group.name]},
            start=moment(at),
            end=moment(at + happening.lasts * TIMING.group_interval),
            author="test",
            comment="test",
        )
        for at, happening in group.happened
        if happening.kind == "silence" and at <= until
    ]


class _Table:
    """The bare decision, with Alertmanager's own rule for what is muted: it is not there."""

    def __init__(self, *, ends: bool) -> None:
        self._told: LastSent | None = None
        self._ends = ends

    def flush(
        self, alerts: list[Alert], beside: list[Alert], silences: list[Silence], now: datetime
    ) -> Mapping[str, str]:
        elsewhere = Group("elsewhere", 0, Severity.CRITICAL, [], "elsewhere", ends=True, plain=False)
        far = [_alert(elsewhere, source, AlertState.FIRING) for source in (SOURCE, WIDE)]
        explanations = muting.Explanations([*alerts, *beside, *far], INHIBITIONS)
        heard = [
            alert
            for alert in alerts
            if not muting.silenced_by(alert, silences, now) and not explanations.of(alert)
        ]
        if not heard:
            return {}
        firing = frozenset(alert.id for alert in heard if alert.state == AlertState.FIRING)
        resolved = frozenset(alert.id for alert in heard) - firing
        repeat = timedelta(seconds=TIMING.repeat_interval)
        due = dedup.needs_notification(self._told, firing, resolved, now, repeat, ends=self._ends)
        if due is None:
            return {}
        self._told = LastSent(now, firing, resolved)
        told = resolved if self._ends else frozenset()
        return {**dict.fromkeys(firing, "firing"), **dict.fromkeys(told, "resolved")}


class _Whole:
    """The decision as a check makes it, against what was confirmed."""

    def __init__(self) -> None:
        self._confirmed: NotificationRecord | None = None

    def flush(
        self, alerts: list[Alert], beside: list[Alert], silences: list[Silence], now: datetime
    ) -> Mapping[str, str]:
        assert not silences
        del beside  # none of these alerts can be explained by another
        members = [Member(a.id, a.state == AlertState.FIRING, a.severity) for a in alerts]
        decision = dedup.next_message(
            self._confirmed,
            members,
            now,
            Manner(timedelta(seconds=TIMING.repeat_interval), timedelta(seconds=TIMING.group_interval)),
        )
        if decision is None:
            return {}
        self._confirmed = NotificationRecord(now, decision.members, decision.severities)
        states = {a.id: "firing" if a.state == AlertState.FIRING else "resolved" for a in alerts}
        return {name: states[name] for name in (*decision.news, *decision.goes_on)}


def observed(manager: Alertmanager, group: Group) -> Notifications:
    """What Alertmanager sent at each flush."""
    sent: Notifications = {}
    for notified in manager.notified:
        if notified.group == group.name:
            since = notified.at - group.began - TIMING.group_wait
            sent[round(since / TIMING.group_interval)] = notified.alerts
    return {flush: alerts for flush, alerts in sent.items() if flush < FLUSHES}
