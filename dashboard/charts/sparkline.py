"""The small course on a card: a picture, as a chart for each card would keep the page from settling."""

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


def values(course: pd.DataFrame, metric: str) -> list[float]:
    """A metric's course in few points; none where there is no course to see."""
    column = "n" if metric == "total_calls" else metric
    if column not in course:
        return []
    present = course[column].dropna().to_numpy(float)
    if len(present) < FEWEST:
        return []
    size = math.ceil(len(present) / POINTS)
    firsts = np.arange(0, len(present), size)
    sums = np.add.reduceat(present, firsts)
    counted = metric == "total_calls"
    grouped = sums if counted else sums / np.diff([*firsts, len(present)])
    return [float(value) for value in grouped]


def image(course: Sequence[float], unit: Unit, colour: str, *, bars: bool) -> str:
    """The course as an image that says in words from where to where it goes."""
    low, high, last = (formats.number(value, unit) for value in (min(course), max(course), course[-1]))
    words = html.escape(f"Course: {low} to {high}, last {last}", quote=True)
    shape = _bars(course, colour) if bars else _line(course, colour)
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="none">{shape}</svg>'
    )
    return f'<img class="spark" alt="{words}" title="{words}" src="data:image/svg+xml,{quote(drawing)}">'


def _line(course: Sequence[float], colour: str) -> str:
    low, span = min(course), (max(course) - min(course)) or 1.0
    step = WIDTH / (len(course) - 1)
    points = " ".join(
        f"{number * step:.1f},{HEIGHT - EDGE - (value - low) / span * (HEIGHT - 2 * EDGE):.1f}"
        for number, value in enumerate(course)
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" '
        'stroke-linejoin="round" vector-effect="non-scaling-stroke"/>'
    )


def _bars(course: Sequence[float], colour: str) -> str:
    top, step = max(course) or 1.0, WIDTH / len(course)
    path = "".join(
        f"M{number * step:.1f} {HEIGHT}v{-value / top * (HEIGHT - EDGE):.1f}h{step * 0.7:.1f}V{HEIGHT}z"
        for number, value in enumerate(course)
    )
    return f'<path d="{path}" fill="{colour}"/>'
