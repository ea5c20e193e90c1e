"""The chart on an alert's card, value against threshold, as an SVG image to keep the page light."""

import html
from collections.abc import Iterator
from datetime import datetime, tzinfo
from urllib.parse import quote

from core.alerting.course import QUARTER, Course
from core.alerting.wording import quantity
from dashboard import formats
from dashboard.theme import Palette

WIDTH, HEIGHT, EDGE = 600, 84, 4


def image(course: Course, colour: str, palette: Palette, zone: tzinfo, now: datetime) -> str:
    """Return the chart as an image with alt text; ``colour`` shades the time it fired."""
    words = html.escape(in_words(course, zone, now), quote=True)
    known = [value for value in course.values if value is not None]
    bounds = known if course.limit is None else [*known, course.limit]
    low, high = min(0.0, *bounds), max(bounds)
    scale = _Scale(course, low, high + 0.08 * ((high - low) or 1.0))
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f"{''.join(_parts(course, scale, colour, palette))}</svg>"
    )
    return (
        f'<img class="alert-course" alt="{words}" title="{words}" src="data:image/svg+xml,{quote(drawing)}">'
    )


def in_words(course: Course, zone: tzinfo, now: datetime) -> str:
    """Describe the chart: ``18:30 to 21:45, every 15 min · highest 6.5 s at 20:45 · limit 2 s``.

    If a check between the points found a worse value, that is named as well.
    """
    known = [(value, at) for value, at in zip(course.values, course.times, strict=True) if value is not None]
    first, last = course.times[0], course.times[-1]
    every = f"every {QUARTER.seconds // 60} min" + (" and at checks" if course.checks else "")
    span = f"{formats.clock(first, zone, now)} to {formats.until(last, first, zone, now)}, {every}"
    worst, at = min(known) if course.lower_is_worse else max(known)
    word = "lowest" if course.lower_is_worse else "highest"
    told = f"{quantity(worst, course.unit)} at {formats.until(at, first, zone, now)}"
    beyond = _beyond(course, worst)
    told = f"{word} here {told} · {word} check {beyond}" if beyond else f"{word} {told}"
    limit = "" if course.limit is None else f" · limit {quantity(course.limit, course.unit)}"
    return f"{span} · {told}{limit}"


def _beyond(course: Course, shown: float) -> str:
    """Return the worst value of all checks if it is worse than what is shown, also in words."""
    if course.worst is None or (course.worst >= shown if course.lower_is_worse else course.worst <= shown):
        return ""
    words = quantity(course.worst, course.unit)
    return "" if words == quantity(shown, course.unit) else words


class _Scale:
    """Maps times and values to coordinates of the image."""

    def __init__(self, course: Course, low: float, high: float) -> None:
        self._first, self._last = course.times[0], course.times[-1]
        self._low, self._span = low, high - low

    def x(self, at: datetime) -> float:
        share = (at - self._first) / (self._last - self._first)
        return WIDTH * min(max(share, 0.0), 1.0)

    def y(self, value: float) -> float:
        return HEIGHT - EDGE - (value - self._low) / self._span * (HEIGHT - 2 * EDGE)


def _parts(course: Course, scale: _Scale, colour: str, palette: Palette) -> Iterator[str]:
    begin, end = scale.x(course.began), scale.x(course.ended or course.times[-1])
    yield (
        f'<rect x="{begin:.1f}" y="0" width="{max(end - begin, 1.5):.1f}" height="{HEIGHT}" fill="{colour}" '
        'opacity="0.14"/>'
    )
    if course.limit is not None:
        y = scale.y(course.limit)
        yield (
            f'<line x1="0" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="{palette.muted}" '
            'stroke-width="1.5" stroke-dasharray="5 4" vector-effect="non-scaling-stroke"/>'
        )
    for run in _runs(course):
        points = [f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in run]
        points = points * 2 if len(points) == 1 else points
        yield (
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{palette.accent}" stroke-width="2" '
            'stroke-linejoin="round" stroke-linecap="round" vector-effect="non-scaling-stroke"/>'
        )


def _runs(course: Course) -> Iterator[list[tuple[datetime, float]]]:
    """Yield the stretches without gaps."""
    run: list[tuple[datetime, float]] = []
    for at, value in zip(course.times, course.values, strict=True):
        if value is not None:
            run.append((at, value))
        elif run:
            yield run
            run = []
    if run:
        yield run
