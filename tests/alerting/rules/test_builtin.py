"""Rules from a file, and the one line a mistake in it gets."""

from pathlib import Path

import pytest

from core.alerting.rules.builtin import BUILT_IN_RULES, built_in_rules
from core.alerting.rules.toml_file import read_rules
from core.alerting.wording import runbook
from core.errors import UserError

GOOD = """
[[rules]]
id = "hindi_failures"
name = "Hindi calls fail"
metric = "call_failure_rate"
threshold = 0.2
severity = "warning"
window = "1d"
min_samples = 20
language = "hindi"
"""


def test_the_built_in_rules_are_those_agreed_on() -> None:
    """Failures above 10 %, errors above 5 %, speech above 2 s."""
    found = [
        (rule.metric, rule.window_minutes, {name: level.threshold for name, level in rule.levels.items()})
        for rule in built_in_rules()
    ]
    assert found == [
        ("call_failure_rate", 15, {"critical": 0.10}),
        ("error_rate", 15, {"critical": 0.05}),
        ("speech_latency_p95_ms", 15, {"warning": 2000}),
    ]
    assert all(rule.min_samples == 5 for rule in BUILT_IN_RULES)


def test_a_file_replaces_the_built_in_rules(tmp_path: Path) -> None:
    """One rule in the file is the only rule."""
    file = tmp_path / "rules.toml"
    file.write_text(GOOD)
    (rule,) = read_rules(file).rules
    assert (rule.id, rule.window_minutes, rule.language) == ("hindi_failures", 1440, "hindi")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rules]\n", "is not valid TOML"),
        ("", "has no rule"),
        ("[[rule]]\n", "unknown key 'rule'"),
        (f"x = {'[' * 20_000}", "nested too deeply"),
    ],
)
def test_a_file_without_rules_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    """Whoever wrote the file knows where to look."""
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        read_rules(file)
    assert str(error.value).startswith(f"ALERT_RULES_FILE {file}")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("1d", "soon"), "rule 2 'hindi_failures': window: is not a span of time"),
        (GOOD.replace("call_failure_rate", "mood"), "rule 2 'hindi_failures': metric: 'mood' is unknown"),
        (GOOD.replace("threshold = 0.2", ""), "rule 2 'hindi_failures': threshold: is missing"),
        (GOOD.replace("threshold", "treshold"), "treshold: is not a known field; did you mean threshold?"),
        (GOOD.replace("metric", "metrik"), "metrik: is not a known field; did you mean metric?"),
        (GOOD.replace("window", "windw"), "windw: is not a known field; did you mean window?"),
        (GOOD.replace("warning", "warn"), "levels.warn: input should be 'info', 'warning' or 'critical'"),
        (GOOD.replace("0.2", "20"), "rule 2 'hindi_failures': threshold: a rate runs from 0 to 1"),
        (GOOD.replace("language", "lang"), "rule 2 'hindi_failures': lang: "),
        (GOOD.replace("min_samples = 20", "clear = 0.3"), "clear has to lie below the threshold"),
        (GOOD.replace("hindi_failures", "other"), "rule 2 'other': id is taken"),
    ],
)
def test_a_bad_rule_is_refused_with_the_reason_and_stops_no_other(
    tmp_path: Path, text: str, said: str
) -> None:
    """The rule before it is there, and one line names file, rule and key."""
    file = tmp_path / "rules.toml"
    file.write_text(GOOD.replace("hindi_failures", "other") + text)
    found = read_rules(file)
    assert [rule.id for rule in found.rules] == ["other"]
    (line,) = found.refused
    assert str(file) in line
    assert said in line
    assert "\n" not in line


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """A file that is not there is no reason to fall back on other rules in silence."""
    with pytest.raises(UserError, match="cannot be read"):
        read_rules(tmp_path / "none.toml")


def test_the_rules_file_of_the_documentation_works(tmp_path: Path) -> None:
    """Whoever copies it has two rules."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "rules.md").read_text()
    file = tmp_path / "rules.toml"
    file.write_text(text.split("## Write your own rules")[1].split("```toml\n")[1].split("```")[0])
    assert [rule.id for rule in read_rules(file).rules] == [
        *("hinglish_failures", "day_errors", "slow_answers", "fewer_calls", "no_calls")
    ]
    assert read_rules(file).refused == ()


def test_every_built_in_rule_has_its_runbook() -> None:
    """The path in a message leads to a page."""
    root = Path(__file__).resolve().parents[3]
    assert all((root / str(runbook(rule))).is_file() for rule in BUILT_IN_RULES)
