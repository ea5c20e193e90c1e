"""The rules that are checked: the built-in three, or those of ALERT_RULES_FILE."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.aggregation.definitions import LATENCY_LIMIT_MS
from core.errors import UserError
from core.models.alerts import AlertRule, MetricName, Severity

RATES: frozenset[MetricName] = frozenset({"call_failure_rate", "error_rate"})

BUILT_IN_RULES: tuple[AlertRule, ...] = (
    AlertRule(
        id="call_failure_rate",
        name="Call failure rate",
        metric="call_failure_rate",
        threshold=0.10,
        severity=Severity.CRITICAL,
    ),
    AlertRule(
        id="error_rate", name="Error rate", metric="error_rate", threshold=0.05, severity=Severity.CRITICAL
    ),
    AlertRule(
        id="speech_latency",
        name="Speech latency",
        metric="speech_latency_p95_ms",
        threshold=LATENCY_LIMIT_MS,
        severity=Severity.WARNING,
    ),
)


def load_rules(path: Path | None) -> tuple[AlertRule, ...]:
    """The rules of a TOML file of ``[[rules]]``, or the built-in ones where none is named.

    Raises:
        UserError: the file cannot be read or a rule cannot be used; names file, rule and key.
    """
    if path is None:
        return BUILT_IN_RULES
    tables = _tables(path)
    rules = tuple(_rule(path, number, table) for number, table in enumerate(tables, start=1))
    ids = [rule.id for rule in rules]
    for number, name in enumerate(ids, start=1):
        if name in ids[: number - 1]:
            raise UserError(f"{_where(path, number, name)}: id is taken by an earlier rule; choose another")
    return rules


def _tables(path: Path) -> list[Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"ALERT_RULES_FILE {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"ALERT_RULES_FILE {path} is not valid TOML: {error}") from None
    unknown = sorted(set(content) - {"rules"})
    if unknown:
        raise UserError(f"ALERT_RULES_FILE {path}: unknown key {unknown[0]!r}; a rule begins with [[rules]]")
    tables = content.get("rules")
    if not isinstance(tables, list) or not tables:
        raise UserError(f"ALERT_RULES_FILE {path} has no rule; a rule begins with [[rules]]")
    return tables


def _rule(path: Path, number: int, table: object) -> AlertRule:
    if not isinstance(table, Mapping):
        raise UserError(f"{_where(path, number, None)} is not a table; a rule begins with [[rules]]")
    where = _where(path, number, table.get("id"))
    try:
        rule = AlertRule.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        text = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: {first['loc'][0]}: {text[0].lower()}{text[1:]}") from None
    if rule.metric in RATES and rule.threshold > 1:
        raise UserError(f"{where}: threshold: a rate runs from 0 to 1; write 0.10 for 10 %")
    return rule


def _where(path: Path, number: int, name: object) -> str:
    called = f" {name!r}" if isinstance(name, str) else ""
    return f"ALERT_RULES_FILE {path}: rule {number}{called}"
