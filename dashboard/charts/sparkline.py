"""The sparkline on a tile, as an SVG image: a Plotly chart per tile would slow the page down."""

import html
import math
from collections.abc import Sequence
from urllib.parse import quote

import numpy as np
import pandas as pd

from core.models.definitions import Unit
from dashboard import formats

POINTS = 48
FEWEST = 3
WIDTH, HEIGHT, EDGE = 240, 56, 3
LEAST_SHARE = 0.05
"""Least maximum of a sparkline of shares, so that tiny shares do not look large."""


def values(course: pd.DataFrame, metric: str) -> list[float]:
    """Return a metric over time in few points, NaN for gaps; empty if there is too little to draw.

    The same position means the same time on all tiles.
    """
    column = "n" if metric == "total_calls" else metric
    if column not in course:
        return []
    whole = course[column].to_numpy(float)
    there = ~np.isnan(whole)
    if there.sum() < FEWEST:
        return []
    firsts = np.arange(0, len(whole), math.ceil(len(whole) / POINTS))
    sums = np.add.reduceat(np.where(there, whole, 0.0), firsts)
    counts = np.add.reduceat(there.astype(int), firsts)
    grouped = sums if metric == "total_calls" else sums / np.where(counts, counts, np.nan)
    return [float(value) for value in grouped]


def image(course: Sequence[float], unit: Unit, colour: str, *, bars: bool) -> str:
    """Return the sparkline as an image whose alt text gives its range and last value."""
    known = [value for value in course if not math.isnan(value)]
    low, high, last = (formats.number(value, unit) for value in (min(known), max(known), known[-1]))
    words = html.escape(f"Course: {low} to {high}, last {last}", quote=True)
    # Shares start at zero, with a scale on which one per cent stays small.
    least, most = (0.0, max(*known, LEAST_SHARE)) if unit == "share" else (min(known), max(known))
    shape = _bars(course, colour) if bars else _line(course, colour, least, most)
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="none">{shape}</svg>'
    )
    return f'<img class="spark" alt="{words}" title="{words}" src="data:image/svg+xml,{quote(drawing)}">'


def _line(course: Sequence[float], colour: str, least: float, most: float) -> str:
    """Return a line; gaps stay gaps, and a value between two gaps is a dot."""
    span, step = (most - least) or 1.0, WIDTH / max(len(course) - 1, 1)
    runs: list[list[str]] = [[]]
    for number, value in enumerate(course):
        if math.isnan(value):
            runs.append([])
            continue
        height = HEIGHT - EDGE - (value - least) / span * (HEIGHT - 2 * EDGE)
        runs[-1].append(f"{number * step:.1f},{height:.1f}")
    drawn = (run * 2 if len(run) == 1 else run for run in runs if run)
    return "".join(
        f'<polyline points="{" ".join(run)}" fill="none" stroke="{colour}" stroke-width="2" '
        'stroke-linejoin="round" stroke-linecap="round" vector-effect="non-scaling-stroke"/>'
        for run in drawn
    )


def _bars(course: Sequence[float], colour: str) -> str:
    top, step = max(course) or 1.0, WIDTH / len(course)
    path = "".join(
        f"M{number * step:.1f} {HEIGHT}v{-value / top * (HEIGHT - EDGE):.1f}h{step * 0.7:.1f}V{HEIGHT}z"
        for number, value in enumerate(course)
    )
    return f'<path d="{path}" fill="{colour}"/>'
