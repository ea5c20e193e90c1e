"""Alerts in words: values, periods, limits, and the sentence that says what a rule found."""

from collections.abc import Mapping
from datetime import datetime

from core.alerting import runbooks
from core.alerting.evaluation.findings import Evaluation
from core.models.alerts import Severity
from core.models.metrics import CallStatus
from core.models.rule_metrics import Unit
from core.models.rules import AlertRule
from core.settings import get_settings

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
_SECOND = 1_000
"""In milliseconds: latencies from here on read better in seconds."""
_DIGITS = {"%": 1, "s": 1, "rupees": 2}
_OUTCOMES = {
    "call_failure_rate": CallStatus.FAILED,
    "failed_calls": CallStatus.FAILED,
    "no_answer_calls": CallStatus.NO_ANSWER,
    "completed_calls": CallStatus.COMPLETED,
}
_RUNBOOKS = {
    "call_failure_rate": "docs/runbooks/call_failure_rate.md",
    "error_rate": "docs/runbooks/error_rate.md",
    "minutes_without_calls": "docs/runbooks/no_calls.md",
    "total_calls": "docs/runbooks/no_calls.md",
}


def quantity(value: float, unit_: str, apart_from: float | None = None) -> str:
    """Return ``12.5 %``, ``812 ms``, ``3.7 s`` or ``₹4.30``, with decimals to tell it from the other."""
    if unit_ == "ms" and abs(value) >= _SECOND:
        return quantity(value / _SECOND, "s", None if apart_from is None else apart_from / _SECOND)
    digits = _DIGITS.get(unit_, 1 if value % 1 else 0)
    while apart_from is not None and value != apart_from and digits < 6:  # noqa: PLR2004 (enough for any count)
        if f"{value:.{digits}f}" != f"{apart_from:.{digits}f}":
            break
        digits += 1
    number = f"{value:,.{digits}f}"
    if unit_ == "rupees":
        return f"₹{number}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {unit_}".rstrip()


def moment(at: datetime) -> str:
    """Return a time as people read it, with its zone: ``24 Oct 2024, 18:15 IST``."""
    local = at.astimezone(get_settings().tz)
    return f"{_day(local)}, {local:%H:%M} {local:%Z}"


def period(start: datetime, end: datetime) -> str:
    """Return a period as people read it: ``24 Oct 2024, 18:00–18:15 IST``."""  # noqa: RUF002 (as it is printed)
    zone = get_settings().tz
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.date() == last.date():
        return f"{_day(first)}, {first:%H:%M}–{last:%H:%M} {last:%Z}"  # noqa: RUF001 (an en dash is meant)
    return f"{_day(first)}, {first:%H:%M} – {_day(last)}, {last:%H:%M} {last:%Z}"  # noqa: RUF001 (an en dash)


def _day(local: datetime) -> str:
    return f"{local.day} {local:%b %Y}"


def runbook(rule: AlertRule) -> str | None:
    """Return where to read what to do about a rule's alert."""
    if rule.runbook:
        return rule.runbook
    if rule.measure.of_compliance:
        return "docs/runbooks/calling_hours.md"
    slow = rule.measure.unit == "ms" and not rule.measure.of_requests
    return "docs/runbooks/speech_latency.md" if slow else _RUNBOOKS.get(rule.metric)


def outcome(rule: AlertRule) -> str | None:
    """Return the ending that a rule is about, if it is about one."""
    return _OUTCOMES.get(rule.metric)


def unit(rule: AlertRule) -> str:
    """Return the unit of values that people see."""
    return _UNITS[rule.measure.unit]


def shown(rule: AlertRule, value: float) -> float:
    """Return a value in the unit people see: a share as per cent."""
    return value * 100 if rule.measure.unit == "share" else value


def limit(evaluation: Evaluation, severity: Severity | None) -> float | None:
    """Return the threshold that a value is compared with, in the unit of the rule's metric."""
    rule, usual = evaluation.rule, evaluation.usual
    if usual is not None:
        return usual.high if rule.operator == "above" else usual.low
    if rule.baseline != "none":
        return None
    level = rule.levels.get(severity) if severity else None
    return (level or rule.first_level).threshold


