"""Random rules and values, and what the engine makes of them, to be held against Prometheus."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from core.alerting.evaluation import thresholds
from core.alerting.evaluation.findings import Evaluation, Measured
from core.alerting.state import lifecycle
from core.models.alerts import Severity
from core.models.rules import AlertRule
from tests.oracles.promtool import Case, Rule, Standing

BEGIN = datetime(2024, 10, 24, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SPANS = (0, 0, 1, 2, 3, 5, 7)
OPERATORS = {"above": ">", "below": "<"}


def cases(seed: int, rules: int, steps: int) -> list[Case]:
    """Every level of random rules over random values, where the engine says that it stands at each step."""
    rng = random.Random(seed)  # noqa: S311 (no secret)
    return [case for number in range(rules) for case in _cases(rng, f"r{seed}_{number}", steps)]


def _cases(rng: random.Random, name: str, steps: int) -> Iterator[Case]:
    rule = _rule(rng, name)
    values = list(_walk(rng, steps))
    standings = _replay(rule, values, rng)
    for severity, level in rule.levels.items():
        question = Rule(
            f"{name}_{severity}",
            ">" if rule.operator == "above" else "<",
            level.threshold,
            for_seconds=60 * rule.for_minutes,
            keep_firing_for_seconds=60 * rule.keep_firing_minutes,
            clear=level.clear,
        )
        yield Case(question, values, standings[severity])


def _rule(rng: random.Random, name: str) -> AlertRule:
    operator = rng.choice(["above", "below"])
    sign = 1 if operator == "above" else -1
    mild = rng.randint(4, 6)
    thresholds = {"warning": mild, "critical": mild + sign * rng.randint(0, 2)}
    if rng.random() < 0.5:
        del thresholds[rng.choice(["warning", "critical"])]
    levels = {
        severity: {"threshold": at, "clear": at - sign * rng.randint(0, 2) if rng.random() < 0.5 else None}
        for severity, at in thresholds.items()
    }
    return AlertRule.model_validate(
        {
            "id": name,
            "name": name,
            "metric": "total_calls",
            "operator": operator,
            "levels": levels,
            "for": rng.choice(SPANS),
            "keep_firing_for": rng.choice(SPANS),
        }
    )


def _walk(rng: random.Random, steps: int) -> Iterator[float]:
    """Small whole numbers that linger, so that thresholds are hit exactly and times are long and short."""
    value = 5
    for _ in range(steps):
        if rng.random() < 0.5:
            value = min(9, max(1, value + rng.choice([-3, -2, -1, 1, 2, 3])))
        yield float(value)


def _replay(rule: AlertRule, values: list[float], rng: random.Random) -> dict[Severity, list[Standing]]:
    """Where each level stands after each check; now and then the engine starts anew from what is stored."""
    standings: dict[Severity, list[Standing]] = {severity: [] for severity in rule.levels}
    record: lifecycle.AlertRecord | None = None
    for step, value in enumerate(values):
        at = BEGIN + step * MINUTE
        measured = Measured("calls", value, 10)
        found = Evaluation(rule, at - MINUTE, at, measured, 10, thresholds.breaches_of(rule, measured))
        record = lifecycle.advance(record, found, at).after
        if record is not None and rng.random() < 0.3:
            record = lifecycle.AlertRecord.of({"_id": record.alert.id, **record.document()})
        for severity, standing in standings.items():
            hold = record.holds.get(severity) if record else None
            standing.append("inactive" if hold is None else "firing" if hold.fires else "pending")
    return standings
