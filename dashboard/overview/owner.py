"""The owner's strip on Overview: money spent, what it brought, and what was wasted."""

import html
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core.alerting.rules.targets import Target
from core.models.metrics import CallSummary
from dashboard import formats
from dashboard.panels.comparison import FEW_CALLS

BROUGHT_NOTHING = ("failed", "no_answer")
"""Outcomes of calls that cannot have brought a lead."""


_AGAINST = {"": "target", "met": "within target", "missed": "above target"}


@dataclass(frozen=True)
class _Part:
    words: str
    value: str
    small: str
    tone: str = ""


def draw(now: CallSummary, before: CallSummary, spent: pd.Series, target: Target | None) -> None:
    """Draw the strip; empty if no call has a cost.

    Args:
        now: figures of the period.
        before: figures of the compared period.
        spent: rupees by outcome.
        target: maximum cost of a qualified lead; None if not set.
    """
    with st.container(key="owner"):
        if not now.cost.n:
            st.empty()
            return
        cells = "".join(
            f'<div class="{part.tone}"><dt>{html.escape(part.words)}</dt>'
            f"<dd>{html.escape(part.value)}<small>{html.escape(part.small)}</small></dd></div>"
            for part in _parts(now, before, spent, target)
        )
        st.html(f"<dl>{cells}</dl>")


def _parts(now: CallSummary, before: CallSummary, spent: pd.Series, target: Target | None) -> Iterator[_Part]:
    earlier = before if before.cost.n >= FEW_CALLS else None
    yield _Part(
        "Spent",
        formats.rupees(now.cost.total),
        f"was {formats.rupees(earlier.cost.total)}" if earlier else "",
    )
    was = f"was {earlier.qualified_calls:,}" if earlier else ""
    yield _Part("Qualified leads", f"{now.qualified_calls:,}", was)
    each = now.cost.per_qualified_lead
    tone = "" if target is None or each is None else "missed" if target.is_missed_by(each) else "met"
    goal = "no target set" if target is None else f"{_AGAINST[tone]} {formats.rupees(target.target)}"
    yield _Part("Per qualified lead", formats.number(each, "rupees"), goal, tone)
    wasted = float(spent.reindex(list(BROUGHT_NOTHING)).fillna(0).sum())
    share = wasted / now.cost.total if now.cost.total else 0.0
    yield _Part(
        "On calls that failed or were not answered",
        formats.rupees(wasted),
        f"{formats.number(share, 'share')} of the total",
    )
