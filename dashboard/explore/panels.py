"""The panel of Explore: a figure by group, as chart and table, with interval and number of calls."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from core.aggregation.columnar.fields import METADATA, Field
from core.aggregation.columnar.question import Answer, Question
from core.models.definitions import DIMENSIONS, DISTRIBUTIONS, METRICS, PERCENTILES, Unit
from dashboard import drilldown, formats
from dashboard.charts import groups
from dashboard.charts.groups import Bar
from dashboard.charts.time_series import WEEKDAYS
from dashboard.drilldown import Drilldown
from dashboard.explore import readings
from dashboard.explore.readings import Reading
from dashboard.filters import label
from dashboard.panels.panel import Panel, fails_alone
from dashboard.panels.view import NO_VALUE
from dashboard.theme import Palette

OTHERS = "Other"
_SCALE = {"share": 100.0}
_AXIS = {
    "share": "%",
    "ms": "ms",
    "s": "seconds",
    "score": "score",
    "calls": "calls",
    "times": "times",
    "rupees": "\N{INDIAN RUPEE SIGN}",
}
_PLAIN = frozenset({"campaign", "agent", "agent_version", "provider", "number_series", "day", "attempt"})
"""Fields whose values are shown unchanged: names given by people, and numbers."""


def value_label(field: Field | None, value: str) -> str:
    """Return a field value's label; foreign text, not yet escaped."""
    if field is None or not value:
        return NO_VALUE if field else "All calls"
    match field.key:
        case "hour":
            return f"{int(value):02d}:00"
        case "weekday":
            return WEEKDAYS[int(value)]
        case key if key in _PLAIN or key.startswith(METADATA):
            return value
    return label(field.key, value)


def title_of(question: Question, statistic: str) -> str:
    """Return the question in words: ``End-to-end latency p95 by carrier``."""
    words, field = figure_label(question.measure, statistic), question.field
    return f"{words} by {field.label[:1].lower()}{field.label[1:]}" if field else words


def figure_label(measure: str, statistic: str) -> str:
    """Return a figure in words: ``End-to-end latency p95``, ``Cost per call``."""
    named = readings.statistics(measure).get(statistic, "").removesuffix(" (median)")
    return f"{METRICS[measure].label} {named[:1].lower()}{named[1:]}".strip()


@dataclass(frozen=True)
class _Group:
    """A row of an answer as it is shown; ``key`` is "" for no value, and for the merged values."""

    name: str
    key: str
    calls: int
    figure: Reading
    merged: bool = False


def _groups(answer: Answer, question: Question, statistic: str) -> list[_Group]:
    """Return the rows of an answer, the merged ones last; labels that several values have are the values."""
    keys = [str(key) for key in answer.rows.index]
    labels = [value_label(question.field, key) for key in keys]
    names = [key if key and labels.count(name) > 1 else name for key, name in zip(keys, labels, strict=True)]
    hidden = [f"{OTHERS} ({answer.groups - len(answer.rows):,})"] * len(answer.other)
    rows = [*answer.rows.to_dict("records"), *answer.other.to_dict("records")]
    return [
        _Group(name, key, int(row["calls"]), readings.read(row, question.measure, statistic), at >= len(keys))
        for at, (name, key, row) in enumerate(
            zip([*names, *hidden], [*keys, *("" for _ in hidden)], rows, strict=True)
        )
    ]


@fails_alone("Explore")
def panel(answer: Answer, question: Question, statistic: str, palette: Palette) -> Panel:
    """Return one figure per group; groups beyond the largest are merged into one grey bar."""
    field, unit = question.field, readings.unit_of(question.measure)
    every = _groups(answer, question, statistic)
    known = [group for group in every if group.figure.is_known]
    bars = [_bar(group, unit) for group in known]
    caption = _caption(answer, question, statistic, known)
    table = _table(every, question, statistic)
    title = title_of(question, statistic)
    if not bars:
        return Panel("explored", title, f"None of these {answer.calls:,} calls has a value", table=table)
    if field is not None and field.order == "value":
        figure = groups.columns(bars, palette, unit=_AXIS[unit], x_title=field.label.lower())
    else:
        figure = groups.rows(bars, palette, unit=_AXIS[unit])
    return Panel("explored", title, caption, figure, table, drilldown=_calls_behind(field, known))


