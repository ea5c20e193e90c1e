"""Axes that count calls are labelled with whole calls, and none with figures over each other."""

import pandas as pd

from dashboard.charts.bins import stacked_bins
from dashboard.charts.distributions import histogram
from dashboard.charts.groups import Bar, rows
from dashboard.charts.time_series import Line, compared, stacked_bars
from dashboard.theme import palette_of

PALETTE = palette_of("light")
HOURS = pd.date_range("2026-11-24", periods=3, freq="h", tz="UTC")


def test_few_calls_are_not_counted_in_fifths() -> None:
    """One call an hour had ticks at 0.2, 0.4 …; many have those that Plotly finds, also if only earlier."""
    parts = [Line("completed", "Completed", "#0072B2"), Line("failed", "Failed", "#D55E00")]
    for most, step in ((1, 1), (2, 1), (40, None)):
        calls = pd.DataFrame({"completed": [0, most, 1], "failed": [0, most, 0]}, index=HOURS)
        bars = stacked_bars(calls, parts, "1h", PALETTE, partial=[])
        assert bars.layout.yaxis.dtick == step
        compared(bars, pd.Series([0, 200, 3], HOURS), "earlier", PALETTE)
        assert bars.layout.yaxis.dtick is None
        bins = pd.DataFrame({"start": [0, 1], "end": [1, 2], "n": [most, 0]})
        assert histogram(bins, [], PALETTE, x_title="s", hover=["", ""]).layout.yaxis.dtick == step
        waits = pd.DataFrame({"answered": [most, 0], "unanswered": [most, 1]})
        labels = {"answered": "Answered", "unanswered": "Not"}
        colours = dict.fromkeys(labels, "#0072B2")
        shown = stacked_bins(["0", "5"], waits, labels, colours, PALETTE, x_title="s")
        assert shown.layout.yaxis.dtick == step


def test_figures_below_bars_are_level_and_few() -> None:
    """Beside long names on a phone six of them were turned, and lay over each other."""
    axis = rows([Bar("x" * 24, 40.0, "40 %"), Bar("y", 99.0, "99 %")], PALETTE, unit="%").layout.xaxis
    assert (axis.tickangle, axis.nticks) == (0, 4)
