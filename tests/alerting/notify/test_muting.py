"""Which alerts a worse one speaks for, and which a silence means."""

from datetime import timedelta

import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from core.alerting.actions import acknowledge, silence
from core.alerting.check import check_alerts
from core.alerting.notify.muting import matchers_of
from core.alerting.notify.silences import all_silences
from core.alerting.rules.rule_store import save_rule
from core.alerting.state.alert_store import active_alerts
from core.cli import app
from core.doctor.work import rules as look_at_rules
from core.models.rules import AlertRule
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record, run

MINUTE = timedelta(minutes=1)

BY_DIRECTION = AlertRule.model_validate(
    {
        "id": "each",
        "name": "Each",
        "metric": "failed_calls",
        "levels": {"warning": 1},
        "group_by": ["direction"],
    }
)


@pytest.mark.parametrize(
    ("equal", "said"),
    [(None, "1 critical, 1 warning firing"), ([], "CRITICAL"), (["language"], "CRITICAL")],
)
def test_a_rule_over_all_calls_mutes_those_by_label_where_it_says_so(
    database: Database[Document], equal: list[str] | None, said: str
) -> None:
    """By itself it mutes only what has the very same labels."""
    fields = {"id": "whole", "name": "Whole", "metric": "call_failure_rate", "levels": {"critical": 0.1}}
    whole = AlertRule.model_validate(fields | {"inhibits": ["each"], "inhibits_equal": equal})
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    check(NOON, email, rules=(whole, BY_DIRECTION))
    assert email.words == [said]


FAILS = AlertRule.model_validate(
    {"id": "fails", "name": "Calls fail", "metric": "call_failure_rate", "levels": {"critical": 0.2}}
)
SLOW = FAILS.model_copy(update={"id": "slow", "name": "Slow"})


def check_broken(minutes: int, email: Recorder) -> None:
    """One check of rules that were refused, and still judged in their earlier form."""
    at, broken = NOON + minutes * MINUTE, {"fails": "bad", "slow": "bad"}
    run(
        lambda store: check_alerts(
            store, at, rules=(FAILS, SLOW), channels={email.name: email}, broken=broken
        )
    )


def test_silencing_that_a_rule_cannot_be_evaluated_silences_nothing_else(
    database: Database[Document],
) -> None:
    """The rule's own alerts are still sent, and so is that another rule cannot be evaluated."""
    email = Recorder()
    for minutes in (0, 5, 10):
        check_broken(minutes, email)
    notice, other = sorted(active_alerts(database), key=lambda alert: alert.message)
    silence(database, matchers_of(notice), NOON + 11 * MINUTE, NOON + 900 * MINUTE, "asha", "known")
    record(database, NOON + 25 * MINUTE, total=50, failed=25)
    check_broken(25, email)
    muted = {alert.id for alert in active_alerts(database) if alert.muted}
    assert (muted, other.id in muted) == ({notice.id}, False)
    assert email.titles[-1].startswith("2 critical, 1 warning firing: Calls fail 50 %")


def test_the_command_and_the_page_silence_the_same_alerts(database: Database[Document]) -> None:
    for minutes in (0, 5, 10):
        check_broken(minutes, Recorder())
    notice = active_alerts(database)[0]
    done = CliRunner().invoke(app, ["alerts", "silence", notice.id, "--note", "Known", "--as", "Asha"])
    assert done.exit_code == 0
    (made,) = all_silences(database)
    assert made.matchers == matchers_of(notice) == {"rule": ["rule_error"], "about": [notice.labels["rule"]]}


@pytest.mark.parametrize("ring", [("a", "b"), ("a", "b", "c")])
def test_rules_that_inhibit_each_other_do_not_silence_each_other(
    database: Database[Document], ring: tuple[str, ...]
) -> None:
    """Nobody would hear of any of them. The check and the doctor say so; what they mute besides is muted."""
    following = dict(zip(ring, (*ring[1:], ring[0]), strict=True))
    rules = [
        FAILS.model_copy(update={"id": one, "name": one, "inhibits": (other, "slow")})
        for one, other in following.items()
    ]
    email = Recorder()
    record(database, NOON, total=50, failed=12)
    report = check(NOON, email, rules=(*rules, SLOW))
    assert email.titles[0].startswith(f"{len(ring)} critical firing")
    assert [alert.alert_type for alert in active_alerts(database) if alert.muted] == ["slow"]
    assert len([note for note in report.notes if "which inhibits it too" in note]) == len(ring)
    for rule in rules:
        save_rule(database, rule, "asha")
    assert any("which inhibits it too" in finding.text for finding in look_at_rules(database))


WHOLE = FAILS.model_copy(update={"id": "whole", "name": "Whole", "inhibits": ("fails",)})


@pytest.mark.parametrize("how", ["silenced", "explained by a worse alert"])
def test_an_acknowledged_alert_stays_quiet_when_what_muted_it_ends(
    database: Database[Document], how: str
) -> None:
    """Whoever heard of it is not told anew, but is once it gets worse."""
    email = Recorder(ends=False)
    fails = AlertRule.model_validate(FAILS.model_dump() | {"levels": {"warning": 0.2, "critical": 0.8}})
    record(database, NOON, total=50, failed=12)
    check(NOON, email, rules=(fails,))
    (alert,) = active_alerts(database)
    acknowledge(database, alert.id, "asha", now=NOON + MINUTE)
    if how == "silenced":
        silence(database, matchers_of(alert), NOON + 12 * MINUTE, NOON + 18 * MINUTE, "x", "y")
    for minutes, failed in ((5, 12), (10, 12), (15, 12), (20, 12), (25, 12), (45, 50)):
        at = NOON + minutes * MINUTE
        record(database, at, total=50, failed=failed)
        other = WHOLE if how != "silenced" and minutes == 15 else None
        check(at, email, rules=(fails, other) if other else (fails,))
    own = [title for title in email.titles if "Whole" not in title]
    assert [title.split(":")[0] for title in own] == ["WARNING", "ACKNOWLEDGED by asha", "CRITICAL"]
