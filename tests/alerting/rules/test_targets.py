"""Targets of key figures: what a file may say, what is stored, and the rules that alert on them."""

from pathlib import Path

import pytest
from pymongo.database import Database

from core.alerting.rules.rule_store import rules_in_force, save_rule
from core.alerting.rules.target_store import delete_target, save_target, targets_in_force
from core.alerting.rules.targets import Target, keys, parse_target, read_targets
from core.errors import UserError
from core.models.alerts import Severity
from core.settings import get_settings
from core.types import Document


def test_a_file_names_figures_as_the_definitions_do(tmp_path: Path) -> None:
    """A number is enough; a table says how bad it is to miss it."""
    file = tmp_path / "targets.toml"
    file.write_text(
        'failure_rate = {target = 0.05, alert = "warning"}\n'
        "cost.per_qualified_lead = 120\n"
        "e2e_latency_ms.p95 = 3500\n"
        "answer_rate = 0.6\n"
    )
    targets = read_targets(file)
    assert [*targets] == ["failure_rate", "cost.per_qualified_lead", "e2e_latency_ms.p95", "answer_rate"]
    assert targets["cost.per_qualified_lead"].is_missed_by(130)
    assert not targets["cost.per_qualified_lead"].is_missed_by(120)
    assert targets["answer_rate"].is_missed_by(0.59)
    assert targets["failure_rate"].alert == Severity.WARNING


@pytest.mark.parametrize(
    ("metric", "part", "given", "said"),
    [
        ("failure_rate", "", 5, "a rate runs from 0 to 1"),
        ("failure_rate", "", True, "has to be a number, not true or false"),
        ("failure_rate", "", {"target": True}, "has to be a number, not true or false"),
        ("e2e_latency_ms", "", 3500, "write e2e_latency_ms.mean, e2e_latency_ms.p50"),
        ("total_calls", "", 5, "has no better and worse"),
        ("typo", "", 5, "'typo' has no better and worse"),
        ("answer_rate", "", {"target": 0.5, "goal": 1}, "goal"),
    ],
)
def test_what_cannot_be_a_target_is_refused(metric: str, part: str, given: object, said: str) -> None:
    """With the remedy."""
    with pytest.raises(UserError, match=said):
        parse_target(metric, part, given)


def test_every_figure_that_can_have_a_target_makes_one() -> None:
    """The list on the screen offers nothing that is refused, and each can alert."""
    for key in keys():
        metric, _, part = key.partition(".")
        made = parse_target(metric, part, {"target": 0.5, "alert": "info"})
        assert made.key == key
        assert made.rule(), key
    assert {"qualification_rate", "llm_latency_ms.p95", "cost.per_call", "sentiment_score"} <= {*keys()}


def test_a_target_that_alerts_is_a_rule(database: Database[Document]) -> None:
    """Beside the built-in ones; a stored rule of that id takes its place, and it goes with its target."""
    save_target(database, Target(metric="answer_rate", target=0.6, alert=Severity.WARNING), "asha")
    save_target(database, Target(metric="asr_latency_ms", part="p95", target=900), "asha")
    rules = {rule.id: rule for rule in rules_in_force(database).rules}
    made = rules["target-answer_rate"]
    assert (made.metric, made.operator, made.first_level.threshold) == ("answer_rate", "below", 0.6)
    assert "target-asr_latency_ms-p95" not in rules
    save_rule(database, made.model_copy(update={"enabled": False}), "asha")
    assert [rule.enabled for rule in rules_in_force(database).rules if rule.id == made.id] == [False]
    delete_target(database, "answer_rate", "asha")
    assert [*targets_in_force(database).targets] == ["asr_latency_ms.p95"]


def test_the_price_of_a_lead_alerts_over_a_day() -> None:
    """With enough leads in it to say something; in words that name the figure."""
    made = Target(metric="cost", part="per_qualified_lead", target=120, alert=Severity.WARNING).rule()
    assert made
    assert made.name == "Cost per qualified lead misses its target"
    assert (made.metric, made.operator) == ("cost_per_qualified_lead_rupees", "above")
    assert (made.window_minutes, made.min_samples, made.measure.samples) == (1440, 20, "qualified leads")


def test_a_file_that_cannot_be_used_is_said_and_keeps_the_other_rules(
    database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody changes on the screen what the file says."""
    file = tmp_path / "targets.toml"
    file.write_text("failure_rate = 5\n")
    monkeypatch.setenv("KPI_TARGETS_FILE", str(file))
    get_settings.cache_clear()
    found = rules_in_force(database)
    assert "failure_rate: target: a rate runs from 0 to 1" in found.refused[0]
    assert {"call_failure_rate", "error_rate"} <= {rule.metric for rule in found.rules}
    with pytest.raises(UserError, match="change them there"):
        save_target(database, Target(metric="answer_rate", target=0.6), "asha")


@pytest.mark.parametrize("value", ["[" * 20_000, "9" * 5_000], ids=["brackets", "digits"])
def test_a_file_that_is_all_brackets_or_digits_is_said_too(tmp_path: Path, value: str) -> None:
    (tmp_path / "targets.toml").write_text(f"failure_rate = {value}")
    with pytest.raises(UserError, match=r"nested too deeply|not valid TOML"):
        read_targets(tmp_path / "targets.toml")
