"""What a channel is told, case by case; the same functions are held against a real Alertmanager elsewhere."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.alerting.notify.dedup import (
    Decision,
    LastSent,
    Member,
    NotificationRecord,
    needs_notification,
    next_message,
)
from core.models.alerts import MemberState, NotificationEvent, Severity

NOW = datetime(2024, 10, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
A, B, AB, NONE = frozenset("a"), frozenset("b"), frozenset("ab"), frozenset[str]()
FIRING, RESOLVED = NotificationEvent.FIRING, NotificationEvent.RESOLVED
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def told(firing: frozenset[str], resolved: frozenset[str] = NONE, ago: timedelta = HOUR) -> LastSent:
    return LastSent(NOW - ago, firing, resolved)


@pytest.mark.parametrize(
    ("before", "firing", "resolved", "expected"),
    [
        (None, NONE, NONE, None),
        (None, A, NONE, FIRING),
        (None, NONE, A, None),
        (told(A), A, NONE, None),
        (told(A), AB, NONE, FIRING),
        (told(A), B, A, FIRING),
        (told(AB), A, NONE, None),
        (told(AB), A, B, RESOLVED),
        (told(A, B), A, B, None),
        (told(A), NONE, A, RESOLVED),
        (told(NONE, A), NONE, A, None),
        (told(NONE, A), A, NONE, FIRING),
        (told(A, ago=4 * HOUR - MINUTE), A, NONE, None),
        (told(A, ago=4 * HOUR), A, NONE, NotificationEvent.REPEAT),
        (told(NONE, A, ago=9 * HOUR), NONE, NONE, None),
    ],
)
def test_the_table(
    before: LastSent | None,
    firing: frozenset[str],
    resolved: frozenset[str],
    expected: NotificationEvent | None,
) -> None:
    """What was told, what fires, what is over; why to tell."""
    assert needs_notification(before, firing, resolved, NOW) == expected


def member(name: str = "a", *, firing: bool = True, **fields: object) -> Member:
    given: dict[str, object] = {"severity": WARNING} | fields
    return Member(name, firing, **given)  # type: ignore[arg-type]  # spelled out by the callers


def knows(
    state: MemberState = "firing", ago: timedelta = HOUR, severity: Severity = WARNING, name: str = "a"
) -> NotificationRecord:
    return NotificationRecord(NOW - ago, {name: state}, {name: severity})


@pytest.mark.parametrize(
    ("before", "members", "expected"),
    [
        (knows(), [member(severity=CRITICAL)], NotificationEvent.ESCALATED),
        (knows(severity=CRITICAL), [member()], None),
        (None, [member(muted=True)], None),
        (knows(), [member(muted=True)], None),
        (knows(), [member(muted=True, firing=False)], RESOLVED),
        (knows(), [member(last_muted_at=NOW - 5 * MINUTE)], FIRING),
        (knows(), [member(last_muted_at=NOW - 2 * HOUR)], None),
        (knows("muted"), [member()], FIRING),
        (knows("muted"), [member(firing=False)], RESOLVED),
        (None, [member(firing=False)], None),
        (knows(ago=5 * HOUR), [member(remind=False)], None),
        (knows(ago=5 * HOUR), [member()], NotificationEvent.REPEAT),
        (knows(), [member(flapping_since=NOW)], NotificationEvent.FLAPPING),
        (knows(), [member(firing=False, flapping_since=NOW - 2 * HOUR)], None),
        (knows("resolved"), [member(firing=False)], None),
        (knows(ago=MINUTE), [member(), member("b")], None),
        (knows(ago=MINUTE), [member(), member("b", severity=CRITICAL)], FIRING),
        (knows(ago=MINUTE), [member(firing=False)], None),
        (knows(ago=5 * MINUTE), [member(firing=False)], RESOLVED),
        (knows("resolved", ago=MINUTE), [member()], FIRING),
    ],
)
def test_where_it_goes_further_than_alertmanager(
    before: NotificationRecord | None, members: Sequence[Member], expected: NotificationEvent | None
) -> None:
    """Escalation, silences that end, ends through silences, acknowledgement, flapping, urgent ones."""
    decision = next_message(before, members, NOW)
    assert (decision.event if decision else None) == expected


@pytest.mark.parametrize("seed", range(30))
def test_once_all_is_quiet_everybody_knows_what_is_true(seed: int) -> None:
    """Alerts, silences and a channel that fails come and go at random: nothing is lost, nothing repeated."""
    rng = random.Random(seed)  # noqa: S311 (no secret)
    members = {name: member(name, firing=False) for name in "abcdef"}
    confirmed: NotificationRecord | None = None
    for step in range(200):
        now = NOW + step * 5 * MINUTE
        if step < 150:
            members = {name: _changed(rng, one, now) for name, one in members.items()}
        else:
            members = {name: replace(one, muted=False) for name, one in members.items()}
        decision = next_message(confirmed, list(members.values()), now)
        if decision and (step >= 150 or rng.random() < 0.6):
            assert step < 153 or decision.event == NotificationEvent.REPEAT
            _check(decision, confirmed, members)
            confirmed = NotificationRecord(now, decision.members, decision.severities)
    believed = {name for name in members if confirmed and confirmed.knows(name)}
    assert believed == {name for name, one in members.items() if one.firing}


def _changed(rng: random.Random, one: Member, now: datetime) -> Member:
    firing = one.firing if rng.random() < 0.8 else not one.firing
    muted = one.muted if rng.random() < 0.9 else not one.muted
    severity = one.severity if rng.random() < 0.9 else rng.choice([WARNING, CRITICAL])
    last = now if muted and firing else one.last_muted_at
    return replace(one, firing=firing, muted=muted and firing, severity=severity, last_muted_at=last)


def _check(decision: Decision, before: NotificationRecord | None, members: dict[str, Member]) -> None:
    """A message has news or is a repeat; it tells of no end that nobody was told the beginning of."""
    assert decision.news
    for name in (*decision.news, *decision.goes_on):
        assert members[name].firing or (before is not None and before.knows(name))
        assert not (members[name].firing and members[name].muted)
