"""The engine's states against Prometheus: random rules over random values, level by level, check by check."""

from pathlib import Path

import pytest

from core.alerting.evaluation import thresholds
from core.alerting.state import lifecycle, rule_state
from tests.alerting.faults import Fault, install
from tests.alerting.state.random_rules import cases
from tests.oracles.promtool import check

FAULTS = [
    Fault(
        "fires a check late",
        rule_state,
        "now - hold.active_at >= timing.hold",
        "now - hold.active_at > timing.hold",
    ),
    Fault(
        "fires a check early",
        rule_state,
        "now - hold.active_at >= timing.hold",
        "now - hold.active_at >= timing.hold / 2",
    ),
    Fault(
        "kept a check too long",
        rule_state,
        "now - good_since < timing.keep",
        "now - good_since <= timing.keep",
    ),
    Fault(
        "kept from the breach on",
        rule_state,
        "before.good_since or now",
        "before.good_since or before.active_at",
    ),
    Fault("kept for ever", rule_state, "before.good_since or now", "now"),
    Fault(
        "a new breach does not stop the end",
        rule_state,
        "replace(before, good_since=None) if before",
        "before if before",
    ),
    Fault(
        "pending begins anew",
        rule_state,
        "if before else LevelState(active_at=now)",
        "if before and before.fires else LevelState(active_at=now)",
    ),
    Fault(
        "pending survives a good check",
        rule_state,
        "if before is None or not before.fires:\n        return None\n    good",
        "if before is None:\n        return None\n    good",
    ),
    Fault(
        "one level's state is another's",
        rule_state,
        "step(before.get(severity), seen",
        "step(next(iter(before.values()), None), seen",
    ),
    Fault(
        "the clear threshold is forgotten",
        rule_state,
        "bad = breach.uncleared if",
        "bad = breach.exceeded if",
    ),
    Fault(
        "clears before it fires",
        rule_state,
        "if before is not None and before.fires else breach.exceeded",
        "if before is not None else breach.exceeded",
    ),
    Fault("fires on the threshold", thresholds, "return value > bound if", "return value >= bound if"),
    Fault("fires on the threshold below", thresholds, "else value < bound", "else value <= bound"),
    Fault(
        "a restart forgets that it was good",
        lifecycle,
        "vars(hold) for severity",
        'vars(hold) | {"good_since": None} for severity',
    ),
    Fault(
        "a restart forgets since when it is bad",
        lifecycle,
        "holds, flap, now, last_muted_at, revision)",
        "{k: h for k, h in holds.items() if h.fires}, flap, now, last_muted_at, revision)",
    ),
]


def test_every_level_stands_where_prometheus_says(tmp_path: Path, oracle_seed: int) -> None:
    """Pending, firing and inactive, with for, keep_firing_for, clear thresholds and restarts."""
    verdict = check(cases(oracle_seed, rules=40, steps=130), tmp_path)
    assert verdict.complaints == ""
    assert verdict.assertions >= 5_000


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_in_the_engine_is_caught(
    tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comparison that could not fail would show nothing."""
    install(monkeypatch, fault)
    assert check(cases(1, rules=40, steps=60), tmp_path).complaints
