"""A small chart for a mail: the value's course and its limit. A PNG, drawn by Pillow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING

from core.alerting.channels.layout import COLOURS, Picture, Tone
from core.alerting.wording import quantity
from core.logging_config import get_logger
from core.models.alerts import Alert, Trend
from core.settings import get_settings

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

WIDTH, HEIGHT = 320, 96
"""Size as shown; drawn twice as large for high-resolution screens."""
_SCALE = 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 74, 12, 22
_GROUND, _LINE, _MUTED, _LIMIT = "#FFFFFF", "#0072B2", "#565E68", "#8A949F"
_DASH = 5
logger = get_logger("alerting")


@dataclass(frozen=True)
class _Scale:
    """Converts places in the series and values to points of the picture."""

    points: int
    top: float
    bottom: float = 0.0
    _high: int = field(default=_TOP * _SCALE)

    def x(self, place: int) -> float:
        width = (WIDTH - _LEFT - _RIGHT) * _SCALE
        return _LEFT * _SCALE + width * place / max(self.points - 1, 1)

    def y(self, value: float) -> float:
        height = (HEIGHT - _TOP - _BOTTOM) * _SCALE
        return self._high + height * (self.top - value) / (self.top - self.bottom)


def picture(alert: Alert, trend: Trend | None, tone: Tone, name: str) -> Picture | None:
    """Return the chart of an alert's value before and now.

    None if there is nothing to draw, or drawing fails.
    """
    if trend is None or alert.current_value is None or all(value is None for value in trend.values):
        return None
    values = [*trend.values, alert.current_value]
    try:
        png = _draw(values, alert, trend, tone)
    except Exception as error:  # noqa: BLE001 (a mail is complete without its chart)
        logger.warning("Alert goes without its chart", extra={"reason": type(error).__name__})
        return None
    return Picture(name, png, _words(values, alert))


def _words(values: Sequence[float | None], alert: Alert) -> str:
    said = ", ".join("none" if value is None else quantity(value, alert.unit) for value in values)
    limit = alert.threshold_value
    return f"Chart: {said}" + ("" if limit is None else f"; limit {quantity(limit, alert.unit)}")


def _draw(values: Sequence[float | None], alert: Alert, trend: Trend, tone: Tone) -> bytes:
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 (only what sends mails needs it)

    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _GROUND)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(11 * _SCALE)
    known = [value for value in values if value is not None]
    limit = alert.threshold_value
    bounds = known if limit is None else [*known, limit]
    low, high = min(0.0, *bounds), max(bounds)
    scale = _Scale(len(values), high + 0.08 * (high - low or 1), low)
    beside = (WIDTH - _RIGHT + 8) * _SCALE
    if limit is not None:
        _dashed(pen, scale.y(limit))
    for run in _runs(values):
        points = [(scale.x(place), scale.y(value)) for place, value in run]
        if len(points) > 1:
            pen.line(points, fill=_LINE, width=2 * _SCALE, joint="curve")
        else:
            _dot(pen, points[0], _LINE, 1.5)
    last = known[-1]
    _dot(pen, (scale.x(len(values) - 1), scale.y(last)), COLOURS[tone], 4)
    labels = [(scale.y(last), quantity(last, alert.unit), COLOURS[tone])]
    if limit is not None:
        labels.append((scale.y(limit), f"limit {quantity(limit, alert.unit)}", _MUTED))
    for height, text, colour in _apart(labels):
        pen.text((beside, height), text, fill=colour, font=font, anchor="lm")
    begin = trend.until - timedelta(minutes=trend.minutes * len(trend.values))
    zone, at = get_settings().tz, (HEIGHT - 4) * _SCALE
    pen.text(
        (_LEFT * _SCALE, at), f"{begin.astimezone(zone):%-d %b %H:%M}", fill=_MUTED, font=font, anchor="ls"
    )
    now = f"{alert.updated_at.astimezone(zone):%H:%M}"
    pen.text(((WIDTH - _RIGHT) * _SCALE, at), now, fill=_MUTED, font=font, anchor="rs")
    out = BytesIO()
    image.quantize(32).save(out, "PNG", optimize=True)
    return out.getvalue()


def _runs(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """Return the parts of the series without gaps."""
    run: list[tuple[int, float]] = []
    for place, value in enumerate(values):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _dashed(pen: "ImageDraw", height: float) -> None:
    for start in range(_LEFT, WIDTH - _RIGHT, 2 * _DASH):
        end = min(start + _DASH, WIDTH - _RIGHT)
        pen.line([(start * _SCALE, height), (end * _SCALE, height)], fill=_LIMIT, width=_SCALE)


def _dot(pen: "ImageDraw", centre: tuple[float, float], colour: str, radius: float) -> None:
    size = radius * _SCALE
    pen.ellipse([centre[0] - size, centre[1] - size, centre[0] + size, centre[1] + size], fill=colour)


def _apart(labels: Sequence[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Return label positions far enough apart for both to be read."""
    if len(labels) < 2:  # noqa: PLR2004 (a pair)
        return list(labels)
    (one, *a), (two, *b) = labels
    gap = 13 * _SCALE - abs(one - two)
    if gap > 0:
        shift = gap / 2 if one >= two else -gap / 2
        one, two = one + shift, two - shift
    return [(one, a[0], a[1]), (two, b[0], b[1])]
