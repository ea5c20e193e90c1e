"""The ``rules`` collection: what was added to the built-in rules, or changed; and which are in force."""

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.alerting.rules.builtin import built_in_rules
from core.alerting.rules.toml_file import RuleSet, parse_rule, read_rules
from core.clock import utc_now
from core.errors import UserError
from core.models.rules import RULE_SCHEMA_VERSION, AlertRule
from core.settings import get_settings
from core.storage.collections import RULES
from core.types import Document


def rules_in_force(database: Database[Document]) -> RuleSet:
    """The rules that a check looks at, disabled ones among them.

    Raises:
        UserError: ALERT_RULES_FILE cannot be used.
    """
    settings = get_settings()
    if settings.alert_rules_file is not None:
        return read_rules(settings.alert_rules_file)
    return _overlaid(database[RULES].find().sort("_id"))


async def rules_in_force_async(database: AsyncDatabase[Document]) -> RuleSet:
    """The same for asyncio code."""
    settings = get_settings()
    if settings.alert_rules_file is not None:
        return read_rules(settings.alert_rules_file)
    return _overlaid(await database[RULES].find().sort("_id").to_list())


def _overlaid(rows: Iterable[Mapping[str, Any]]) -> RuleSet:
    rules = {rule.id: rule for rule in built_in_rules(get_settings().alert_profile)}
    refused = []
    for row in rows:
        try:
            rules[str(row["_id"])] = parse_rule(row.get("rule"))
        except UserError as error:
            refused.append(f"stored rule {row['_id']!r}: {error}")
    return RuleSet(tuple(rules.values()), tuple(refused))


def save_rule(database: Database[Document], rule: AlertRule, author: str) -> None:
    """Store a rule; one with the id of a built-in rule takes its place.

    Raises:
        UserError: the rules come from ALERT_RULES_FILE.
    """
    _refuse_with_file()
    fields = {
        "version": RULE_SCHEMA_VERSION,
        "rule": rule.model_dump(mode="json"),
        "updated_at": utc_now(),
        "author": author,
    }
    database[RULES].replace_one({"_id": rule.id}, fields, upsert=True)


def delete_rule(database: Database[Document], rule_id: str) -> None:
    """Remove a stored rule; a built-in rule that it stood in for is back.

    Raises:
        UserError: there is none, it is built in, or the rules come from ALERT_RULES_FILE.
    """
    _refuse_with_file()
    if database[RULES].delete_one({"_id": rule_id}).deleted_count:
        return
    if rule_id in {rule.id for rule in built_in_rules()}:
        raise UserError(f"rule {rule_id!r} is built in; disable it instead")
    raise UserError(f"there is no rule {rule_id!r}")


def _refuse_with_file() -> None:
    if (path := get_settings().alert_rules_file) is not None:
        raise UserError(f"the rules come from ALERT_RULES_FILE {path}; change them there")
