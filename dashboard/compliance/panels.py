"""The panels of Compliance: the rules, and their violations over time, by campaign and one by one."""

from datetime import tzinfo

import pandas as pd

from core.aggregation.compliance import evidence
from core.aggregation.compliance.judge import Judged, RuleFigures
from core.models.calls.calling_rules import CALLING_RULES
from core.types import counted
from dashboard import formats
from dashboard.charts import time_series
from dashboard.charts.time_series import Line
from dashboard.drilldown import CallsTarget
from dashboard.panels.panel import Panel, fails_alone, timed
from dashboard.panels.view import NO_VALUE, View

MOST_LISTED = 100
MOST_CAMPAIGNS = 20
_NONE = ":green[:material/check_circle:] 0"
_SOME = ":red[:material/error:] {:,}"
_OFF = ":gray[off]"


@fails_alone("Calling rules")
def rules(judged: Judged) -> Panel:
    """Return each rule: calls it applies to, calls with the required data, violations, and its text."""
    worst = max(judged.rules, key=lambda rule: rule.violations)
    words = (
        f"most often: calls {CALLING_RULES[worst.key].label.lower()}"
        if worst.violations
        else "no rule is violated"
    )
    return Panel(
        "calling-rules",
        "Calling rules",
        f"Calls in violation: {judged.calls_in_violation:,} of {judged.calls:,} · {words} · "
        "reported: share of calls with the data to judge; calls without it are not counted as violations",
        table=pd.DataFrame([_plain(rule) for rule in judged.rules]),
        page=pd.DataFrame([_shown(rule) for rule in judged.rules]),
    )


def _plain(rule: RuleFigures) -> dict[str, object]:
    about = CALLING_RULES[rule.key]
    return {
        "violation": rule.key,
        "in_force": rule.in_force,
        "rule": rule.rule,
        "source": about.source,
        "calls": rule.calls,
        "violations": rule.violations,
        "share": rule.share,
        "told": rule.coverage,
    }


def _shown(rule: RuleFigures) -> dict[str, str]:
    about = CALLING_RULES[rule.key]
    found = _SOME.format(rule.violations) if rule.violations else _NONE if rule.told else "0"
    return {
        "Calls": about.label,
        "Violations": found if rule.in_force else _OFF,
        "Share": formats.number(rule.share, "share") if rule.in_force else formats.NONE,
        "Reported": f"{formats.number(rule.coverage, 'share')} of {rule.calls:,}",
        "Rule and source": f"{rule.rule} · {about.source}",
    }


@fails_alone("Violations over time")
def over_time(view: View, judged: Judged) -> Panel:
    """Return violations over time, one colour per rule."""
    key, title = "violations", "Violations over time"
    frame = evidence.over_time(judged, view.window.start, view.window.end, view.window.bucket)
    kinds = [str(kind) for kind in frame.columns]
    if not kinds:
        return Panel(key, title, f"No violations {view.selection.words}")
    colours = dict(zip(kinds, view.palette.cycle * 2, strict=False))
    lines = [Line(kind, CALLING_RULES[kind].label, colours[kind]) for kind in kinds]
    figure = time_series.stacked_bars(
        frame, lines, view.window.bucket, view.palette, partial=view.partial_bars
    )
    labels = {kind: CALLING_RULES[kind].label for kind in kinds}
    violations = counted(int(frame.to_numpy().sum()), "violation")
    calls = counted(judged.calls_in_violation, "call")
    return Panel(
        key,
        title,
        f"{violations} by {calls} · a call counts once for each rule it breaks",
        view.annotate(figure),
        timed(frame, labels),
        drilldown=view.drilldown(frame.index),
    )


@fails_alone("Violations by campaign")
def by_campaign(judged: Judged) -> Panel:
    """Return the campaigns with the most calls in violation."""
    table = evidence.by_campaign(judged)
    kinds = [kind for kind in table.columns if kind in CALLING_RULES]
    shown = table.head(MOST_CAMPAIGNS)
    rows = [
        {
            "Campaign": formats.plain(str(name)) or NO_VALUE,
            "Calls": f"{row['calls']:,}",
            "In violation": f"{row['in_violation']:,}",
            "Share": formats.number(row["in_violation"] / row["calls"], "share"),
            "Most often": _most_often(row[kinds]),
        }
        for name, row in shown.iterrows()
    ]
    more = f" · top {MOST_CAMPAIGNS} of {len(table):,}" if len(table) > MOST_CAMPAIGNS else ""
    return Panel(
        "violations-campaigns",
        "By campaign",
        f"Campaigns with violations: {int((table['in_violation'] > 0).sum()):,} of {len(table):,}{more}",
        table=table.rename_axis("campaign").reset_index(),
        page=pd.DataFrame(rows),
    )


def _most_often(counts: "pd.Series[int]") -> str:
    found = counts[counts > 0].sort_values(ascending=False, kind="stable")
    if found.empty:
        return formats.NONE
    return f"{CALLING_RULES[str(found.index[0])].label} ({found.iloc[0]:,})"


def _link(call_id: str) -> str:
    return f"[{formats.plain(call_id)}]({CallsTarget(facets={'call_id': call_id}).link})"


@fails_alone("Violations")
def listed(judged: Judged, zone: tzinfo) -> Panel:
    """Return the newest violations, each with a link to its call."""
    rows = judged.listed.head(MOST_LISTED)
    shown = [
        {
            "Call": f"{_link(row['call_id'])} {row['start_time'].astimezone(zone):%-d %b %Y %H:%M:%S}",
            "Violation": CALLING_RULES[row["kind"]].label,
            "Rule and finding": f"{formats.plain(row['rule'])} · {formats.plain(row['found'])}",
            "Campaign, purpose": " · ".join(
                formats.plain(row[name]) for name in ("campaign", "purpose") if row[name]
            )
            or formats.NONE,
        }
        for row in rows.to_dict("records")
    ]
    count = len(judged.listed)
    more = f"Newest {MOST_LISTED} of {count:,}" if count > MOST_LISTED else f"All {count:,}"
    return Panel(
        "violations-list",
        "Violations and their calls",
        f"{more} · the CSV above has all of them, as evidence"
        if count
        else "None among the calls with the data to judge",
        page=pd.DataFrame(shown) if shown else None,
    )