def shown_table(answer: Answer, question: Question, statistic: str) -> pd.DataFrame:
    """Return the same figures as a Markdown table for the page."""
    field, unit = question.field, readings.unit_of(question.measure)
    return pd.DataFrame(
        [
            {
                field.label if field else "Calls of": formats.plain(group.name),
                figure_label(question.measure, statistic): formats.number(group.figure.value, unit),
                "95 % interval": _interval(group.figure, unit),
                "n": f"{group.figure.n:,}",
                "Calls": f"{group.calls:,}",
                "Share of calls": formats.number(
                    group.calls / answer.calls if answer.calls else None, "share"
                ),
            }
            for group in _groups(answer, question, statistic)
        ]
    )


def _interval(one: Reading, unit: Unit) -> str:
    if one.low is None or one.high is None:
        return formats.NONE
    return f"{formats.number(one.low, unit)} to {formats.number(one.high, unit)}"


def _bar(group: _Group, unit: Unit) -> Bar:
    name, one, muted, scale = group.name, group.figure, group.merged, _SCALE.get(unit, 1.0)
    words = f"{formats.number(one.value, unit)} \N{MIDDLE DOT} n {one.n:,}"
    if one.low is None or one.high is None:
        return Bar(name, scale * one.value, words, muted=muted)
    words = f"{formats.number(one.value, unit)} ({_interval(one, unit)}) \N{MIDDLE DOT} n {one.n:,}"
    return Bar(name, scale * one.value, words, scale * one.low, scale * one.high, muted)


def _caption(answer: Answer, question: Question, statistic: str, known: Sequence[_Group]) -> str:
    unit, field = readings.unit_of(question.measure), question.field
    said = _apart(known, unit)
    if field is not None and answer.groups > len(answer.rows):
        said.append(f"top {len(answer.rows)} of {answer.groups:,}, the rest under {OTHERS}")
    if any(group.figure.low is not None for group in known):
        said.append("lines: 95 % interval")
    if question.measure in DISTRIBUTIONS and statistic in PERCENTILES:
        said.append("exact" if answer.exact else "within 1 %")
    said.append(f"n {sum(group.figure.n for group in known):,}")
    return " \N{MIDDLE DOT} ".join(said)


def _apart(known: Sequence[_Group], unit: Unit) -> list[str]:
    """Return the highest and lowest group, or of figures with intervals the two that differ most for sure."""
    sure = [group for group in known if group.figure.low is not None]
    if len(sure) == 1 or len(known) <= 1:
        return []
    if not sure:
        high, low = (pick(known, key=lambda group: group.figure.value) for pick in (max, min))
        return [f"Highest: {_said(high, unit)}; lowest: {_said(low, unit)}"]
    high = max(sure, key=lambda group: group.figure.low or 0.0)
    low = min(sure, key=lambda group: group.figure.high or 0.0)
    if (high.figure.low or 0.0) <= (low.figure.high or 0.0):
        return ["No significant differences"]
    return [f"{_said(high, unit)}, is significantly above {_said(low, unit)}"]


def _said(group: _Group, unit: Unit) -> str:
    return f"{formats.plain(group.name)}, {formats.number(group.figure.value, unit)}"


def _table(every: Sequence[_Group], question: Question, statistic: str) -> pd.DataFrame:
    field, unit = question.field, readings.unit_of(question.measure)
    scale, suffix = _SCALE.get(unit, 1.0), f" ({_AXIS[unit]})"
    label, figures = figure_label(question.measure, statistic), [group.figure for group in every]
    return pd.DataFrame(
        {
            field.label if field else "Calls of": [group.name for group in every],
            f"{label}{suffix}": [round(scale * one.value, 4) for one in figures],
            "Low": [None if one.low is None else round(scale * one.low, 4) for one in figures],
            "High": [None if one.high is None else round(scale * one.high, 4) for one in figures],
            "n": [one.n for one in figures],
            "Calls": [group.calls for group in every],
        }
    )


def _calls_behind(field: Field | None, shown: Sequence[_Group]) -> Drilldown | None:
    """Return the drill-down of the bars, if the list of calls can filter by the field."""
    if field is None or field.key not in {*DIMENSIONS, "end_reason", "attempt"}:
        return None
    return drilldown.groups(field.key, [group.key for group in shown], upright=field.order == "value")
