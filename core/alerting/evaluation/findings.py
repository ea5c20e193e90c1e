"""What an evaluation finds, for those who act on it and tell of it; loads nothing of what computes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.alerting.evaluation.baseline import Usual
from core.models.alerts import Severity
from core.models.rules import AlertRule

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Measured:
    """What was measured: a value of so many samples; a share also has the ``count`` it is made of."""

    label: str
    value: float
    samples: int
    count: int | None = None


class Verdict(StrEnum):
    """What the calls of a window say about a rule."""

    BREACH = "breach"
    OK = "ok"
    TOO_FEW = "too few calls"


@dataclass(frozen=True)
class Breach:
    """What a check sees of one level: beyond its threshold, and not yet back to where it clears."""

    exceeded: bool
    uncleared: bool


@dataclass(frozen=True)
class Saying:
    """Words and facts of a finding that is not about calls."""

    words: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Evaluation:
    """What a rule sees in the calls of its window [start, end) that carry ``labels``."""

    rule: AlertRule
    start: datetime
    end: datetime
    measured: Measured | None
    samples: int
    breaches: Mapping[Severity, Breach] = field(default_factory=dict)
    labels: Labels = field(default_factory=dict)
    usual: Usual | None = None
    saying: Saying | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    """Further facts for whoever is told."""

    @property
    def verdict(self) -> Verdict:
        """The finding in a word."""
        if self.measured is None:
            return Verdict.TOO_FEW
        return Verdict.BREACH if self.severity else Verdict.OK

    @property
    def severity(self) -> Severity | None:
        """The worst level whose threshold is exceeded."""
        exceeded = [severity for severity, breach in self.breaches.items() if breach.exceeded]
        return max(exceeded, key=lambda severity: severity.rank, default=None)
