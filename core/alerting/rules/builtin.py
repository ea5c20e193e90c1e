"""The built-in alert rules, and their quiet profile."""

from typing import Literal

from core.models.alerts import Severity
from core.models.definitions import LATENCY_LIMIT_MS
from core.models.rules import AlertRule, Level

Profile = Literal["strict", "quiet"]

BUILT_IN_RULES: tuple[AlertRule, ...] = (
    AlertRule(
        id="call_failure_rate",
        name="Call failure rate",
        metric="call_failure_rate",
        levels={Severity.CRITICAL: Level(threshold=0.10)},
        inhibits=("error_rate", "speech_latency"),
        runbook="docs/runbooks/call_failure_rate.md",
    ),
    AlertRule(
        id="error_rate",
        name="Error rate",
        metric="error_rate",
        levels={Severity.CRITICAL: Level(threshold=0.05)},
        runbook="docs/runbooks/error_rate.md",
    ),
    AlertRule(
        id="speech_latency",
        name="Speech latency",
        metric="speech_latency_p95_ms",
        levels={Severity.WARNING: Level(threshold=LATENCY_LIMIT_MS)},
        runbook="docs/runbooks/speech_latency.md",
    ),
)
_QUIET_CLEARS_AT = 0.8


def built_in_rules(profile: Profile = "strict") -> tuple[AlertRule, ...]:
    """Return the built-in rules.

    ``quiet`` ones wait longer, need more calls, and make sure before they page.
    """
    return BUILT_IN_RULES if profile == "strict" else tuple(map(_quiet, BUILT_IN_RULES))


def _quiet(rule: AlertRule) -> AlertRule:
    levels = {
        severity: Level(threshold=level.threshold, clear=round(level.threshold * _QUIET_CLEARS_AT, 9))
        for severity, level in rule.levels.items()
    }
    changes = {
        "for_minutes": 10,
        "keep_firing_minutes": 15,
        "min_samples": 20,
        "guard": "wilson" if rule.measure.unit == "share" else "none",
        "levels": levels,
    }
    return AlertRule.model_validate(rule.model_copy(update=changes).model_dump())
