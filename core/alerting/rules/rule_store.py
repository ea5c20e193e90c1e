"""The ``rules`` collection: additions to the built-in rules and changes of them; and which rules apply."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.alerting.rules.builtin import built_in_rules
from core.alerting.rules.target_store import TargetSet, targets_in_force, targets_in_force_async
from core.alerting.rules.toml_file import UNNAMED, RuleSet, parse_rule, read_rules
from core.clock import utc_now
from core.errors import UserError
from core.models.rules import RULE_SCHEMA_VERSION, AlertRule
from core.settings import get_settings
from core.storage.collections import GOOD_RULES, RULES
from core.types import Document

SETTLED_SECONDS = 60
"""A file that is younger may be half saved, so that rules it no longer has are not gone yet."""
_OF_TARGET = "target-"


def rules_in_force(database: Database[Document]) -> RuleSet:
    """Return the rules that a check looks at, including disabled ones.

    A rule that is refused stays in force in its last good form, which ``keep_good`` stored. So does one that
    its file no longer has, until that file has been unchanged for a minute.

    Raises:
        UserError: ALERT_RULES_FILE cannot be used, and never could.
    """
    path = get_settings().alert_rules_file
    found = _of_file(path) if path else _overlaid(database[RULES].find().sort("_id"))
    found = _with_targets(found, targets_in_force(database))
    if not (found.broken or any(map(_is_unsettled, _files()))):
        return found
    return _completed(found, database[GOOD_RULES].find_one({"_id": _source()}))


async def rules_in_force_async(database: AsyncDatabase[Document]) -> RuleSet:
    """Return the rules in force, for asyncio code."""
    path = get_settings().alert_rules_file
    found = _of_file(path) if path else _overlaid(await database[RULES].find().sort("_id").to_list())
    found = _with_targets(found, await targets_in_force_async(database))
    if not (found.broken or any(map(_is_unsettled, _files()))):
        return found
    return _completed(found, await database[GOOD_RULES].find_one({"_id": _source()}))


async def keep_good(database: AsyncDatabase[Document], found: RuleSet) -> None:
    """Store the rules in force, for a time when some of them are refused."""
    forms = [rule.model_dump(mode="json") for rule in found.rules]
    kept = await database[GOOD_RULES].find_one({"_id": _source()})
    if kept is None or kept.get("rules") != forms:
        fields = {"rules": forms, "version": RULE_SCHEMA_VERSION}
        await database[GOOD_RULES].replace_one({"_id": _source()}, fields, upsert=True)


def _files() -> list[Path]:
    settings = get_settings()
    return [path for path in (settings.alert_rules_file, settings.kpi_targets_file) if path is not None]


def _file_of(rule_id: str) -> Path | None:
    settings = get_settings()
    return settings.kpi_targets_file if rule_id.startswith(_OF_TARGET) else settings.alert_rules_file


def _is_unsettled(path: Path | None) -> bool:
    """Return whether a file has just been written; a time in the future says nothing."""
    try:
        return path is not None and 0 <= time.time() - path.stat().st_mtime < SETTLED_SECONDS
    except OSError:
        return False


def _source() -> str:
    return "file" if get_settings().alert_rules_file is not None else "stored"


def _of_file(path: Path) -> RuleSet:
    try:
        return read_rules(path)
    except UserError as error:
        return RuleSet((), (str(error),), {UNNAMED: str(error)})


def _with_targets(found: RuleSet, aims: TargetSet) -> RuleSet:
    """Return the rules plus those that alert on targets; a rule with the same id replaces one of these."""
    known = {rule.id for rule in found.rules}
    rules = (*found.rules, *(rule for rule in aims.rules if rule.id not in known))
    if not aims.refused:
        return replace(found, rules=rules)
    broken = {UNNAMED: aims.refused, **found.broken}
    return RuleSet(rules, (*found.refused, aims.refused), broken)


def _completed(found: RuleSet, kept: Mapping[str, Any] | None) -> RuleSet:
    """Return the rules plus the last good form of each that was refused.

    Of two with the same id it cannot be told which one is meant: that rule stays in its last good form, too.
    A file that was cut between two rules is valid, so what it lacks is kept for as long as it may still grow.
    """
    good = list(_readable((kept or {}).get("rules") or ()))
    if found.refused and not found.rules and not good:
        raise UserError(found.refused[0])
    rules = {rule.id: rule for rule in found.rules}
    leaving = []
    for rule in good:
        unnamed = UNNAMED in found.broken and rule.id not in rules
        if unnamed or rule.id in found.broken:
            rules[rule.id] = rule
        elif rule.id not in rules and _is_unsettled(path := _file_of(rule.id)):
            rules[rule.id] = rule
            leaving.append(f"{path} no longer has the rule {rule.id!r}, which ends once it is a minute old")
    return replace(found, rules=tuple(rules.values()), leaving=tuple(leaving))


def _readable(forms: Iterable[object]) -> Iterator[AlertRule]:
    for form in forms:
        with contextlib.suppress(UserError):  # stored by an older version
            yield parse_rule(form)


def _overlaid(rows: Iterable[Mapping[str, Any]]) -> RuleSet:
    rules = {rule.id: rule for rule in built_in_rules(get_settings().alert_profile)}
    broken = {}
    for row in rows:
        try:
            rules[str(row["_id"])] = parse_rule(row.get("rule"))
        except UserError as error:
            broken[str(row["_id"])] = f"stored rule {row['_id']!r}: {error}"
    return RuleSet(tuple(rules.values()), tuple(broken.values()), broken)


def save_rule(database: Database[Document], rule: AlertRule, author: str) -> None:
    """Store a rule; one with the id of a built-in rule replaces it.

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
    """Remove a stored rule; a built-in rule that it replaced comes back.

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
