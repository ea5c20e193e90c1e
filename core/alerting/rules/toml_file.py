"""Alert rules as TOML: read ALERT_RULES_FILE, parse one rule, and write rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from core.errors import UserError, one_line
from core.files import read_toml
from core.models.rules import AlertRule, is_rule_id, span

_SPANS = {
    "window_minutes": "window",
    "for_minutes": "for",
    "keep_firing_minutes": "keep_firing_for",
    "escalate_after_minutes": "escalate_after",
    "repeat_minutes": "repeat",
}
UNNAMED = "rules file"
"""Stands for a file that cannot be used at all, and for a refused rule without an id."""


@dataclass(frozen=True)
class RuleSet:
    """Rules that can be used, and for each that cannot one line that says why."""

    rules: tuple[AlertRule, ...]
    refused: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    """Return the ids of what was refused, or UNNAMED, and why; earlier forms of these stay in force."""
    leaving: tuple[str, ...] = ()
    """For each rule that a file just written no longer has, one line: it may be half saved."""

    @property
    def enabled(self) -> tuple[AlertRule, ...]:
        """Return the rules that are checked."""
        return tuple(rule for rule in self.rules if rule.enabled)


def read_rules(path: Path, source: str = "ALERT_RULES_FILE") -> RuleSet:
    """Return the rules of a TOML file of ``[[rules]]``.

    A rule that cannot be used does not exclude the others.

    Raises:
        UserError: the file cannot be read, is not TOML, or has no rules.
    """
    where = f"{source} {path}"
    rules: dict[str, AlertRule] = {}
    refused: list[str] = []
    broken: dict[str, str] = {}
    for number, table in enumerate(_tables(path, where), start=1):
        try:
            rule = parse_rule(table)
            if rule.id in rules:
                raise UserError("id is taken by an earlier rule; choose another")
            rules[rule.id] = rule
        except UserError as error:
            name = table.get("id") if isinstance(table, Mapping) else None
            called = f" {name!r}" if isinstance(name, str) else ""
            refused.append(f"{where}: rule {number}{called}: {error}")
            broken.setdefault(name if is_rule_id(name) else UNNAMED, refused[-1])
    return RuleSet(tuple(rules.values()), tuple(refused), broken)


def _tables(path: Path, where: str) -> list[Any]:
    content = read_toml(path, where)
    unknown = sorted(set(content) - {"rules"})
    if unknown:
        raise UserError(f"{where}: unknown key {unknown[0]!r}; a rule begins with [[rules]]")
    tables = content.get("rules")
    if not isinstance(tables, list) or not tables:
        raise UserError(f"{where} has no rule; a rule begins with [[rules]]")
    return tables


def parse_rule(table: object) -> AlertRule:
    """Return the rule with these keys.

    Raises:
        UserError: it is invalid; one line that names the key and the remedy.
    """
    if not isinstance(table, Mapping):
        raise UserError("is not a table; a rule begins with [[rules]]")
    try:
        return AlertRule.model_validate(table)
    except ValidationError as error:
        raise UserError(one_line(error, AlertRule.keys())) from None


def as_table(rule: AlertRule) -> dict[str, Any]:
    """Return a rule's keys, without those at their default."""
    fields = rule.model_dump(mode="json", exclude_defaults=True)
    table = {_SPANS.get(key, key): span(value) if key in _SPANS else value for key, value in fields.items()}
    table["levels"] = {
        severity: level["threshold"] if level.get("clear") is None else level
        for severity, level in fields["levels"].items()
    }
    return table


def to_toml(rules: Iterable[AlertRule]) -> str:
    """Return rules as a TOML file that ``read_rules`` reads."""
    return tomli_w.dumps({"rules": [as_table(rule) for rule in rules]})
