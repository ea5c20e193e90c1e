"""KPI tiles: a key figure, its change and whether that is significant, and its trend."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import streamlit as st

from core.aggregation.intervals import SURE_FROM, wilson
from core.alerting.rules.targets import Target
from core.models.definitions import METRICS, Good
from core.models.metrics import CallSummary
from dashboard import formats
from dashboard.charts import sparkline
from dashboard.filters import Selection
from dashboard.panels.comparison import FEW_CALLS, Reading, is_clear, read
from dashboard.queries import alert_queries, cache
from dashboard.theme import mode, palette_of

DeltaColor = Literal["normal", "inverse", "off"]
_COLOURS: dict[Good, DeltaColor] = {"up": "normal", "down": "inverse", "neither": "off"}


@dataclass(frozen=True)
class Card:
    """A key figure; ``part``: the percentile of a distribution, or which cost."""

    metric: str
    part: str = ""
    label: str = ""

    @property
    def key(self) -> str:
        """Return the key of its target: ``failure_rate``, ``cost.per_call``."""
        return f"{self.metric}.{self.part}" if self.part else self.metric

    @property
    def good(self) -> Good:
        """Return which direction of change is good."""
        return METRICS[self.metric].good


CARDS = (
    Card("total_calls"),
    Card("answer_rate"),
    Card("failure_rate"),
    Card("error_rate"),
    Card("qualification_rate"),
    Card("handoff_rate"),
)
CONVERSION_CARDS = (
    Card("qualified_calls"),
    Card("qualification_rate"),
    Card("handoff_rate"),
    Card("answer_rate"),
    Card("qualification_seconds", "p50", "Median time to qualify"),
    Card("cost", "per_call", "Cost per call"),
    Card("cost", "per_qualified_lead", "Cost per qualified lead"),
    Card("cost", "per_handoff", "Cost per handoff"),
)


def latency_cards(fields: Sequence[str]) -> tuple[Card, ...]:
    """Return tiles with the 95th percentile of each latency."""
    return tuple(Card(field, "p95") for field in fields)


def first_those_of(cards: Sequence[Card], metrics: Collection[str]) -> list[Card]:
    """Return the cards, those of these metrics first: what an alert or the story is about."""
    return sorted(cards, key=lambda card: card.metric not in metrics)


def key_figures(
    cards: Sequence[Card],
    now: CallSummary,
    before: CallSummary,
    selection: Selection,
    course: pd.DataFrame | None = None,
) -> None:
    """Draw the grid of cards, each with its target if it has one."""
    targets = cache.ask("targets", alert_queries.targets).value.targets
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
                    targets.get(card.key),
                )


def _card(
    card: Card,
    now: Reading,
    before: Reading,
    selection: Selection,
    course: pd.DataFrame | None,
    target: Target | None,
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
    if target is not None:
        st.markdown(target_badge(target, now.value))
    points = [] if course is None else sparkline.values(course, card.metric)
    if points:
        rising = (now.value or 0) > (before.value or 0)
        tone = "neutral" if still or colour == "off" else ("good" if rising == (card.good == "up") else "bad")
        st.html(
            sparkline.image(
                points, metric.unit, palette_of(mode()).tones[tone], bars=card.metric == "total_calls"
            )
        )


def target_badge(target: Target, value: float | None) -> str:
    """Return a target as a Markdown badge that says whether it is met."""
    goal = formats.plain(formats.number(target.target, METRICS[target.metric].unit))
    if value is None:
        return f":gray-badge[:material/flag: Target {goal}]"
    if target.is_missed_by(value):
        return f":red-badge[:material/flag: Misses {goal}]"
    return f":green-badge[:material/flag: Meets {goal}]"


def _small_print(card: Card, now: Reading, before: Reading) -> str:
    """Return the earlier value; for a rate of few calls, its interval instead."""
    metric = METRICS[card.metric]
    if metric.unit == "share" and now.value is not None and now.n < SURE_FROM:
        low, high = (100 * float(end) for end in wilson(round(now.value * now.n), now.n))
        return f"95 %: {low:.0f} to {high:.0f} % · n {now.n:,}"
    was = f"was {formats.number(before.value, metric.unit)}" if before.n else "no earlier data"
    if 0 < before.n < FEW_CALLS and card.metric != "total_calls":
        was = "too few calls before"
    return was if metric.unit == "calls" else f"{was} · n {now.n:,}"


def _help(card: Card, before: Reading, selection: Selection) -> str:
    metric = METRICS[card.metric]
    was = f" ({formats.number(before.value, metric.unit)}, n {before.n:,})" if before.n else ""
    return (
        f"{metric.meaning}, {selection.words}. Change vs {selection.compared_words}{was}; coloured only if "
        "it is statistically significant."
    )
