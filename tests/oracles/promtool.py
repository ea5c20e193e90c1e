"""``promtool test rules``: Prometheus's own rule evaluation says which alerts pend and fire when."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.oracles import program

Standing = Literal["inactive", "pending", "firing"]
STEP_SECONDS = 60


@dataclass(frozen=True)
class Rule:
    """Fires while its series stands in the relation to the threshold, as Prometheus evaluates it."""

    name: str
    operator: Literal[">", ">=", "<", "<=", "==", "!="]
    threshold: float
    for_seconds: int = 0
    keep_firing_for_seconds: int = 0
    clear: float | None = None
    """Once it fires, it stands in the relation to this, until it no longer does."""


@dataclass(frozen=True)
class Case:
    """A rule, the values that its series has at each step, and where the alert is said to stand then."""

    rule: Rule
    values: Sequence[float]
    expected: Sequence[Standing]


@dataclass(frozen=True)
class Verdict:
    """What promtool said; ``complaints`` is empty where every assertion held."""

    assertions: int
    complaints: str


def check(cases: Sequence[Case], folder: Path, step_seconds: int = STEP_SECONDS) -> Verdict:
    """Let promtool compare what is expected of every case at every step with what Prometheus does."""
    rules, tests = folder / "rules.yml", folder / "tests.yml"
    rules.write_text(
        json.dumps({"groups": [{"name": "oracle", "rules": [_rule(case.rule) for case in cases]}]})
    )
    tests.write_text(json.dumps(_tests(cases, rules.name, step_seconds)))
    done = subprocess.run(
        [program("promtool"), "test", "rules", tests.name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    output = done.stdout + done.stderr
    if done.returncode == 0:
        return Verdict(sum(len(case.expected) for case in cases), "")
    assert "FAILED" in output, f"promtool could not run the test: {output[:2000]}"
    return Verdict(sum(len(case.expected) for case in cases), output)


def _rule(rule: Rule) -> dict[str, object]:
    # JSON is YAML; a duration of 0s is the default.
    value = f'value{{rule="{rule.name}"}}'
    expression = f"{value} {rule.operator} {rule.threshold!r}"
    if rule.clear is not None:
        fires = f'ALERTS{{alertname="{rule.name}", alertstate="firing"}}'
        expression += f" or ({value} {rule.operator} {rule.clear!r} and on (rule) {fires})"
    return {
        "alert": rule.name,
        "expr": expression,
        "for": f"{rule.for_seconds}s",
        "keep_firing_for": f"{rule.keep_firing_for_seconds}s",
    }


def _tests(cases: Sequence[Case], rules: str, step: int) -> dict[str, object]:
    steps = max(len(case.expected) for case in cases)
    series = [
        {
            "series": f'value{{rule="{case.rule.name}"}}',
            "values": " ".join(repr(float(value)) for value in case.values),
        }
        for case in cases
    ]
    group = {
        "interval": f"{step}s",
        "input_series": series,
        "promql_expr_test": [_at(cases, index, step) for index in range(steps)],
    }
    return {"rule_files": [rules], "evaluation_interval": f"{step}s", "tests": [group]}


def _at(cases: Sequence[Case], index: int, step: int) -> Mapping[str, Any]:
    standing = {case.rule.name: case.expected[index] for case in cases if index < len(case.expected)}
    samples = [
        {"labels": f'{{alertname="{name}", alertstate="{state}"}}', "value": 1}
        for name, state in standing.items()
        if state != "inactive"
    ]
    expression = 'sum by (alertname, alertstate) (ALERTS{alertname=~"' + "|".join(standing) + '"})'
    return {"expr": expression, "eval_time": f"{index * step}s", "exp_samples": samples}
