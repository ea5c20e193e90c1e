"""`for` over outages of the scheduler, and one that is changed while an alert waits, as Prometheus has it.

promtool tests rules that are always evaluated. What a restart does is written down here as plainly as
Prometheus's ``Manager.restoreForState`` does it, of a rule with one level.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import pytest

from core.alerting.evaluation import thresholds
from core.alerting.evaluation.findings import Evaluation, Measured
from core.alerting.state import clock_faults, lifecycle
from core.alerting.state.clock_faults import GRACE, TOLERANCE, UNATTENDED, after_outage, unattended
from core.models.alerts import Severity
from core.models.rules import AlertRule
from tests.alerting.faults import Fault, install
from tests.alerting.state.random_rules import BEGIN, MINUTE

INTERVAL = timedelta(minutes=5)
HOLDS = (0, 5, 8, 10, 12, 15, 30, 45, 90)
GAPS = (1, 2, 3, 4, 7, 11, 13, 14, 30)
"""Intervals from one check to the next: one is none missed, fifteen minutes and more are an outage."""


@dataclass
class Model:
    """Prometheus's alerting rule: when it became active, and whether it fires."""

    hold: timedelta
    active_at: datetime | None = None
    fires: bool = False

    def check(self, now: datetime, last: datetime | None, *, bad: bool) -> str:
        """One evaluation; after an outage the first one takes up what the series of its state says."""
        if not bad:
            self.active_at, self.fires = None, False
            return "inactive"
        gap = now - last if last else timedelta()
        if self.active_at is None:
            self.active_at = now
        elif gap > UNATTENDED and not self.fires:
            self.active_at = self._restored(now, now - gap)
        self.fires = self.fires or now - self.active_at >= self.hold
        return "firing" if self.fires else "pending"

    def _restored(self, now: datetime, down_at: datetime) -> datetime:
        """When it is to have become active, though nobody looked since ``down_at``."""
        assert self.active_at is not None
        if now - down_at > TOLERANCE or self.hold < GRACE:  # too long ago; or too short to be restored
            return now
        remaining = self.hold - (down_at - self.active_at)
        # It fires once the grace period is over. Where nothing remains Prometheus takes it for one that
        # fired; that comes of a lowered `for` alone, and waits too.
        if remaining < GRACE:
            return now + GRACE - self.hold
        return self.active_at + (now - down_at)


def evaluation(rule: AlertRule, at: datetime, value: float) -> Evaluation:
    measured = Measured("calls", value, 10)
    return Evaluation(rule, at - MINUTE, at, measured, 10, thresholds.breaches_of(rule, measured))


@cache
def rule_of(hold_minutes: int) -> AlertRule:
    fields = {"id": "r", "name": "r", "metric": "total_calls", "levels": {"warning": 5}, "for": hold_minutes}
    return AlertRule.model_validate(fields)


class Engine:
    """Ours, check by check, and stored in between."""

    def __init__(self) -> None:
        self.record: lifecycle.AlertRecord | None = None

    def check(self, rule: AlertRule, now: datetime, last: datetime | None, *, bad: bool) -> str:
        """Where the level stands after a check."""
        gap = unattended(last, now, INTERVAL)
        before = after_outage(self.record, rule, gap, now) if self.record and gap else self.record
        after = lifecycle.advance(before, evaluation(rule, now, 9 if bad else 1), now).after
        self.record = after and lifecycle.AlertRecord.of({"_id": after.alert.id, **after.document()})
        hold = self.record.holds.get(Severity.WARNING) if self.record else None
        return "inactive" if hold is None else "firing" if hold.fires else "pending"


def differences(seed: int, *, steps: int, changes: bool) -> list[tuple[int, str, str]]:
    """Steps at which the two stand elsewhere, of a random rule with random values, outages and changes."""
    rng = random.Random(seed)  # noqa: S311 (no secret)
    hold = rng.choice(HOLDS)
    engine, model = Engine(), Model(timedelta(minutes=hold))
    now, last, bad, found = BEGIN, None, True, []
    for step in range(steps):
        if changes and rng.random() < 0.1:
            hold = rng.choice(HOLDS)
            model.hold = timedelta(minutes=hold)
        bad = bad if rng.random() < 0.9 else not bad
        pair = engine.check(rule_of(hold), now, last, bad=bad), model.check(now, last, bad=bad)
        if pair[0] != pair[1]:
            found.append((step, *pair))
        last = now
        now += INTERVAL * (rng.choice(GAPS) if rng.random() < 0.15 else 1)
    return found


@pytest.mark.parametrize("changes", [False, True], ids=["the same for", "a for that changes"])
def test_waiting_over_outages_is_prometheuss(changes: bool) -> None:
    """Some thousand checks: what waits, fires and ends, with checks missed for minutes and for hours."""
    found = {seed: differences(seed, steps=150, changes=changes) for seed in range(15)}
    assert {seed: steps[:3] for seed, steps in found.items() if steps} == {}


@pytest.mark.parametrize(
    ("raised", "fires_after"),
    [(30, 30), (15, 15), (5, 10), (0, 10)],
    ids=["raised", "the same", "lowered", "taken away"],
)
def test_a_changed_for_counts_from_when_it_became_bad(raised: int, fires_after: int) -> None:
    """It was 15 minutes until the check after ten; what fires already goes on firing under any other."""
    engine, last = Engine(), None
    fired: list[int] = []
    for minutes in range(0, 65, 5):
        now = BEGIN + timedelta(minutes=minutes)
        hold = 15 if minutes < 10 else raised
        if engine.check(rule_of(120 if fired else hold), now, last, bad=True) == "firing":
            fired.append(minutes)
        last = now
    assert fired == list(range(fires_after, 65, 5))


FAULTS = [
    Fault("an outage counts as bad", clock_faults, "min(state.active_at + gap, now)", "state.active_at"),
    Fault("no grace after it", clock_faults, "now + min(hold, GRACE) - hold", "now - hold"),
    Fault("an hour is forgotten", clock_faults, "now if gap > TOLERANCE else min(state", "min(state"),
    Fault(
        "each missed check is an outage",
        clock_faults,
        "gap > max(UNATTENDED, 3 * interval)",
        "gap > interval",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_caught(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that could not fail would show nothing."""
    install(monkeypatch, fault)
    monkeypatch.setitem(globals(), "after_outage", clock_faults.after_outage)
    monkeypatch.setitem(globals(), "unattended", clock_faults.unattended)
    assert any(differences(seed, steps=150, changes=False) for seed in range(25))
