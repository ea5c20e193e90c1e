"""Parts of pages: the line of signs of life, the key figures, the list of alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

import pandas as pd
import streamlit as st

from core.aggregation.activity import LIVE_MINUTES
from core.aggregation.definitions import METRICS
from core.aggregation.intervals import SURE_FROM, wilson
from core.models.alerts import Alert
from core.models.metrics import CallSummary
from core.scheduler.heartbeat import Heartbeat
from dashboard import alert_aim, formats, live_calls, sparks
from dashboard.comparison_panels import FEW_CALLS, Reading, is_clear, read
from dashboard.filters import Selection
from dashboard.panel import csv_button, page_table
from dashboard.queries import Pulse
from dashboard.theme import SEVERITY_BADGES, mode, palette_of

Good = Literal["up", "down", "neither"]
DeltaColor = Literal["normal", "inverse", "off"]
_COLOURS: dict[Good, DeltaColor] = {"up": "normal", "down": "inverse", "neither": "off"}


@dataclass(frozen=True)
class Card:
    """A key figure and which way is good; ``part``: which percentile of a spread, which price of the cost."""

    metric: str
    good: Good
    part: str = ""
    label: str = ""


CARDS = (
    Card("total_calls", "neither"),
    Card("answer_rate", "up"),
    Card("failure_rate", "down"),
    Card("error_rate", "down"),
    Card("qualification_rate", "up"),
    Card("handoff_rate", "up"),
)
CONVERSION_CARDS = (
    Card("qualified_calls", "up"),
    Card("qualification_rate", "up"),
    Card("handoff_rate", "up"),
    Card("answer_rate", "up"),
    Card("qualification_seconds", "down", "p50", "Median time to qualify"),
    Card("cost", "down", "per_call", "Cost per call"),
    Card("cost", "down", "per_qualified_lead", "Cost per qualified lead"),
    Card("cost", "down", "per_handoff", "Cost per handoff"),
)


def latency_cards(fields: Sequence[str]) -> tuple[Card, ...]:
    """The 95th percentile of each latency."""
    return tuple(Card(field, "down", "p95") for field in fields)


def key_figures(
    cards: Sequence[Card],
    now: CallSummary,
    before: CallSummary,
    selection: Selection,
    course: pd.DataFrame | None = None,
) -> None:
    """The grid of cards."""
    with st.container(key="kpis"):
        for card in cards:
            name = f"{card.metric} {card.part}" if card.metric == "cost" else card.metric
            with st.container(key=f"kpi-{name.replace('_', '-').replace(' ', '-')}"):
                _card(
                    card,
                    read(card.metric, now, card.part),
                    read(card.metric, before, card.part),
                    selection,
                    course,
                )


def _card(
    card: Card, now: Reading, before: Reading, selection: Selection, course: pd.DataFrame | None
) -> None:
    metric = METRICS[card.metric]
    delta = None
    if now.value is not None and before.value is not None and before.n >= FEW_CALLS:
        delta = formats.change(now.value, before.value, metric.unit)
    still = delta is not None and formats.is_still(delta)
    colour = _COLOURS[card.good] if is_clear(card.metric, now, before) else "off"
    st.metric(
        card.label
        or (f"{metric.label.removesuffix(' latency')} p95" if metric.unit == "ms" else metric.label),
        formats.number(now.value, metric.unit),
        "no change" if still else delta,
        delta_color=colour,
        delta_arrow="off" if still else "auto",
        delta_description=_small_print(card, now, before),
        help=_help(card, before, selection),
        border=True,
        height="stretch",
    )
    points = [] if course is None else sparks.values(course, card.metric)
    if points:
        rising = (now.value or 0) > (before.value or 0)
        tone = "neutral" if still or colour == "off" else ("good" if rising == (card.good == "up") else "bad")
        st.html(
            sparks.image(
                points, metric.unit, palette_of(mode()).tones[tone], bars=card.metric == "total_calls"
            )
        )


def _small_print(card: Card, now: Reading, before: Reading) -> str:
    """What it was; of a rate of few calls how sure it is instead."""
    metric = METRICS[card.metric]
    if metric.unit == "share" and now.value is not None and now.n < SURE_FROM:
        low, high = (100 * float(end) for end in wilson(round(now.value * now.n), now.n))
        return f"95 %: {low:.0f} to {high:.0f} % · n {now.n:,}"
    was = f"was {formats.number(before.value, metric.unit)}" if before.n else "none before"
    if 0 < before.n < FEW_CALLS and card.metric != "total_calls":
        was = "too few before"
    return was if metric.unit == "calls" else f"{was} · n {now.n:,}"


def _help(card: Card, before: Reading, selection: Selection) -> str:
    metric = METRICS[card.metric]
    was = f" ({formats.number(before.value, metric.unit)}, n {before.n:,})" if before.n else ""
    return (
        f"{metric.meaning}, {selection.words}. The change is against {selection.compared_words}{was}, "
        "coloured only where it is more than chance."
    )


def signs_of_life(pulse: Pulse, now: datetime, zone: tzinfo) -> None:
    """One line: alerts, calls in progress, newest call, scheduler, and the time with its zone."""
    with st.container(key="signs", horizontal=True, vertical_alignment="center", gap="small"):
        _alert_badges(pulse.alerts)
        live_calls.button(pulse.active_calls, now, zone)
        if pulse.ended_recently is not None:
            st.badge(
                f"{pulse.ended_recently:,} calls ended in {LIVE_MINUTES} min",
                icon=":material/call_end:",
                color="gray",
            )
        if pulse.newest_call:
            st.badge(_newest(pulse.newest_call, now, zone), icon=":material/call:", color="gray")
        _scheduler_badge(pulse.heartbeat, now)
        st.badge(
            f"{now.astimezone(zone):%-d %b %Y, %H:%M:%S} {formats.zone_name(now, zone)}",
            icon=":material/schedule:",
            color="gray",
        )


def _newest(at: datetime, now: datetime, zone: tzinfo) -> str:
    if now - at < timedelta(days=2):
        return f"Newest call {formats.ago(now - at)}"
    return f"Newest call {formats.day(at.astimezone(zone).date())}"


def _alert_badges(alerts: list[Alert]) -> None:
    if not alerts:
        st.badge("No active alerts", icon=":material/check_circle:", color="green")
    for severity, (colour, icon, _) in SEVERITY_BADGES.items():
        count = sum(alert.severity == severity for alert in alerts)
        if count:
            st.badge(f"{count} {severity}", icon=icon, color=colour)  # type: ignore[arg-type] # a name of the table


def _scheduler_badge(heartbeat: Heartbeat | None, now: datetime) -> None:
    if heartbeat is None:
        st.badge("Scheduler never ran: no alerts are checked", icon=":material/warning:", color="orange")
    elif heartbeat.is_silent(now):
        words = f"Scheduler silent: last sign {formats.ago(now - heartbeat.at)}"
        st.badge(words, icon=":material/warning:", color="orange")
    else:
        st.badge(
            f"Scheduler alive, {formats.ago(now - heartbeat.at)}", icon=":material/favorite:", color="gray"
        )


def alert_list(alerts: list[Alert], now: datetime, zone: tzinfo) -> None:
    """The alerts that fire, in the order given, each with the way to its calls; nothing where none does."""
    if not alerts:
        return
    rows = [
        {
            "Severity": severity_badge(alert.severity),
            "Alert": f"[**{formats.plain(alert.name)}**]({alert_aim.calls_of(alert).link}) "
            + formats.plain(alert.message),
            "Value": _value(alert.current_value, alert.unit),
            "Threshold": _value(alert.threshold_value, alert.unit),
            "Since": f"{formats.clock(alert.started_at, zone, now)} ({formats.ago(now - alert.started_at)})",
        }
        for alert in alerts
    ]
    with st.container(key="active-alerts", gap="xxsmall"):
        page_table(pd.DataFrame(rows))
        csv_button("active_alerts", lambda: formats.to_csv(_alerts_as_data(alerts, zone)))


def _alerts_as_data(alerts: Sequence[Alert], zone: tzinfo) -> pd.DataFrame:
    columns = ["name", "severity", "message", "current_value", "threshold_value", "unit", "samples"]
    table = pd.DataFrame([alert.model_dump(include={*columns}) for alert in alerts])[columns]
    since = [alert.started_at.astimezone(zone).isoformat(timespec="seconds") for alert in alerts]
    table.insert(0, "since", since)
    return table


def severity_badge(severity: str) -> str:
    """A severity in Markdown: icon, word and colour."""
    colour, icon, word = SEVERITY_BADGES.get(severity, ("gray", ":material/help:", "Unknown"))
    return f":{colour}-badge[{icon} {word}]"


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return formats.NONE
    digits = 0 if unit == "ms" else 1
    return f"{value:,.{digits}f} {formats.plain(unit)}".strip()
