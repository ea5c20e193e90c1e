"""Calls over a day or a week as a small picture for mails and pages. A PNG, drawn by Pillow."""

from collections.abc import Sequence
from io import BytesIO

import pandas as pd

WIDTH, HEIGHT = 640, 150
"""Size as shown; drawn twice as large for sharp screens and paper."""
_SCALE = 2
_BOTTOM, _TOP = 22, 6
COLOURS = {"completed": "#0072B2", "no_answer": "#A9B1BA", "failed": "#D55E00"}
_MUTED, _GROUND, _AXIS = "#565E68", "#FFFFFF", "#D8DDE3"
_MOST_LABELS = 8


def draw(calls: pd.DataFrame) -> bytes:
    """Return stacked bars of calls by outcome; ``calls`` has one row per bucket of local time."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 (only what makes reports needs it)

    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _GROUND)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(11 * _SCALE)
    base, room = (HEIGHT - _BOTTOM) * _SCALE, (HEIGHT - _BOTTOM - _TOP) * _SCALE
    top = max(int(calls.sum(axis=1).max()) if len(calls) else 0, 1)
    step = WIDTH * _SCALE / max(len(calls), 1)
    for at, (_, row) in enumerate(calls.iterrows()):
        height = float(base)
        for outcome, colour in COLOURS.items():
            part = float(row.get(outcome, 0)) / top * room
            if part:
                pen.rectangle(
                    (at * step + step * 0.12, height - part, (at + 1) * step - step * 0.12, height), colour
                )
            height -= part
    pen.line((0, base, WIDTH * _SCALE, base), _AXIS, _SCALE)
    labels = _labels(pd.DatetimeIndex(calls.index))
    every = -(-len(labels) // _MOST_LABELS) or 1
    for at in range(0, len(labels), every):
        pen.text(((at + 0.5) * step, base + 6 * _SCALE), labels[at], fill=_MUTED, font=font, anchor="mt")
    out = BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def _labels(index: pd.DatetimeIndex) -> Sequence[str]:
    hours = len({moment.date() for moment in index}) == 1
    return [f"{moment:%H:%M}" if hours else f"{moment:%a %-d}" for moment in index]


def words(calls: pd.DataFrame) -> str:
    """Return the picture's content in words."""
    totals = {outcome: int(calls[outcome].sum()) for outcome in COLOURS if outcome in calls}
    said = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in totals.items())
    return f"Calls over time: {said or 'none'}"
