"""The oracles themselves: what they are asked, they answer as Prometheus and Alertmanager document it."""

import time
from pathlib import Path

import pytest

from tests.oracles.alertmanager import Timing, running
from tests.oracles.promtool import Case, Rule, Standing, check

VALUES = [1, 11, 12, 13, 1, 11, 12, 12]
PENDING_TWO_MINUTES: list[Standing] = [
    *("inactive", "pending", "pending", "firing"),
    *("inactive", "pending", "pending", "firing"),
]


def test_promtool_agrees_with_the_documented_states_and_denies_a_wrong_one(tmp_path: Path) -> None:
    rule = Rule("slow", ">", 10, for_seconds=120)
    assert check([Case(rule, VALUES, PENDING_TWO_MINUTES)], tmp_path).complaints == ""
    wrong: list[Standing] = ["inactive", "firing", *PENDING_TWO_MINUTES[2:]]
    assert 'alertstate="pending"' in check([Case(rule, VALUES, wrong)], tmp_path).complaints


@pytest.mark.alone
def test_alertmanager_groups_tells_a_new_member_and_the_end_once(tmp_path: Path) -> None:
    slow, failing = ({"alertname": name, "group": "g"} for name in ("slow", "failing"))
    with running(tmp_path, Timing(group_wait=0.2, group_interval=0.5, repeat_interval=60)) as manager:
        manager.push([slow])
        time.sleep(0.9)
        manager.push([slow, failing])
        time.sleep(1)
        manager.push([], [slow, failing])
        time.sleep(1)
    assert [dict(sent.alerts) for sent in manager.notified] == [
        {"slow": "firing"},
        {"slow": "firing", "failing": "firing"},
        {"slow": "resolved", "failing": "resolved"},
    ]
