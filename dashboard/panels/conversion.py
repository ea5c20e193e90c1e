"""The panels of Conversion: where the funnel leaks, when to call, and what a lead costs."""

from collections.abc import Collection, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from core.aggregation.best_hour import best_hour
from core.aggregation.funnel import share, stages_of, steps
from core.aggregation.intervals import SURE_FROM, wilson
from core.aggregation.series import steady_rates
from core.models.definitions import COST_PARTS, METRICS, Dimension
from core.models.figures import CostSummary
from core.models.hours import Hours
from core.models.metrics import CallSummary
from core.settings import get_settings
from dashboard import drilldown, formats
from dashboard.charts import distributions, time_series
from dashboard.charts.distributions import Dots
from dashboard.charts.time_series import WEEKDAYS
from dashboard.drilldown import CallsTarget
from dashboard.panels import headlines
from dashboard.panels.chance import of_amount
from dashboard.panels.conversations.wording import share_words
from dashboard.panels.panel import Panel, fails_alone, hours_table, timed
from dashboard.panels.view import MOST_PARTS, View, value_label

STAGES = {
    "dialled": "Dialled",
    "answered": "Answered",
    "engaged": "Engaged",
    "qualified": "Qualified",
    "handed_off": "Handed off",
}
OUTBOUND = {"direction": "outbound"}
KNOWN_ENOUGH = 0.995
LEAST_ATTEMPTS = 20
"""Hours of the week with fewer attempts are not judged."""
MOST_LINES = 3
"""Languages to draw by hour; more would overlap."""
_CONVERSIONS = ("qualification_rate", "handoff_rate")


@fails_alone("From dialled to handed off")
def funnel(view: View, frame: pd.DataFrame) -> Panel:
    """Return the funnel of outbound calls, from dialled to handed off."""
    key, title = "funnel", "From dialled to handed off"
    row = frame.iloc[0] if len(frame) else None
    if row is None or not row["dialled"]:
        return view.missing(key, title, "outbound call")
    stages = stages_of(frame)
    counts = [int(row[stage]) for stage in stages]
    leaks = {
        stage: after / before
        for stage, before, after in zip(stages[1:], counts[:-1], counts[1:], strict=True)
        if before
    }
    worst = min(leaks, key=lambda stage: leaks[stage])
    before = STAGES[stages[stages.index(worst) - 1]].lower()
    known = row["with_turns"] / row["answered"] if row["answered"] else 1.0
    partly = ""
    if known < KNOWN_ENOUGH and "engaged" in stages:
        partly = f" · speech reported by {100 * known:.0f} %"
    return Panel(
        key,
        title,
        f"Of 1,000 dialled, {1000 * counts[-1] / counts[0]:.0f} are handed off · biggest drop, from "
        f"{before} to {STAGES[worst].lower()}: {100 * (1 - leaks[worst]):.0f} %{partly} "
        f"· bars: calls, % of the previous stage · n {counts[0]:,} outbound calls",
        distributions.funnel([STAGES[stage] for stage in stages], counts, view.palette),
        pd.DataFrame(
            {
                "Stage": [STAGES[stage] for stage in stages],
                "Calls": counts,
                "Of previous stage (%)": [
                    None,
                    *(round(100 * leaks.get(s, np.nan), 1) for s in stages[1:]),
                ],
                "Of dialled (%)": [round(100 * count / counts[0], 1) for count in counts],
            }
        ),
        drilldown=drilldown.stages(STAGES, OUTBOUND),
    )


@fails_alone("Where the funnel leaks")
def leaks(view: View, by: Dimension | str, frame: pd.DataFrame) -> Panel:
    """Return the funnel's steps by language, campaign or attempt, with intervals."""
    key, title = f"leaks-{by}", f"Where the funnel leaks, by {by}"
    frame = frame[frame["dialled"] > 0]
    if not any(frame.index):
        return view.missing(key, title, f"{by} of outbound calls")
    shown = frame.iloc[:MOST_PARTS]
    enough = shown[shown["dialled"] >= LEAST_ATTEMPTS]
    charted = shown if enough.empty else enough
    parts = steps(charted)
    named = {STAGES[stage]: part for stage, part in parts.items()}
    labels = {str(name): _name(by, str(name)) for name in charted.index}
    colours = view.palette.of(list(labels)) if by != "attempt" else _ordered(view, list(labels))
    dots = [
        Dots(
            labels[name],
            colours[name],
            [parts[stage]["rate"].iloc[at] for stage in parts],
            [parts[stage]["low"].iloc[at] for stage in parts],
            [parts[stage]["high"].iloc[at] for stage in parts],
            [int(parts[stage]["n"].iloc[at]) for stage in parts],
        )
        for at, name in enumerate(labels)
    ]
    table = shown.rename(columns=STAGES)[[STAGES[stage] for stage in stages_of(shown)]].reset_index(drop=True)
    table.insert(0, str(by).capitalize(), [_name(by, str(name)) for name in shown.index])
    few = f" · hidden below {LEAST_ATTEMPTS} calls" if len(charted) < len(shown) else ""
    return Panel(
        key,
        title,
        f"{headlines.furthest_apart(named, labels)} · share of the previous stage, bars: 95 % interval{few} "
        f"· n {int(frame['dialled'].sum()):,}",
        distributions.rate_dots(list(named), dots, view.palette),
        table,
        drilldown=drilldown.dots(
            str(by), list(labels), [CallsTarget(filters=OUTBOUND, facets={"stage": s}) for s in parts]
        ),
    )


