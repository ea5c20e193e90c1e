"""A rule's finding in words: values, limits, periods and what to look at."""

from core.alerting.evaluate import Evaluation
from core.alerting.message import period, quantity
from core.models.alerts import Severity
from core.models.rules import AlertRule, Unit

_UNITS: dict[Unit, str] = {
    "share": "%",
    "calls": "",
    "ms": "ms",
    "s": "s",
    "score": "",
    "min": "min",
    "times": "",
    "rupees": "rupees",
}
_RUNBOOKS = {
    "call_failure_rate": "docs/runbooks/call_failure_rate.md",
    "error_rate": "docs/runbooks/error_rate.md",
    "minutes_without_calls": "docs/runbooks/no_calls.md",
    "total_calls": "docs/runbooks/no_calls.md",
    "calling_hours_violations": "docs/runbooks/calling_hours.md",
}


def runbook(rule: AlertRule) -> str | None:
    """Where it is written what to do about a rule's alert."""
    if rule.runbook:
        return rule.runbook
    slow = rule.measure.unit == "ms" and not rule.measure.of_requests
    return "docs/runbooks/speech_latency.md" if slow else _RUNBOOKS.get(rule.metric)


def unit(rule: AlertRule) -> str:
    """Unit of the values that people see."""
    return _UNITS[rule.measure.unit]


def shown(rule: AlertRule, value: float) -> float:
    """A value in the unit that people see: a share becomes per cent."""
    return value * 100 if rule.measure.unit == "share" else value


def limit(evaluation: Evaluation, severity: Severity | None) -> float | None:
    """The threshold that a value is held against, in the unit of the rule's metric."""
    rule, usual = evaluation.rule, evaluation.usual
    if usual is not None:
        return usual.high if rule.operator == "above" else usual.low
    if rule.baseline != "none":
        return None
    level = rule.levels.get(severity) if severity else None
    return (level or rule.first_level).threshold


def sentence(evaluation: Evaluation, severity: Severity | None = None) -> str:
    """The finding in one sentence, without a full stop; ``severity`` says which level it is held against."""
    rule, measured = evaluation.rule, evaluation.measured
    if measured is None:
        return f"{rule.name}{_only(evaluation)}: {_too_little(evaluation)}"
    bound = limit(evaluation, severity or evaluation.severity)
    apart = None if bound is None else shown(rule, bound)
    value = quantity(shown(rule, measured.value), unit(rule), apart_from=apart)
    said = f"{measured.label} {value}{_of(evaluation)}{_only(evaluation)}"
    if evaluation.usual is not None:
        return f"{said}, expected {expected(evaluation)}"
    return said if apart is None else f"{said}, limit {quantity(apart, unit(rule))}"


def _too_little(evaluation: Evaluation) -> str:
    rule = evaluation.rule
    if rule.baseline != "none" and (not rule.measure.sampled or evaluation.samples >= rule.min_samples):
        return "too little history to say what is usual"
    what = "requests" if rule.measure.of_requests else "calls"
    return f"{evaluation.samples} {what}, fewer than {rule.min_samples}"


def expected(evaluation: Evaluation) -> str:
    """The usual range: ``40–60`` with its unit."""  # noqa: RUF002 (as it is printed)
    rule, usual = evaluation.rule, evaluation.usual
    if usual is None:
        return ""
    low, high = (quantity(round(shown(rule, value)), "") for value in (usual.low, usual.high))
    return f"{low}–{high} {unit(rule)}".rstrip()  # noqa: RUF001 (an en dash is meant)


def _of(evaluation: Evaluation) -> str:
    measured = evaluation.measured
    if measured is None or not evaluation.rule.measure.sampled:
        return ""
    of = f"{measured.count} of {measured.samples}" if measured.count is not None else f"{measured.samples}"
    return f" ({of} {'requests' if evaluation.rule.measure.of_requests else 'calls'})"


def _only(evaluation: Evaluation) -> str:
    """The labels of an instance; a rule's own filters go without saying."""
    own = evaluation.rule.filters
    labels = {key: value for key, value in evaluation.labels.items() if key not in own}
    return "".join(f" [{key} {value or 'none'}]" for key, value in labels.items())


def facts_of(evaluation: Evaluation) -> dict[str, str]:
    """What a message says besides the finding; kept with the alert for whoever shows it later."""
    what = "Requests" if evaluation.rule.measure.of_requests else "Calls"
    facts = {"Period": period(evaluation.start, evaluation.end), what: f"{evaluation.samples:,}"}
    if evaluation.labels:
        facts["Only"] = ", ".join(f"{key} {value or 'none'}" for key, value in evaluation.labels.items())
    if evaluation.usual is not None:
        facts["Expected"] = f"{expected(evaluation)}, from {evaluation.usual.weeks} weeks at this hour"
    if where := runbook(evaluation.rule):
        facts["Runbook"] = where
    return facts
