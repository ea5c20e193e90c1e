"""A slip in the rules: the last good form stays in force, and somebody is told."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from core.alerting.rules.builtin import built_in_rules
from core.alerting.rules.rule_store import rules_in_force, save_rule
from core.alerting.rules.toml_file import to_toml
from core.alerting.state.alert_store import active_alerts
from core.cli import app
from core.doctor.result import State
from core.doctor.work import rules as look_at_rules
from core.errors import UserError
from core.health import system_health
from core.models.rules import AlertRule
from core.scheduler.loop import _rules
from core.services.alert_service import CheckReport, check_and_send_alerts
from core.settings import get_settings
from core.storage import get_database
from core.types import Document
from tests.alerting.channels.test_channels import text_of
from tests.alerting.channels.wire import Mails
from tests.alerting.state.test_alert_store import NOON, record

FIVE = timedelta(minutes=5)
RULE = AlertRule.model_validate(
    {"id": "calls_fail", "name": "Calls fail", "metric": "call_failure_rate", "threshold": 0.25}
)


@pytest.fixture
def rules_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mails: Mails) -> Path:
    """ALERT_RULES_FILE with one rule; mail is set up."""
    file = tmp_path / "rules.toml"
    file.write_text(to_toml([RULE]))
    monkeypatch.setenv("ALERT_RULES_FILE", str(file))
    monkeypatch.setenv("ALERT_EMAIL_TO", "ops@example.com")
    get_settings.cache_clear()
    return file


def check(minutes: int) -> CheckReport:
    return asyncio.run(check_and_send_alerts(get_database(), at=NOON + timedelta(minutes=minutes)))


def settle(file: Path) -> None:
    """Make a file look as if it had been written an hour ago."""
    before = file.stat().st_mtime - 3_600
    os.utime(file, (before, before))


def words(mails: Mails) -> list[str]:
    return [mail["Subject"].split(":")[0].split(" after ")[0] for mail in mails.received]


@pytest.mark.parametrize(
    "slip",
    [
        to_toml([RULE]).replace("0.25", "25"),
        to_toml([RULE]).replace("calls_fail", "Calls Fail"),
        to_toml([RULE]).replace("call_failure_rate", "mood"),
        to_toml([RULE]) + "\n[[rules]",
        to_toml([RULE]) + "x = " + "[" * 5_000,
        to_toml([RULE]).replace("0.25", "9" * 5_000),
        to_toml([RULE.model_copy(update={"name": "Errors", "metric": "error_rate"}), RULE]),
        "",
        None,
    ],
    ids=["threshold", "id", "metric", "half saved", "nested", "digits", "copied id", "empty", "gone"],
)
def test_a_slip_in_the_file_neither_ends_an_incident_nor_stops_a_check(
    database: Database[Document], rules_file: Path, mails: Mails, slip: str | None
) -> None:
    """The rule goes on in its last good form, after three checks people hear of the slip, and of its end."""
    record(database, NOON, total=30, failed=12)
    check(0)
    if slip is None:
        rules_file.unlink()
    else:
        rules_file.write_text(slip)
    for minutes in (15, 20, 25):
        record(database, NOON + timedelta(minutes=minutes), total=30, failed=12)
        assert check(minutes).refused
    assert [text_of(mail).count("cannot be evaluated") > 0 for mail in mails.received] == [False, True]
    assert set(_rules()) <= {"calls_fail"}  # a scheduler that starts now does start
    findings = list(look_at_rules(database))
    assert "last valid version" in findings[0].remedy
    assert "since 2024-10-24 17:45" in findings[0].text
    record(database, NOON + 9 * FIVE, total=30, failed=0)
    check(45)
    assert "RESOLVED after 45 min: Calls fail 0 %" in text_of(mails.received[2])
    rules_file.write_text(to_toml([RULE]))
    check(50)
    assert "again" in mails.received[3]["Subject"]
    assert "Failing since" in text_of(mails.received[3])
    assert "/alerts?rule=" in text_of(mails.received[3])
    assert active_alerts(database) == []


def test_a_file_that_was_never_good_is_refused_at_once(
    database: Database[Document], rules_file: Path
) -> None:
    """There is nothing to fall back on: the scheduler does not start."""
    rules_file.write_text("[[rules]")
    for start in (lambda: rules_in_force(database), _rules):
        with pytest.raises(UserError, match="not valid TOML"):
            start()


def test_a_rule_that_is_taken_out_of_a_file_with_a_slip_elsewhere_ends(
    database: Database[Document], rules_file: Path, mails: Mails
) -> None:
    """Only what the slip is about is kept."""
    other = RULE.model_copy(update={"id": "other", "name": "Other"})
    rules_file.write_text(to_toml([RULE, other]))
    record(database, NOON, total=30, failed=12)
    check(0)
    rules_file.write_text(to_toml([RULE]).replace("0.25", "25"))
    settle(rules_file)
    check(5)
    assert [alert.alert_type for alert in active_alerts(database)] == ["calls_fail"]


@pytest.mark.parametrize("ahead", [0, 86_400])
def test_a_file_that_is_cut_between_two_rules_ends_no_alert(
    database: Database[Document], rules_file: Path, mails: Mails, ahead: float
) -> None:
    """It may be half saved. It is believed once it is a minute old, and at once if its time is to come."""
    other = RULE.model_copy(update={"id": "other", "name": "Other"})
    whole = to_toml([RULE, other])
    rules_file.write_text(whole)
    record(database, NOON, total=30, failed=12)
    check(0)
    rules_file.write_text(whole[: whole.rindex("[[rules]]")])
    assert [rule.id for rule in rules_in_force(database).rules] == ["calls_fail", "other"]
    record(database, NOON + FIVE, total=30, failed=12)
    report = check(5)
    assert "no longer has the rule 'other'" in "".join(report.notes)
    assert any("no longer has the rule 'other'" in finding.text for finding in look_at_rules(database))
    assert {alert.alert_type for alert in active_alerts(database)} == {"calls_fail", "other"}
    if ahead:
        os.utime(rules_file, (rules_file.stat().st_mtime + ahead,) * 2)
    else:
        settle(rules_file)
    check(10)
    assert [alert.alert_type for alert in active_alerts(database)] == ["calls_fail"]
    assert "the rule was removed" in "".join(text_of(mail) for mail in mails.received)


def test_a_targets_file_that_is_half_saved_ends_no_alert(
    database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule of a target stays as long as the file may still grow."""
    file = tmp_path / "targets.toml"
    monkeypatch.setenv("KPI_TARGETS_FILE", str(file))
    get_settings.cache_clear()
    first, second = (
        f'{name} = {{target = 0.1, alert = "warning"}}\n' for name in ("failure_rate", "error_rate")
    )
    file.write_text(first + second)
    check(0)
    file.write_text(first)
    ids = [rule.id for rule in rules_in_force(database).rules if rule.id.startswith("target-")]
    assert ids == ["target-failure_rate", "target-error_rate"]
    settle(file)
    assert "target-error_rate" not in [rule.id for rule in rules_in_force(database).rules]