def _name(by: str, value: str) -> str:
    if by == "attempt":
        return f"attempt {value}"
    return value_label(by, value)  # type: ignore[arg-type] # a dimension


def _ordered(view: View, names: Sequence[str]) -> dict[str, str]:
    """Return colours in the order of attempts rather than of the alphabet."""
    return dict(zip(names, view.palette.cycle, strict=False))


@fails_alone("Qualification and handoff over time")
def conversions(view: View, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """Return qualification and handoff rates over time, with intervals where calls are few."""
    key, title, n = "conversions", "Qualification and handoff over time", summary.completed_calls
    if not n:
        return view.missing(key, title, "completed call")
    shown = steady_rates(frame)
    figure = time_series.lines(
        shown,
        view.lines(_CONVERSIONS, wide="qualification_rate"),
        view.window.bucket,
        view.palette,
        unit="%",
        limits=view.rate_targets(_CONVERSIONS),
    )
    few = (frame["completed"] < SURE_FROM) & shown["qualification_rate"].notna()
    for name in _CONVERSIONS:
        low, high = wilson((frame[name] * frame["completed"]).fillna(0), frame["completed"])
        colour = view.palette.colours[name]
        time_series.band(
            figure,
            pd.Series(low, frame.index).where(few),
            pd.Series(high, frame.index).where(few),
            colour,
        )
    there = frame[frame["completed"] > 0]
    return Panel(
        key,
        title,
        f"Qualified {share_words(summary.qualified_calls, n)} · "
        f"handed off {share_words(summary.handoff_calls, n)} "
        f"of n {n:,} completed calls · area: 95 % interval",
        view.annotate(figure),
        timed(
            there.assign(**{name: there[name] * 100 for name in _CONVERSIONS}),
            {"completed": "Completed"} | {name: f"{METRICS[name].label} (%)" for name in _CONVERSIONS},
            digits=1,
        ),
        drilldown=view.drilldown(frame.index),
    )


@fails_alone("Best time to call")
def best_time(
    view: View, dialled: pd.DataFrame, answered: pd.DataFrame, outside: int, zone_words: str
) -> Panel:
    """Return the answer rate by weekday and hour; ``outside``: calls outside CALLING_HOURS."""
    key, title, total = "best-time", "Best time to call: answer rate by hour", int(dialled.to_numpy().sum())
    if not total:
        return view.missing(key, title, "outbound call")
    rates = 100 * answered / dialled.where(dialled > 0)
    closed = closed_hours()
    figure = distributions.heat_map(
        rates, view.palette, unit="%", counts=dialled, least=LEAST_ATTEMPTS, closed=closed
    )
    table = hours_table({"Dialled": dialled, "Answered": answered, "Answer rate (%)": rates.round(1)})
    return Panel(
        key,
        title,
        f"{_best(dialled, answered, closed)} · {_switch(dialled, answered, closed)} "
        f"· red crosses: outside calling hours ({get_settings().calling_hours}), {outside:,} calls · "
        f"grey: fewer than {LEAST_ATTEMPTS} attempts · {zone_words} · n {total:,}",
        figure,
        table[table["Dialled"] > 0],
        drilldown=drilldown.hours(chosen=OUTBOUND),
    )


def closed_hours() -> frozenset[int]:
    """Return the hours of the day that are partly or wholly outside CALLING_HOURS."""
    zone = get_settings().tz
    allowed = Hours.parse(get_settings().calling_hours, zone)
    day = datetime(2000, 1, 1, tzinfo=zone)
    return frozenset(
        hour
        for hour in range(24)
        if not all(allowed.cover(day.replace(hour=hour, minute=minute)) for minute in range(60))
    )


def _best(dialled: pd.DataFrame, answered: pd.DataFrame, closed: Collection[int]) -> str:
    """Return the allowed hour whose interval starts highest: a good rate, with enough calls."""
    n = dialled.to_numpy()
    low, _ = wilson(answered.to_numpy(), n)
    allowed = np.array([int(hour) not in closed for hour in dialled.columns])
    low = np.where((n >= LEAST_ATTEMPTS) & allowed, low, -1.0)
    day, hour = divmod(int(low.argmax()), n.shape[1])
    if low[day, hour] < 0:
        return f"No allowed hour has {LEAST_ATTEMPTS} attempts yet"
    rate = answered.iloc[day, hour] / n[day, hour]
    return (
        f"Best: {WEEKDAYS[day]} {hour:02d}:00, {formats.number(rate, 'share')} of {n[day, hour]:,} answered"
    )


def _switch(dialled: pd.DataFrame, answered: pd.DataFrame, closed: Collection[int]) -> str:
    """Return what moving calls to the best hour of the day would bring, if significant."""
    best = best_hour(dialled, answered, closed, LEAST_ATTEMPTS)
    if best is None:
        return "too few hours to say what moving calls would bring"
    if not best.is_better:
        return f"no hour of the day is significantly better ({best.compared} compared)"
    low, high = round(1000 * best.low), round(1000 * best.high)
    return (
        f"moving calls to {best.hour:02d}:00 would bring {low:,} to {high:,} more answers per 1,000 "
        f"(95 %, {best.compared} hours compared)"
    )


@fails_alone("Qualified per call dialled, by hour and language")
def by_hour(view: View, frame: pd.DataFrame) -> Panel:
    """Return qualified leads per call dialled by hour and language, with the funnel as table."""
    key, title = "funnel-hours", "Qualified per call dialled, by hour and language"
    names = list(dict.fromkeys(str(name) for name in frame.index.get_level_values("language")))[:MOST_LINES]
    total = int(frame["dialled"].sum())
    if not total:
        return view.missing(key, title, "outbound call")
    table = frame.reset_index().rename(columns=STAGES | {"hour": "Hour", "language": "Language"})
    table = table[["Hour", "Language", *(STAGES[stage] for stage in stages_of(frame))]]
    rates = share(frame["qualified"], frame["dialled"].where(frame["dialled"] >= LEAST_ATTEMPTS, 0))
    enough = rates[(rates["n"] > 0) & rates.index.isin(names, level="language")]
    hours = sorted({int(hour) for hour in enough.index.get_level_values("hour")})
    if not hours:
        few = f"No hour has {LEAST_ATTEMPTS} outbound calls of one language yet · n {total:,}"
        return Panel(key, title, few, table=table)
    labels = {name: value_label("language", name) for name in names}
    colours = view.palette.of(list(labels))
    dots = []
    for name in names:
        mine = rates.reindex([(hour, name) for hour in hours])
        rate, low, high = (mine[column].tolist() for column in ("rate", "low", "high"))
        n = mine["n"].fillna(0).astype(int).tolist()
        dots.append(Dots(labels[name], colours[name], rate, low, high, n))
    allowed = ~rates.index.get_level_values("hour").isin(closed_hours())
    sure = rates[(rates["n"] > 0) & allowed]
    best = "No allowed hour has enough calls yet"
    if len(sure):
        at = int(sure["low"].to_numpy().argmax())
        first, language = sure.index[at]
        most, least, greatest = (100 * float(sure[name].iloc[at]) for name in ("rate", "low", "high"))
        best = (
            f"Best: {first:02d}:00, {formats.plain(value_label('language', str(language)))}, {most:.1f} % "
            f"({least:.1f} to {greatest:.1f})"
        )
    return Panel(
        key,
        title,
        f"{best} · bars: 95 % interval, hidden below {LEAST_ATTEMPTS} calls · n {total:,}",
        distributions.rate_dots([f"{hour:02d}:00" for hour in hours], dots, view.palette),
        table,
        drilldown=drilldown.dots(
            "language",
            names,
            [
                CallsTarget(filters=OUTBOUND, facets={"hour": str(hour), "stage": "qualified"})
                for hour in hours
            ],
        ),
    )


@fails_alone("Cost per qualified lead")
def lead_costs(view: View, by: Dimension, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """Return rupees per qualified lead by component, for each value of a dimension, with intervals."""
    key, title = f"lead-costs-{by}", f"Cost per qualified lead by {by}"
    there = frame[(frame["n"] > 0) & (frame["per_qualified_lead"] > 0)].iloc[:MOST_PARTS]
    if there.empty:
        return view.missing(key, title, "qualified lead with a cost")
    leads = (there["total"] / there["per_qualified_lead"]).round().astype(int)
    per_lead = there[list(COST_PARTS)].div(leads, axis=0)
    per_lead = per_lead.loc[:, per_lead.sum() > 0]
    per_lead.index = pd.Index([value_label(by, str(name)) for name in there.index])
    sums = [of_amount(value, int(n)) for value, n in zip(there["per_qualified_lead"], leads, strict=True)]
    ends = [(round(one.low, 2), round(one.high, 2)) if one else (None, None) for one in sums]
    table = pd.DataFrame({by.capitalize(): per_lead.index, "Qualified leads": leads.to_numpy()})
    for name in per_lead:
        table[f"{COST_PARTS[str(name)]} (\N{INDIAN RUPEE SIGN}/lead)"] = per_lead[name].round(2).to_numpy()
    table["\N{INDIAN RUPEE SIGN} per qualified lead"] = there["per_qualified_lead"].round(2).to_numpy()
    table["from"], table["to"] = zip(*ends, strict=True)
    whole = of_amount(summary.cost.per_qualified_lead or 0.0, summary.qualified_calls)
    between = f" ({formats.rupees(whole.low)} to {formats.rupees(whole.high)})" if whole else ""
    return Panel(
        key,
        title,
        f"{formats.number(summary.cost.per_qualified_lead, 'rupees')} per qualified lead{between}"
        f"{_leads(by, there)}; largest part: {_largest_part(summary.cost)} · cost of all calls "
        f"· n {int(leads.sum()):,}",
        distributions.stacked_costs(per_lead, view.palette),
        table,
        drilldown=drilldown.rows([str(name) for name in there.index], by, {"stage": "qualified"}, "cost"),
    )


@fails_alone("Cost per call")
def costs(view: View, by: Dimension, frame: pd.DataFrame, summary: CallSummary) -> Panel:
    """Return rupees per call by component, for each value of a dimension."""
    key, title, cost = f"costs-{by}", f"Cost per call by {by}", summary.cost
    frame = frame[frame["n"] > 0].iloc[:MOST_PARTS]
    if frame.empty or not cost.n:
        return view.missing(key, title, "cost")
    per_call = frame[list(COST_PARTS)].div(frame["n"], axis=0)
    per_call = per_call.loc[:, per_call.sum() > 0]
    if per_call.empty:
        return Panel(key, title, f"All recorded costs are {formats.rupees(0)} · n {cost.n:,}")
    per_call.index = pd.Index([value_label(by, str(name)) for name in frame.index])
    coverage = "" if cost.coverage == 1 else f" ({formats.number(cost.coverage, 'share')} of calls)"
    table = pd.DataFrame({by.capitalize(): per_call.index, "Calls": frame["n"].to_numpy()})
    for name in per_call:
        table[f"{COST_PARTS[str(name)]} (\N{INDIAN RUPEE SIGN}/call)"] = per_call[name].round(3).to_numpy()
    for name, words in (
        ("per_call", "call"),
        ("per_qualified_lead", "qualified lead"),
        ("per_handoff", "handoff"),
    ):
        table[f"\N{INDIAN RUPEE SIGN} per {words}"] = frame[name].round(2).to_numpy()
    return Panel(
        key,
        title,
        f"Mean {formats.number(cost.per_call, 'rupees')} per call, "
        f"{formats.number(cost.per_qualified_lead, 'rupees')} per qualified lead{_leads(by, frame)}; largest "
        f"part: {_largest_part(cost)} · n {cost.n:,}{coverage}",
        distributions.stacked_costs(per_call, view.palette),
        table,
        drilldown=drilldown.rows([str(name) for name in frame.index], by, order="cost"),
    )


def _largest_part(cost: CostSummary) -> str:
    """Return the component on which most of the money of all calls went."""
    return COST_PARTS[max(COST_PARTS, key=lambda part: getattr(cost, part))].lower()


def _leads(by: Dimension, frame: pd.DataFrame) -> str:
    """Return where a qualified lead surely costs least and most: `` (from Hindi ₹9.10 to English ₹14.20)``.

    Empty where the differences are within chance.
    """
    known = frame[frame["per_qualified_lead"] > 0]
    leads = (known["total"] / known["per_qualified_lead"]).round().astype(int)
    sums = {
        str(name): interval
        for name, value, n in zip(known.index, known["per_qualified_lead"], leads, strict=True)
        if (interval := of_amount(value, int(n)))
    }
    if not sums:
        return ""
    least = min(sums, key=lambda name: sums[name].high)
    most = max(sums, key=lambda name: sums[name].low)
    if sums[least].high >= sums[most].low:
        return ""
    words = [
        f"{formats.plain(value_label(by, name))} {formats.rupees(sums[name].value)}" for name in (least, most)
    ]
    return f" (from {' to '.join(words)})"
