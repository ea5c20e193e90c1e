"""The small course on a card."""

import math
import re
from urllib.parse import unquote

import pandas as pd

from dashboard.charts import sparkline


def test_calls_are_summed_and_rates_averaged() -> None:
    course = pd.DataFrame({"n": [1] * 97, "answer_rate": [0.5] * 96 + [None]})
    assert sparkline.values(course, "total_calls") == [3.0] * 32 + [1.0]
    rates = sparkline.values(course, "answer_rate")
    assert rates[:32] == [0.5] * 32
    assert math.isnan(rates[32])


def test_what_was_not_measured_is_a_gap_and_keeps_its_place() -> None:
    """The same place is the same time on all cards: the line begins where the measuring began."""
    course = pd.DataFrame({"answer_rate": [None] * 24 + [0.5] * 10 + [None] * 4 + [0.5] * 10})
    picture = unquote(sparkline.image(sparkline.values(course, "answer_rate"), "share", "#000", bars=False))
    lines = re.findall(r'points="([^"]+)"', picture)
    assert len(lines) == 2
    assert float(lines[0].split(",")[0]) > 0.5 * sparkline.WIDTH


def test_a_small_share_is_drawn_small() -> None:
    """Shares begin at nothing: 1 % stays in the lowest quarter of the card."""
    picture = unquote(sparkline.image([0.0, 0.01, 0.005], "share", "#000", bars=False))
    (points,) = re.findall(r'points="([^"]+)"', picture)
    assert min(float(point.split(",")[1]) for point in points.split()) > 0.7 * sparkline.HEIGHT


def test_too_few_values_are_no_course() -> None:
    course = pd.DataFrame({"answer_rate": [0.5, None, 0.4, None]})
    assert sparkline.values(course, "answer_rate") == []
    assert sparkline.values(course, "cost") == []


def test_an_image_says_its_course_in_words_and_stays_within_its_frame() -> None:
    picture = sparkline.image([0.2, 0.4, 0.3], "share", "#009E73", bars=False)
    assert 'alt="Course: 20.0 % to 40.0 %, last 30.0 %"' in picture
    points = re.search(r'points="([^"]+)"', unquote(picture))
    assert points
    heights = [float(point.split(",")[1]) for point in points[1].split()]
    assert heights == [sparkline.HEIGHT / 2, sparkline.EDGE, 15.5]


def test_a_course_without_change_or_calls_can_be_drawn() -> None:
    assert "polyline" in unquote(sparkline.image([5.0, 5.0, 5.0], "ms", "#000", bars=False))
    assert "path" in unquote(sparkline.image([0.0, 0.0, 0.0], "calls", "#000", bars=True))
