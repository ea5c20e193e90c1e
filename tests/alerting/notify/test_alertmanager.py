"""The engine's notifications against a real Alertmanager: random timelines, flush by flush."""

import pytest

from core.alerting.notify import dedup, muting
from core.models import silences
from tests.alerting.faults import Fault, install
from tests.alerting.notify.timelines import (
    FLUSHES,
    INHIBIT,
    TIMING,
    Group,
    Notifications,
    expected,
    groups,
    observed,
    play,
)
from tests.oracles.alertmanager import running

pytestmark = pytest.mark.alone
GROUPS = 150
ATTEMPTS = 3
Heard = tuple[list[Group], list[tuple[Group, Notifications]]]
"""All groups, and of those that were played in time what Alertmanager told."""
FAULTS = [
    Fault("a new member is not news", dedup, "if not firing <= told.firing:", "if not firing & told.firing:"),
    Fault("a new member counts as a repeat", dedup, "if not firing <= told.firing:", "if False:"),
    Fault("an end is told again and again", dedup, "RESOLVED if told.firing else None", "RESOLVED"),
    Fault("a partial end is not told", dedup, "if ends and not resolved <= told.resolved:", "if False:"),
    Fault("never repeated", dedup, "now - told.sent_at >= repeat", "False"),
    Fault("repeated too early", dedup, "now - told.sent_at >= repeat", "now - told.sent_at >= repeat / 2"),
    Fault("the end of what was never told is told", dedup, "FIRING if firing else None", "FIRING"),
    Fault(
        "entries are lost from the record",
        dedup,
        '**dict.fromkeys(sorted(firing), "firing")',
        '**dict.fromkeys(sorted(fresh), "firing")',
    ),
    Fault("a silence never ends", silences, "now >= self.end", "False"),
    Fault(
        "a silence ends an interval late",
        silences,
        "now >= self.end",
        "(now - self.end).total_seconds() >= 1",
    ),
    Fault("a warning inhibits", muting, " and source.severity == Severity.CRITICAL", ""),
    Fault("what is over inhibits", muting, "source.state == AlertState.FIRING and ", ""),
    Fault("ends are told where none are wanted", dedup, "if ends and not resolved", "if not resolved"),
    Fault(
        "the labels that have to be the same are not asked for",
        muting,
        "for label in inhibition.equal)",
        "for label in SHARED_LABELS)",
    ),
    Fault("inhibits across labels", muting, "for label in inhibition.equal)", "for label in ())"),
]


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, oracle_seed: int) -> Heard:
    """Random groups, and what Alertmanager told about them; pushes too near to a flush are left out."""
    for attempt in range(ATTEMPTS):
        played = groups(oracle_seed, GROUPS)
        folder = tmp_path_factory.mktemp(f"alertmanager{attempt}")
        with running(folder, TIMING, INHIBIT) as manager:
            play(manager, played)
        in_time = [(group, observed(manager, group)) for group in played if not group.late]
        if len(in_time) > 0.8 * GROUPS:
            return played, in_time
    pytest.fail("the machine is too busy to tell which flush saw what")


def differences(heard: Heard) -> list[str]:
    """The groups that the engine would have told something else about, or at another time."""
    played, sound = heard
    return [
        f"{group.name} {group.happened}: {expected(group, played, whole=whole)} instead of {sent}"
        for group, sent in sound
        # Without ends the engine tells what comes back as news, where Alertmanager does not.
        for whole in ([True, False] if group.plain and group.ends else [False])
        if expected(group, played, whole=whole) != sent
    ]


@pytest.mark.full
def test_every_group_is_told_what_alertmanager_tells(heard: Heard) -> None:
    """New members, partial and whole ends or none, repeats, silences, inhibition, at the same flush each."""
    _, sound = heard
    assert len(sound) * FLUSHES > 1_000
    assert sum(len(sent) for _, sent in sound) > 300
    assert differences(heard) == []


@pytest.mark.full
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_in_the_decision_is_caught(
    heard: Heard, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comparison that could not fail would show nothing."""
    install(monkeypatch, fault)
    assert differences(heard)
