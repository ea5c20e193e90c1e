"""The targets of key figures in force: those of KPI_TARGETS_FILE, or those set on the dashboard."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from core.alerting.rules.targets import Target, Targets, read_targets
from core.clock import utc_now
from core.errors import UserError
from core.models.rules import AlertRule
from core.settings import get_settings
from core.storage.collections import INSTALLATION, TARGETS
from core.types import Document


@dataclass(frozen=True)
class TargetSet:
    """Targets by key, and why KPI_TARGETS_FILE cannot be used; "" if it can."""

    targets: Targets = field(default_factory=dict)
    refused: str = ""

    @property
    def rules(self) -> list[AlertRule]:
        """Return the rules that alert on targets."""
        return [rule for target in self.targets.values() if (rule := target.rule()) is not None]


def targets_in_force(database: Database[Document]) -> TargetSet:
    """Return the targets of KPI_TARGETS_FILE, or else the stored ones.

    Raises:
        PyMongoError: the database does not answer.
    """
    path = get_settings().kpi_targets_file
    return _of_file(path) if path else _of(database[INSTALLATION].find_one(TARGETS))


async def targets_in_force_async(database: AsyncDatabase[Document]) -> TargetSet:
    """Return the targets in force, for asyncio code."""
    path = get_settings().kpi_targets_file
    return _of_file(path) if path else _of(await database[INSTALLATION].find_one(TARGETS))


def _of_file(path: Path) -> TargetSet:
    try:
        return TargetSet(read_targets(path))
    except UserError as error:
        return TargetSet(refused=str(error))


def _of(row: Mapping[str, Any] | None) -> TargetSet:
    return TargetSet({target.key: target for target in _readable((row or {}).get("targets") or ())})


def _readable(forms: Iterable[object]) -> Iterator[Target]:
    for form in forms:
        with contextlib.suppress(ValueError):  # stored by another version
            yield Target.model_validate(form)


def save_target(database: Database[Document], target: Target, author: str) -> None:
    """Store a target, replacing the one for the same figure.

    Raises:
        UserError: the targets come from KPI_TARGETS_FILE.
    """
    _write(database, {**targets_in_force(database).targets, target.key: target}, author)


def delete_target(database: Database[Document], key: str, author: str) -> None:
    """Remove a target, if there is one.

    Raises:
        UserError: the targets come from KPI_TARGETS_FILE.
    """
    left = {name: target for name, target in targets_in_force(database).targets.items() if name != key}
    _write(database, left, author)


def _write(database: Database[Document], targets: Targets, author: str) -> None:
    if (path := get_settings().kpi_targets_file) is not None:
        raise UserError(f"the targets come from KPI_TARGETS_FILE {path}; change them there")
    forms = [target.model_dump(mode="json") for target in targets.values()]
    fields = {"targets": forms, "updated_at": utc_now(), "author": author}
    database[INSTALLATION].replace_one(TARGETS, fields, upsert=True)
