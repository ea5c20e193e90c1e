"""Rules that cannot be evaluated: three times in a row raise an alert of their own."""

from dataclasses import dataclass
from datetime import datetime

from pymongo.asynchronous.database import AsyncDatabase

from core.alerting.evaluation.measures import Measured
from core.alerting.evaluation.thresholds import Breach, Evaluation
from core.models.alerts import Severity
from core.models.rules import AlertRule, Level
from core.storage.collections import RULE_HEALTH
from core.types import Document

ERRORS_IN_A_ROW = 3
_RULE = AlertRule(
    id="rule_error",
    name="Rule cannot be evaluated",
    metric="error_calls",
    levels={Severity.WARNING: Level(threshold=ERRORS_IN_A_ROW - 1)},
    runbook="docs/runbooks/rule_error.md",
)


@dataclass(frozen=True)
class Counted:
    """Errors in a row, as of a check."""

    errors: int
    at: datetime


class RuleErrors:
    """How often in a row each rule failed, as of one check."""

    def __init__(self, database: AsyncDatabase[Document], at: datetime, counted: dict[str, Counted]) -> None:
        self._database = database
        self._at = at
        self._counted = counted
        self._changed: set[str] = set()

    @classmethod
    async def load(cls, database: AsyncDatabase[Document], at: datetime) -> "RuleErrors":
        """What earlier checks left."""
        rows = database[RULE_HEALTH].find()
        return cls(database, at, {row["_id"]: Counted(row["errors"], row["at"]) async for row in rows})

    def follow(self, rule: AlertRule, error: str | None) -> Evaluation:
        """Count a rule's error, or forget the earlier ones; what that says about the rule."""
        count = self._count(rule.id, failed=error is not None)
        measured = Measured(f"{rule.name} cannot be evaluated ({error}), times", count, count)
        breach = Breach(count >= ERRORS_IN_A_ROW, count > 0)
        labels = {"rule": rule.id}
        return Evaluation(_RULE, self._at, self._at, measured, count, {Severity.WARNING: breach}, labels)

    def _count(self, rule_id: str, *, failed: bool) -> int:
        before = self._counted.get(rule_id)
        if before is not None and before.at >= self._at:  # another scheduler has counted this check
            return before.errors
        errors = (before.errors if before else 0) + 1 if failed else 0
        if errors or (before and before.errors):
            self._counted[rule_id] = Counted(errors, self._at)
            self._changed.add(rule_id)
        return errors

    async def save(self) -> None:
        """Keep the counts that changed."""
        for rule_id in self._changed:
            fields = {"$set": vars(self._counted[rule_id])}
            await self._database[RULE_HEALTH].update_one({"_id": rule_id}, fields, upsert=True)
