"""What alert rules can measure, derived from the definitions of the metrics."""

from dataclasses import dataclass
from typing import Literal

from core.models.calls.calling_rules import CALLING_RULES
from core.models.definitions import COUNTS, DISTRIBUTIONS, PRICES, RATES, STATISTICS, Distribution

Unit = Literal["share", "calls", "ms", "s", "score", "min", "times", "rupees"]
_NAMES = {"failure_rate": "call_failure_rate"}
"""Rates that rules call by another name."""
ANY_VIOLATION = "compliance_violations"
"""Calls that violate any of the rules of calling."""


@dataclass(frozen=True)
class RuleMetric:
    """What a rule can measure: the ``statistic`` of the worst of ``fields``, in ``unit``.

    With ``per``, the key of a count, it is the sum of its field ÷ that count: a price.
    """

    name: str
    unit: Unit
    fields: tuple[str, ...]
    statistic: str = ""
    per: str = ""

    @property
    def sampled(self) -> bool:
        """Whether it is estimated from calls, so that few of them mislead; a count is not."""
        return self.unit not in {"calls", "min"}

    @property
    def samples(self) -> str:
        """Return what its samples are called: ``calls``, ``requests``, or what a price is for."""
        if self.per:
            return COUNTS[self.per].label.lower()
        return "requests" if self.of_requests else "calls"

    @property
    def of_requests(self) -> bool:
        """Return whether it is about requests to services, not about calls."""
        return self.name.startswith("service_")

    @property
    def of_compliance(self) -> bool:
        """Return whether it counts violations of the rules of calling, for which calls have to be read."""
        return self.name.endswith("_violations")

    @property
    def of_roll_ups(self) -> bool:
        """Return whether roll-ups contain it, so that it can be compared with past weeks."""
        return not (self.of_requests or self.of_compliance or self.unit == "min")


def _of_distribution(metric: Distribution) -> tuple[RuleMetric, ...]:
    """Yield one for each statistic: ``asr_latency_ms`` gives ``asr_latency_p95_ms`` and others."""
    stem, _, ending = metric.key.rpartition("_")
    unit: Unit = "ms" if metric.unit == "ms" else "s"
    return tuple(
        RuleMetric(f"{stem}_{statistic}_{ending}", unit, (metric.key,), statistic) for statistic in STATISTICS
    )


RULE_METRICS: dict[str, RuleMetric] = {
    metric.name: metric
    for metric in (
        *(RuleMetric(_NAMES.get(key, key), "share", (key,)) for key in RATES),
        *(
            RuleMetric(key, "calls", (key,))
            for key, count in COUNTS.items()
            if count.shown and count.unit == "calls"
        ),
        *(made for metric in DISTRIBUTIONS.values() for made in _of_distribution(metric)),
        *(
            RuleMetric(
                f"speech_latency_{statistic}_ms", "ms", ("asr_latency_ms", "tts_latency_ms"), statistic
            )
            for statistic in STATISTICS
        ),
        RuleMetric("sentiment_mean", "score", ("sentiment_score",), "mean"),
        RuleMetric("interruptions_per_call", "times", ("interruptions",), "mean"),
        RuleMetric("cost_per_call_rupees", "rupees", ("cost_rupees",), "mean"),
        *(
            RuleMetric(f"cost_{price}_rupees", "rupees", ("cost_rupees",), per=count)
            for price, count in PRICES.items()
        ),
        *(
            RuleMetric(name, "calls", (name,))
            for name in (ANY_VIOLATION, *(rule.metric for rule in CALLING_RULES.values()))
        ),
        RuleMetric("minutes_without_calls", "min", ("minutes_without_calls",)),
        RuleMetric("service_error_rate", "share", ("service_error_rate",)),
        *(
            RuleMetric(f"service_latency_{statistic}_ms", "ms", ("service_latency_ms",), statistic)
            for statistic in STATISTICS
        ),
    )
}
