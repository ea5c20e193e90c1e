"""What an evaluation finds, for code that acts on it or describes it; imports nothing that computes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.alerting.evaluation.baseline import Usual
from core.models.alerts import Severity
from core.models.rules import AlertRule

Labels = Mapping[str, str]
Key = tuple[tuple[str, str], ...]
"""Labels in a hashable form."""


def key_of(labels: Labels) -> Key:
    """Return labels in a hashable form."""
    return tuple(sorted(labels.items()))


@dataclass(frozen=True)
class Measured:
    """A measured value and its number of samples; a share also has the ``count`` it is made of."""

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
    """One level in a check: whether its threshold is exceeded, and whether it has not yet cleared."""

    exceeded: bool
    uncleared: bool


@dataclass(frozen=True)
class Saying:
    """Text and facts of a finding that is not about calls."""

    words: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Evaluation:
    """What a rule sees in the calls of its window [start, end) with these ``labels``."""

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
    """Further facts for those who are notified."""

    @property
    def verdict(self) -> Verdict:
        """Return the finding in one word."""
        if self.measured is None:
            return Verdict.TOO_FEW
        return Verdict.BREACH if self.severity else Verdict.OK

    @property
    def severity(self) -> Severity | None:
        """Return the worst level whose threshold is exceeded."""
        exceeded = [severity for severity, breach in self.breaches.items() if breach.exceeded]
        return max(exceeded, key=lambda severity: severity.rank, default=None)
