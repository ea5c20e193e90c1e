"""Rules that cannot be evaluated, or are refused: three checks in a row raise an alert about the rule."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pymongo.asynchronous.database import AsyncDatabase

from core.alerting import runbooks
from core.alerting.evaluation.findings import Breach, Evaluation, Measured, Saying
from core.alerting.rules.toml_file import UNNAMED
from core.alerting.wording import moment
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
_NAMES = {UNNAMED: "The rules file"}


@dataclass(frozen=True)
class Counted:
    """Consecutive errors as of a check, since when, and the last of them."""

    errors: int
    at: datetime
    since: datetime | None = None
    error: str = ""
    times: int = 0
    """How many there were in the row that has ended, if ``errors`` is 0."""


class RuleErrors:
    """How many times in a row each rule failed, as of one check."""

    def __init__(self, database: AsyncDatabase[Document], at: datetime, counted: dict[str, Counted]) -> None:
        self._database = database
        self._at = at
        self._counted = counted
        self._changed: set[str] = set()

    @classmethod
    async def load(cls, database: AsyncDatabase[Document], at: datetime) -> "RuleErrors":
        """Load what earlier checks left."""
        fields = Counted.__dataclass_fields__
        return cls(
            database,
            at,
            {
                row["_id"]: Counted(**{key: value for key, value in row.items() if key in fields})
                async for row in database[RULE_HEALTH].find()
            },
        )

    def follow(self, rule_id: str, name: str, error: str | None) -> Evaluation:
        """Count a rule's error, or forget earlier ones; return what that says about the rule."""
        counted = self._count(rule_id, error)
        count = counted.errors
        measured = Measured("Checks in a row", count, count)
        breach = Breach(count >= ERRORS_IN_A_ROW, count > 0)
        return Evaluation(
            _RULE,
            self._at,
            self._at,
            measured,
            count,
            {Severity.WARNING: breach},
            {"rule": rule_id},
            saying=_saying(_NAMES.get(rule_id, name), counted),
        )

    def follow_refused(self, broken: Mapping[str, str], judged: set[str]) -> Iterator[Evaluation]:
        """Do the same for refused rules without a form in force, and for the file as a whole."""
        for rule_id, reason in broken.items():
            if rule_id not in judged:
                yield self.follow(rule_id, rule_id, reason)
        if UNNAMED in self._counted and UNNAMED not in broken:
            yield self.follow(UNNAMED, UNNAMED, None)

    def forget_gone(self, broken: Mapping[str, str], judged: set[str]) -> None:
        """Forget errors of rules that are no longer checked, as these would count as failing forever."""
        if UNNAMED in broken:  # they may be in what cannot be read
            return
        for rule_id, counted in self._counted.items():
            if counted.errors and rule_id not in judged and rule_id not in broken:
                self._counted[rule_id] = Counted(0, self._at)
                self._changed.add(rule_id)

    def _count(self, rule_id: str, error: str | None) -> Counted:
        before = self._counted.get(rule_id)
        if before is not None and before.at == self._at:  # another scheduler has already counted this check
            return before
        if error is not None:
            goes_on = before is not None and before.errors > 0
            since = before.since if before and goes_on else self._at
            counted = Counted((before.errors if before else 0) + 1, self._at, since, error)
        elif before is not None and before.errors:
            counted = replace(before, errors=0, at=self._at, times=before.errors)
        else:
            return before or Counted(0, self._at)
        self._counted[rule_id] = counted
        self._changed.add(rule_id)
        return counted

    async def save(self) -> None:
        """Store the counts that changed."""
        for rule_id in self._changed:
            fields = {"$set": vars(self._counted[rule_id])}
            await self._database[RULE_HEALTH].update_one({"_id": rule_id}, fields, upsert=True)


def _saying(name: str, counted: Counted) -> Saying:
    facts = {"Last error": counted.error} if counted.error else {}
    if counted.since is not None:
        facts["Failing since"] = moment(counted.since)
    if counted.errors:
        facts["Checks in a row"] = str(counted.errors)
        words = f"{name} cannot be evaluated ({counted.error}), {counted.errors} checks in a row"
    else:
        facts["Checks in a row"] = str(counted.times)
        words = (
            f"Rule '{name}' is evaluated again"
            if name not in _NAMES.values()
            else f"{name} can be used again"
        )
    facts["Runbook"] = runbooks.link(_RULE.runbook or "")
    return Saying(words, facts)