def sentence(evaluation: Evaluation, severity: Severity | None = None) -> str:
    """Return the finding in one sentence, without a full stop; ``severity`` says which level it is about."""
    rule, measured = evaluation.rule, evaluation.measured
    if evaluation.saying is not None:
        return evaluation.saying.words
    if measured is None:
        return f"{rule.name}{only(evaluation)}: {_too_little(evaluation)}"
    bound = limit(evaluation, severity or evaluation.severity)
    apart = None if bound is None else shown(rule, bound)
    value = quantity(shown(rule, measured.value), unit(rule), apart_from=apart)
    said = f"{measured.label} {value}{_of(evaluation)}{only(evaluation)}"
    if evaluation.usual is not None:
        return f"{said}, expected {expected(evaluation)}"
    return said if apart is None else f"{said}, limit {quantity(apart, unit(rule))}"


def _too_little(evaluation: Evaluation) -> str:
    rule = evaluation.rule
    if rule.baseline != "none" and (not rule.measure.sampled or evaluation.samples >= rule.min_samples):
        return "too little history to say what is usual"
    return f"{evaluation.samples} {rule.measure.samples}, fewer than {rule.min_samples}"


def expected(evaluation: Evaluation) -> str:
    """Return the usual range: ``40–60`` with its unit."""  # noqa: RUF002 (as it is printed)
    rule, usual = evaluation.rule, evaluation.usual
    if usual is None:
        return ""
    ends, shown_in = [shown(rule, value) for value in (usual.low, usual.high)], unit(rule)
    if shown_in == "ms" and ends[1] >= _SECOND:
        ends, shown_in = [round(end / _SECOND, 1) for end in ends], "s"
    else:
        ends = [round(end) for end in ends]
    low, high = (quantity(end, "") for end in ends)
    if shown_in == "rupees":
        return f"₹{low}–{high}"  # noqa: RUF001 (an en dash is meant)
    return f"{low}–{high} {shown_in}".rstrip()  # noqa: RUF001 (an en dash is meant)


def _of(evaluation: Evaluation) -> str:
    measured = evaluation.measured
    if measured is None or not evaluation.rule.measure.sampled:
        return ""
    of = f"{measured.count} of {measured.samples}" if measured.count is not None else f"{measured.samples}"
    return f" ({of} {evaluation.rule.measure.samples})"


def no_more(rule: AlertRule) -> str:
    """Return the name of the fact that a figure is older than its window."""
    return f"No {'requests' if rule.measure.of_requests else 'calls'} since"


def only(evaluation: Evaluation) -> str:
    """Return the labels of an instance, without the rule's own filters."""
    own = evaluation.rule.filters
    labels = {key: value for key, value in evaluation.labels.items() if key not in own}
    return "".join(f" [{key} {value or 'none'}]" for key, value in labels.items())


def label_words(labels: Mapping[str, str]) -> list[str]:
    """Return the values of an alert's labels; of calls without one: ``no campaign``."""
    return [value or f"no {name}" for name, value in labels.items()]


def facts_of(evaluation: Evaluation) -> dict[str, str]:
    """Return what a message says besides the finding; stored with the alert for later display."""
    if evaluation.saying is not None:
        return {**evaluation.saying.facts, **evaluation.notes}
    what = evaluation.rule.measure.samples.capitalize()
    facts = {"Period": period(evaluation.start, evaluation.end), what: f"{evaluation.samples:,}"}
    if evaluation.labels:
        facts["Only"] = ", ".join(f"{key} {value or 'none'}" for key, value in evaluation.labels.items())
    if evaluation.usual is not None:
        facts["Expected"] = f"{expected(evaluation)}, from {evaluation.usual.weeks} weeks at this hour"
    if where := runbook(evaluation.rule):
        facts["Runbook"] = runbooks.link(where)
    return {**facts, **evaluation.notes}
