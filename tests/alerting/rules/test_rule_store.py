"""Rules that are stored: over the built-in ones, from file to file, and never a bad one."""

from pathlib import Path

import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from core.alerting.rules.builtin import built_in_rules
from core.alerting.rules.rule_store import delete_rule, rules_in_force, save_rule
from core.alerting.rules.toml_file import parse_rule, read_rules, to_toml
from core.cli import app
from core.errors import UserError
from core.models.rule_metrics import RULE_METRICS
from core.models.rules import AlertRule
from core.settings import get_settings
from core.types import Document

OWN = AlertRule.model_validate(
    {
        "id": "hindi_slow",
        "name": "Hindi is slow",
        "metric": "e2e_latency_p90_ms",
        "levels": {"warning": 3000, "critical": {"threshold": 5000, "clear": 4000}},
        "window": "30m",
        "for": "10m",
        "keep_firing_for": "1h",
        "language": "hindi",
        "group_by": ["campaign"],
        "channels": ["slack"],
        "active_hours": "09:00-21:00",
        "runbook": "https://wiki.example.com/slow",
    }
)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rules", *arguments])
    return result.exit_code, result.output


def test_a_stored_rule_takes_the_place_of_a_built_in_one_until_it_is_deleted(
    database: Database[Document],
) -> None:
    """The others stay as they are; a built-in rule cannot be deleted, only disabled."""
    changed = built_in_rules()[0].model_copy(update={"enabled": False})
    save_rule(database, changed, "asha")
    save_rule(database, OWN, "asha")
    found = rules_in_force(database)
    assert [rule.id for rule in found.rules] == [*(rule.id for rule in built_in_rules()), "hindi_slow"]
    assert [rule.id for rule in found.enabled] == ["error_rate", "speech_latency", "hindi_slow"]
    assert found.rules[-1] == OWN
    delete_rule(database, changed.id)
    delete_rule(database, OWN.id)
    assert rules_in_force(database).enabled == built_in_rules()
    with pytest.raises(UserError, match="is built in; disable it instead"):
        delete_rule(database, changed.id)


def test_a_stored_rule_that_became_unusable_is_refused_and_stops_no_other(
    database: Database[Document],
) -> None:
    """A metric that a later version no longer has, say."""
    save_rule(database, OWN, "asha")
    database["rules"].update_one({"_id": OWN.id}, {"$set": {"rule.metric": "mood"}})
    found = rules_in_force(database)
    assert found.rules == built_in_rules()
    assert found.refused == (
        "stored rule 'hindi_slow': metric: 'mood' is unknown; docs/rules.md lists the metrics",
    )


def test_rules_go_from_store_to_file_and_back_unchanged(database: Database[Document], tmp_path: Path) -> None:
    """Every key survives; a bad rule in the file is refused with exit code 1, the good ones are stored."""
    save_rule(database, OWN, "asha")
    file = tmp_path / "rules.toml"
    assert run("export", str(file))[0] == 0
    assert read_rules(file).rules == (*built_in_rules(), OWN)
    delete_rule(database, OWN.id)
    file.write_text(to_toml([OWN]) + '[[rules]]\nid = "bad"\n')
    code, output = run("import", str(file))
    assert code == 1
    assert "1 rule stored, 1 refused" in output
    assert "rule 2 'bad': " in output
    assert rules_in_force(database).rules[-1] == OWN


def test_with_a_rules_file_the_store_is_neither_read_nor_changed(
    database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One place holds the truth."""
    save_rule(database, OWN, "asha")
    file = tmp_path / "rules.toml"
    file.write_text(to_toml(built_in_rules("quiet")))
    monkeypatch.setenv("ALERT_RULES_FILE", str(file))
    get_settings.cache_clear()
    assert rules_in_force(database).rules == built_in_rules("quiet")
    with pytest.raises(UserError, match="ALERT_RULES_FILE"):
        save_rule(database, OWN, "asha")


def test_every_metric_is_documented() -> None:
    """Whoever writes a rule finds its name."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "rules.md").read_text()
    families = {
        name.replace(f"_{metric.statistic}_", "_P_") if metric.unit in {"ms", "s"} else name
        for name, metric in RULE_METRICS.items()
    }
    assert [name for name in sorted(families) if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    "key",
    ["threshold", "clear", "window", "for", "keep_firing_for", "min_samples", "repeat", "escalate_after"],
)
def test_true_is_no_number(key: str) -> None:
    """It would be taken for 1: a rate that is never passed, or a window of a minute."""
    table = {"id": "r", "name": "R", "metric": "call_failure_rate", "threshold": 1.0, key: True}
    with pytest.raises(UserError, match=rf"{key}: has to be a number, not true or false"):
        parse_rule(table)


def test_a_level_is_read_like_a_threshold() -> None:
    """A number in quotes is one in both; true is one in neither."""
    table = {"id": "r", "name": "R", "metric": "call_failure_rate", "levels": {"critical": "0.3"}}
    assert parse_rule(table).first_level.threshold == 0.3
    with pytest.raises(UserError, match=r"levels\.critical\.threshold: has to be a number"):
        parse_rule(table | {"levels": {"critical": True}})


def test_a_number_that_no_store_holds_is_refused() -> None:
    """The rules in force are stored at each check, so that one such rule would stop all of them."""
    table = {"id": "r", "name": "R", "metric": "call_failure_rate", "threshold": 0.2}
    with pytest.raises(UserError, match="min_samples: input should be less than or equal to 1000000"):
        parse_rule(table | {"min_samples": 10**30})
