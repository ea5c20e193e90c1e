"""The words below an alert's chart never contradict the sentence above it."""

from datetime import UTC, datetime, timedelta

import pytest

from core.alerting.course import Course
from dashboard.charts.alert_course import in_words

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
TIMES = tuple(NOON + timedelta(minutes=15 * number) for number in range(3))


def course(worst: float | None, *, below: bool = False, checks: bool = False) -> Course:
    values = (3.0, 3.8, 3.4)
    seen = frozenset(TIMES[1:2] if checks else ())
    return Course(TIMES, values, 5.0, "%", TIMES[1], None, below, seen, worst)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (course(5.3), "every 15 min · highest here 3.8 % at 12:15 · highest check 5.3 % · limit 5 %"),
        (course(3.5, checks=True), "every 15 min and at checks · highest 3.8 % at 12:15 · limit 5 %"),
        (course(3.8004), "every 15 min · highest 3.8 % at 12:15 · limit 5 %"),
        (course(None), "every 15 min · highest 3.8 % at 12:15 · limit 5 %"),
        (course(1.0, below=True), "every 15 min · lowest here 3 % at 12:00 · lowest check 1 % · limit 5 %"),
    ],
)
def test_the_highest_value_names_the_check_that_found_more(found: Course, told: str) -> None:
    """A figure over a sliding window may be worse than any over quarters of an hour."""
    assert in_words(found, UTC, NOON).endswith(told)
