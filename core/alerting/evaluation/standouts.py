"""Find the cause: which calls make a rule's value bad, and what they have in common. Pure functions."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from core.aggregation.rollups.conditions import Bools
from core.aggregation.story.standing_out import Standout, standing_out
from core.alerting.evaluation.call_columns import CallColumns
from core.alerting.evaluation.findings import Evaluation
from core.models.definitions import RATES
from core.models.rules import LABELS, AlertRule

MOST_KINDS = 3
EXAMPLES = 3


def bad_calls(evaluation: Evaluation, calls: CallColumns) -> tuple[Bools, Bools] | None:
    """Return which of an instance's calls make its value bad, and which count at all.

    None if no single call does: for a count of all calls, for too few calls, and for what is usual.
    """
    rule, severity = evaluation.rule, evaluation.severity
    if rule.baseline != "none" or severity is None or not len(calls):
        return None
    above = rule.operator == "above"
    everything = np.ones(len(calls), dtype=bool)
    if rule.measure.unit == "share":
        rate = RATES[rule.measure.fields[0]]
        part, whole = calls.columns[rate.part].astype(bool), calls.columns[rate.whole].astype(bool)
        return part & whole if above else whole & ~part, whole
    if rule.measure.statistic:
        bound = rule.levels[severity].threshold
        values = [calls.columns[field] for field in rule.measure.fields]
        beyond = [(value > bound) if above else (value < bound) for value in values]
        return np.logical_or.reduce(beyond), np.logical_or.reduce([~np.isnan(value) for value in values])
    flag = calls.columns.get(rule.measure.name)
    bad = None if flag is None or not above or rule.measure.unit != "calls" else flag.astype(bool)
    return None if bad is None or bad.all() else (bad, everything)


def standouts(rule: AlertRule, calls: CallColumns, bad: Bools, counted: Bools) -> list[Standout]:
    """Return what stands out for each label that the rule does not fix, clearest first."""
    fixed = {*rule.filters, *rule.group_by, "status"}
    found = [
        one
        for label in LABELS
        if label not in fixed and (one := _worst(label, calls, bad, counted)) is not None
    ]
    return sorted(found, key=lambda one: one.excess, reverse=True)


def _worst(label: str, calls: CallColumns, bad: Bools, counted: Bools) -> Standout | None:
    codes, words = calls.columns[label], calls.words[label]
    if not words[1:]:
        return None  # there are no others
    bads, alls = (np.bincount(codes[of], minlength=len(words)) for of in (bad & counted, counted))
    return max(standing_out(label, words, bads, alls), key=lambda one: one.excess, default=None)


def newest(calls: CallColumns, bad: Bools, counted: Bools, most: int) -> list[str]:
    """Return the ids of at most that many bad calls, newest first."""
    rows = np.flatnonzero(bad & counted)
    order = np.argsort(calls.columns["end_time"][rows], kind="stable")[::-1]
    return [str(call_id) for call_id in calls.columns["call_id"][rows[order][:most]]]


def kinds(errors: Iterable[Sequence[Mapping[str, str] | str]]) -> str:
    """Return the most common kinds of error, each with its number of calls: ``llm_timeout 9``."""
    counted = Counter(kind for of_call in errors for kind in _distinct(of_call))
    return ", ".join(f"{kind} {count:,}" for kind, count in counted.most_common(MOST_KINDS))


def _distinct(errors: Sequence[Mapping[str, str] | str]) -> set[str]:
    return {error if isinstance(error, str) else str(error.get("type", "")) for error in errors} - {""}


def facts(found: Sequence[Standout], kinds_: str, links: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Return a message's facts about the cause."""
    if found:
        yield "Stands out", "; ".join(one.words for one in found)
    if kinds_:
        yield "Errors", kinds_
    yield from ((f"Example {number}", link) for number, link in enumerate(links[:EXAMPLES], start=1))
