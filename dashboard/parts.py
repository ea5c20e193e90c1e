"""Parts of pages: the line of signs of life, the key figures, the list of alerts."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

import pandas as pd
import streamlit as st

from core.aggregation.definitions import METRICS
from core.aggregation.live import Heartbeat
from core.models.alerts import Alert
from core.models.metrics import CallSummary, Percentiles
from dashboard import formats
from dashboard.filters import Selection
from dashboard.queries import Figures, Pulse
from dashboard.theme import SEVERITY_BADGES

Good = Literal["up", "down", "neither"]
DeltaColor = Literal["normal", "inverse", "off"]
SPARK_POINTS = 48
FEW_CALLS = 10
"""Below this the period before says too little to compare with."""
CLEAR_Z = 1.96
CLEAR_LATENCY_CHANGE = 0.05
_COLOURS: dict[Good, DeltaColor] = {"up": "normal", "down": "inverse", "neither": "off"}


@dataclass(frozen=True)
class Card:
    """A key figure: where it stands in a summary, and which way is good."""

    metric: str
    good: Good
    of: str = ""


CARDS = (
    Card("total_calls", "neither"),
    Card("answer_rate", "up", "total_calls"),
    Card("failure_rate", "down", "total_calls"),
    Card("error_rate", "down", "total_calls"),
    Card("qualification_rate", "up", "completed_calls"),
    Card("handoff_rate", "up", "completed_calls"),
    Card("asr_latency_ms", "down"),
    Card("tts_latency_ms", "down"),
)


@dataclass(frozen=True)
class Reading:
    """The value of a card in one period, and the calls it was computed from."""

    value: float | None
    n: int


def read(card: Card, summary: CallSummary) -> Reading:
    """A card's value in a summary; of latencies the 95th percentile."""
    value = getattr(summary, card.metric)
    if isinstance(value, Percentiles):
        return Reading(value.p95, value.n)
    return Reading(value, getattr(summary, card.of) if card.of else summary.total_calls)


def is_clear(card: Card, now: Reading, before: Reading) -> bool:
    """Whether a change is more than chance: rates by a two-proportion z test at 95 %, latencies above 5 %."""
    if now.value is None or before.value is None or min(now.n, before.n) < FEW_CALLS:
        return False
    if METRICS[card.metric].unit == "share":
        pooled = (now.value * now.n + before.value * before.n) / (now.n + before.n)
        error = math.sqrt(pooled * (1 - pooled) * (1 / now.n + 1 / before.n))
        return error > 0 and abs(now.value - before.value) / error > CLEAR_Z
    return before.value > 0 and abs(now.value / before.value - 1) > CLEAR_LATENCY_CHANGE


def key_figures(figures: Figures, selection: Selection) -> None:
    """The grid of cards."""
    with st.container(key="kpis"):
        for card in CARDS:
            with st.container(key=f"kpi-{card.metric.replace('_', '-')}"):
                _card(card, figures, selection)


def _card(card: Card, figures: Figures, selection: Selection) -> None:
    metric = METRICS[card.metric]
    now, before = read(card, figures.now), read(card, figures.before)
    delta = None
    if now.value is not None and before.value is not None and before.n >= FEW_CALLS:
        delta = formats.change(now.value, before.value, metric.unit)
    still = delta is not None and formats.is_still(delta)
    colour = _COLOURS[card.good] if is_clear(card, now, before) else "off"
    st.metric(
        f"{metric.label} p95" if metric.unit == "ms" else metric.label,
        formats.number(now.value, metric.unit),
        "no change" if still else delta,
        delta_color=colour,
        delta_arrow="off" if still else "auto",
        delta_description=_small_print(card, now, before),
        help=_help(card, selection),
        border=True,
        height="stretch",
        chart_data=_spark(figures.course, card),
        chart_type="bar" if card.metric == "total_calls" else "line",
    )


def _small_print(card: Card, now: Reading, before: Reading) -> str:
    unit = METRICS[card.metric].unit
    was = f"was {formats.number(before.value, unit)}" if before.n else "none before"
    if 0 < before.n < FEW_CALLS and card.metric != "total_calls":
        was = "too few before"
    return was if card.metric == "total_calls" else f"{was} · n {now.n:,}"


def _help(card: Card, selection: Selection) -> str:
    meaning = METRICS[card.metric].meaning
    return (
        f"{meaning}, {selection.words}. The change is against an equally long period before, "
        "coloured only where it is more than chance."
    )


def _spark(course: pd.DataFrame, card: Card) -> list[float] | None:
    values = course["n" if card.metric == "total_calls" else card.metric]
    present = values.dropna()
    if len(present) < 3:  # noqa: PLR2004 (no course to see)
        return None
    size = math.ceil(len(present) / SPARK_POINTS)
    grouped = present.groupby([place // size for place in range(len(present))])
    smooth = grouped.sum() if card.metric == "total_calls" else grouped.mean()
    return [float(value) for value in smooth]


def signs_of_life(pulse: Pulse, now: datetime, zone: tzinfo) -> None:
    """One line: alerts, newest call, scheduler, and the time with its zone."""
    with st.container(key="signs", horizontal=True, vertical_alignment="center", gap="small"):
        _alert_badges(pulse.alerts)
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
    """The alerts that fire, in the order given; nothing where none does."""
    if not alerts:
        return
    rows = [
        {
            "Severity": _badge(alert),
            "Alert": f"**{formats.plain(alert.name)}** {formats.plain(alert.message)}",
            "Value": _value(alert.current_value, alert.unit),
            "Threshold": _value(alert.threshold_value, alert.unit),
            "Since": f"{formats.clock(alert.started_at, zone, now)} ({formats.ago(now - alert.started_at)})",
        }
        for alert in alerts
    ]
    with st.container(key="active-alerts"):
        st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Active alerts")


def _badge(alert: Alert) -> str:
    colour, icon, word = SEVERITY_BADGES[alert.severity]
    return f":{colour}-badge[{icon} {word}]"


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return formats.NONE
    digits = 0 if unit == "ms" else 1
    return f"{value:,.{digits}f} {formats.plain(unit)}".strip()
