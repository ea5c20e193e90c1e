"""The panel of Explore: a figure by group, as chart and table, with interval and number of calls."""

from collections.abc import Mapping

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
from dashboard.panels.panel import Panel
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


def panel(answer: Answer, question: Question, statistic: str, palette: Palette) -> Panel:
    """Return one figure per group; groups beyond the largest are merged into one grey bar."""
    field, unit = question.field, readings.unit_of(question.measure)
    read = {
        value_label(field, str(key)): readings.read(row, question.measure, statistic)
        for key, row in zip(answer.rows.index, answer.rows.to_dict("records"), strict=True)
    }
    rest = [readings.read(row, question.measure, statistic) for row in answer.other.to_dict("records")]
    hidden = answer.groups - len(answer.rows)
    every = {**read, **{f"{OTHERS} ({hidden:,})": one for one in rest}}
    known = {name: one for name, one in every.items() if one.is_known}
    bars = [_bar(name, one, unit, muted=name not in read) for name, one in known.items()]
    caption = _caption(answer, question, statistic, known)
    table = _table(every, answer, question, statistic)
    title = title_of(question, statistic)
    if not bars:
        return Panel("explored", title, f"None of these {answer.calls:,} calls has a value", table=table)
    if field is not None and field.order == "value":
        figure = groups.columns(bars, palette, unit=_AXIS[unit], x_title=field.label.lower())
    else:
        figure = groups.rows(bars, palette, unit=_AXIS[unit])
    return Panel(
        "explored", title, caption, figure, table, drilldown=_calls_behind(field, answer, list(known))
    )


def shown_table(answer: Answer, question: Question, statistic: str) -> pd.DataFrame:
    """Return the same figures as a Markdown table for the page."""
    field, unit = question.field, readings.unit_of(question.measure)
    rows = []
    for at, row in enumerate([*answer.rows.to_dict("records"), *answer.other.to_dict("records")]):
        one = readings.read(row, question.measure, statistic)
        is_other = at >= len(answer.rows)
        key = "" if is_other else str(answer.rows.index[at])
        name = f"{OTHERS} ({answer.groups - len(answer.rows):,})" if is_other else value_label(field, key)
        rows.append(
            {
                field.label if field else "Calls of": formats.plain(name),
                figure_label(question.measure, statistic): formats.number(one.value, unit),
                "95 % interval": _interval(one, unit),
                "n": f"{one.n:,}",
                "Calls": f"{int(row['calls']):,}",
                "Share of calls": formats.number(
                    row["calls"] / answer.calls if answer.calls else None, "share"
                ),
            }
        )
    return pd.DataFrame(rows)


def _interval(one: Reading, unit: Unit) -> str:
    if one.low is None or one.high is None:
        return formats.NONE
    return f"{formats.number(one.low, unit)} to {formats.number(one.high, unit)}"


def _bar(name: str, one: Reading, unit: Unit, *, muted: bool) -> Bar:
    scale = _SCALE.get(unit, 1.0)
    words = f"{formats.number(one.value, unit)} \N{MIDDLE DOT} n {one.n:,}"
    if one.low is None or one.high is None:
        return Bar(name, scale * one.value, words, muted=muted)
    words = f"{formats.number(one.value, unit)} ({_interval(one, unit)}) \N{MIDDLE DOT} n {one.n:,}"
    return Bar(name, scale * one.value, words, scale * one.low, scale * one.high, muted)


def _caption(answer: Answer, question: Question, statistic: str, known: Mapping[str, Reading]) -> str:
    unit, field = readings.unit_of(question.measure), question.field
    said = []
    ranked = sorted(known, key=lambda name: known[name].value)
    if len(ranked) > 1:
        high, low = (formats.plain(ranked[at]) for at in (-1, 0))
        said.append(
            f"Highest: {high}, {formats.number(known[ranked[-1]].value, unit)}; "
            f"lowest: {low}, {formats.number(known[ranked[0]].value, unit)}"
        )
    if field is not None and answer.groups > len(answer.rows):
        said.append(f"top {len(answer.rows)} of {answer.groups:,}, the rest under {OTHERS}")
    if any(one.low is not None for one in known.values()):
        said.append("lines: 95 % interval")
    if question.measure in DISTRIBUTIONS and statistic in PERCENTILES:
        said.append("exact" if answer.exact else "within 1 %")
    said.append(f"n {answer.calls:,}")
    return " \N{MIDDLE DOT} ".join(said)


def _table(every: Mapping[str, Reading], answer: Answer, question: Question, statistic: str) -> pd.DataFrame:
    field, unit = question.field, readings.unit_of(question.measure)
    scale, suffix = _SCALE.get(unit, 1.0), f" ({_AXIS[unit]})"
    label = figure_label(question.measure, statistic)
    calls = [*answer.rows["calls"], *answer.other["calls"]]
    return pd.DataFrame(
        {
            field.label if field else "Calls of": list(every),
            f"{label}{suffix}": [round(scale * one.value, 4) for one in every.values()],
            "Low": [None if one.low is None else round(scale * one.low, 4) for one in every.values()],
            "High": [None if one.high is None else round(scale * one.high, 4) for one in every.values()],
            "n": [one.n for one in every.values()],
            "Calls": [int(n) for n in calls],
        }
    )


def _calls_behind(field: Field | None, answer: Answer, shown: list[str]) -> Drilldown | None:
    """Return the drill-down of the bars, if the list of calls can filter by the field."""
    if field is None or field.key not in {*DIMENSIONS, "end_reason", "attempt"}:
        return None
    values = {value_label(field, str(key)): str(key) for key in answer.rows.index}
    return drilldown.groups(
        field.key, [values.get(name, "") for name in shown], upright=field.order == "value"
    )
