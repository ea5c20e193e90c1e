"""The small course on a card."""

import re
from urllib.parse import unquote

import pandas as pd

from dashboard.charts import sparkline


def test_calls_are_summed_and_rates_averaged() -> None:
    course = pd.DataFrame({"n": [1] * 97, "answer_rate": [0.5] * 96 + [None]})
    assert sparkline.values(course, "total_calls") == [3.0] * 32 + [1.0]
    assert sparkline.values(course, "answer_rate") == [0.5] * 48


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
    assert heights == [sparkline.HEIGHT - sparkline.EDGE, sparkline.EDGE, sparkline.HEIGHT / 2]


def test_a_course_without_change_or_calls_can_be_drawn() -> None:
    assert "polyline" in unquote(sparkline.image([5.0, 5.0, 5.0], "ms", "#000", bars=False))
    assert "path" in unquote(sparkline.image([0.0, 0.0, 0.0], "calls", "#000", bars=True))
