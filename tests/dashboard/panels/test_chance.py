"""Whether a change is more than chance, and the hours that may be recommended."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.clock import utc_now
from core.models.metrics import CallSummary, CostSummary, Percentiles, SentimentCounts
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from dashboard.charts import distributions
from dashboard.panels import conversion
from dashboard.panels.chance import of_amount, of_percentile
from dashboard.panels.comparison import is_clear, read
from dashboard.theme import palette_of
from tests.dashboard.conftest import make_call, text_of


def _spread(values: np.ndarray) -> Percentiles:
    p50, p90, p95, p99 = np.percentile(values, [50, 90, 95, 99])
    return Percentiles(
        n=len(values), coverage=1, mean=values.mean(), p50=p50, p90=p90, p95=p95, p99=p99, max=values.max()
    )


@pytest.mark.parametrize("part", ["p50", "p95"])
@pytest.mark.parametrize("n", [60, 400, 3_000])
def test_percentiles_of_the_same_calls_rarely_differ_beyond_chance(part: str, n: int) -> None:
    """Two samples of one distribution differ in far fewer than a tenth of the cases; doubled ones do."""
    chance = np.random.default_rng(7)
    found = 0
    for _ in range(200):
        one, other = (of_percentile(_spread(chance.lognormal(6, 0.5, n)), part) for _ in range(2))
        assert one
        assert other
        found += one.differs_from(other)
    assert found <= 20
    much = of_percentile(_spread(2.5 * chance.lognormal(6, 0.5, n)), part)
    assert much
    assert of_percentile(_spread(chance.lognormal(6, 0.5, n)), part).differs_from(much)  # type: ignore[union-attr] # there is one


@given(st.floats(1, 1e5), st.integers(1, 10**6))
def test_an_interval_holds_its_value(value: float, n: int) -> None:
    """An amount lies within its interval, which does not differ from itself."""
    interval = of_amount(value, n)
    assert interval
    assert interval.low < value < interval.high
    assert not interval.differs_from(interval)


def _costs(leads: int, price: float) -> CallSummary:
    cost = CostSummary(n=2_000, per_qualified_lead=price)
    sentiment = SentimentCounts()
    return CallSummary.model_construct(
        qualified_calls=leads, handoff_calls=0, total_calls=2_000, cost=cost, sentiment=sentiment
    )


def test_a_price_of_few_leads_is_not_coloured() -> None:
    """The price of a lead is as sure as the leads are many, whatever the calls."""
    few, many = (
        [read("cost", _costs(leads, price), "per_qualified_lead") for price in (20.0, 23.2)]
        for leads in (12, 1_900)
    )
    assert not is_clear("cost", *few)
    assert is_clear("cost", *many)


@pytest.mark.parametrize(("hours", "best"), [("09:00-21:00", "Mon 10:00"), ("10:30-21:00", "Mon 11:00")])
def test_no_hour_outside_calling_hours_is_recommended(
    hours: str, best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best hour lies wholly inside CALLING_HOURS; the others are crossed out on the map."""
    monkeypatch.setenv("CALLING_HOURS", hours)
    get_settings.cache_clear()
    dialled = pd.DataFrame(0, index=range(7), columns=range(24))
    answered = dialled.copy()
    dialled.loc[0, [3, 10, 11]], answered.loc[0, [3, 10, 11]] = 100, [95, 60, 50]
    closed = conversion.closed_hours()
    assert conversion._best(dialled, answered, closed).startswith(f"Best: {best}")
    figure = distributions.heat_map(
        100 * answered / dialled.where(dialled > 0),
        palette_of("light"),
        unit="%",
        counts=dialled,
        closed=closed,
    )
    (crosses,) = [
        trace for trace in figure.data if trace.type == "scatter" and trace.marker.symbol == "x-thin"
    ]
    assert crosses.x[0] == "03"
    monkeypatch.undo()
    get_settings.cache_clear()


def test_a_compared_period_that_data_only_partly_covers_is_not_compared(
    database: Database[Document], start: Callable[..., AppTest]
) -> None:
    """The page says how much data there is, and compares with nothing."""
    now = utc_now()
    write_calls(database, [make_call(n, now - timedelta(hours=2 * n + 1)) for n in range(96)])
    app = start("analytics", period="7d")
    assert not app.exception
    assert "not compared: the compared period has data for 1 of 7 days" in text_of(app)
    assert "Nothing to compare with in the same weekdays before" in text_of(app)