def test_a_refused_rule_that_is_taken_out_no_longer_counts_as_failing(
    database: Database[Document], rules_file: Path
) -> None:
    """The System page says that all rules can be evaluated again; the alert about it ends."""
    other = to_toml([RULE.model_copy(update={"id": "other"})]).replace("0.25", "25")
    rules_file.write_text(to_toml([RULE]) + other)
    for minutes in (0, 5, 10):
        check(minutes)
    assert system_health(database).failing_rules == 1
    rules_file.write_text(to_toml([RULE]))
    check(15)
    assert system_health(database).failing_rules == 0
    assert active_alerts(database) == []


def test_a_stored_rule_that_no_version_can_read_keeps_its_alert(
    database: Database[Document], mails: Mails
) -> None:
    """Neither its last good form nor the new one: nobody is told that it is over."""
    save_rule(database, RULE, "asha")
    record(database, NOON, total=30, failed=12)
    check(0)
    database["rules"].update_one({"_id": RULE.id}, {"$set": {"rule.metric": "mood"}})
    database["good_rules"].update_one({}, {"$set": {"rules.$[].metric": "mood"}})
    check(5)
    assert "calls_fail" in [alert.alert_type for alert in active_alerts(database)]
    assert "RESOLVED" not in words(mails)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channels": ["slak"]}, "names the channel 'slak', which is not set up"),
        ({"inhibits": ["nosuch"]}, "inhibits 'nosuch', which is no rule"),
        ({"threshold": 1.0}, "nothing is ever above 1"),
        ({"threshold": 0.0, "operator": "below"}, "nothing is ever below 0"),
        ({"metric": "failed_calls", "threshold": 0, "operator": "below"}, "nothing is ever below 0"),
        ({"metric": "sentiment_mean", "threshold": 1}, "nothing is ever above 1"),
        ({"severity": "info", "channels": ["boss"]}, "no level that any of its channels takes"),
    ],
)
def test_a_rule_that_would_tell_nobody_is_not_stored(
    database: Database[Document],
    mails: Mails,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    changes: dict[str, object],
    said: str,
) -> None:
    """The import says which rule and why, and stores the others; the doctor finds one that is stored."""
    monkeypatch.setenv("ALERT_APPRISE_URLS", "boss[critical]=email://boss@example.com")
    get_settings.cache_clear()
    table = {"id": "own", "name": "Own", "metric": "call_failure_rate", "threshold": 0.25} | changes
    rule = AlertRule.model_validate(table)
    file = tmp_path / "import.toml"
    file.write_text(to_toml([RULE, rule]))
    result = CliRunner().invoke(app, ["rules", "import", str(file)])
    assert (result.exit_code, "1 rule stored, 1 refused" in result.output) == (1, True)
    assert said in result.output
    assert [row["_id"] for row in database["rules"].find()] == ["calls_fail"]
    save_rule(database, rule, "asha")
    assert any(said in finding.text and finding.state == State.WARN for finding in look_at_rules(database))


@pytest.mark.parametrize("channels", [["slak"], ["slak", "pager"]])
def test_a_rule_whose_channel_is_gone_tells_every_channel_and_says_why(
    database: Database[Document], mails: Mails, monkeypatch: pytest.MonkeyPatch, channels: list[str]
) -> None:
    """A page to too many is better than none."""
    monkeypatch.setenv("ALERT_EMAIL_TO", "ops@example.com")
    monkeypatch.setenv("ALERT_APPRISE_URLS", "boss=email://boss@example.com")
    get_settings.cache_clear()
    save_rule(database, RULE.model_copy(update={"channels": tuple(channels)}), "asha")
    for built_in in built_in_rules():
        save_rule(database, built_in.model_copy(update={"enabled": False}), "asha")
    record(database, NOON, total=30, failed=12)
    report = check(0)
    assert sorted(mail["To"] for mail in mails.received) == ["boss@example.com", "ops@example.com"]
    assert "not set up, so every channel is told" in text_of(mails.received[0])
    assert any("'slak'" in note for note in report.notes)
