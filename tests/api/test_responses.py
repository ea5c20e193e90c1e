"""Figures come with as many digits as mean something; what was recorded comes as it was."""

import asyncio
import math
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from core.api.responses import Figures, rounded
from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import ANALYTICS, call


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.30558276199804113, 0.305583),
        (2310.123456, 2310.12),
        (1_234_567.894, 1_234_567.89),
        (0.000012345678, 0.0000123457),
        (-0.123456789, -0.123457),
        (0.0, 0.0),
        ([{"a": 1 / 3}, 7, None, "1.23456789"], [{"a": 0.333333}, 7, None, "1.23456789"]),
    ],
)
def test_figures_have_the_digits_that_mean_something(value: object, expected: object) -> None:
    """Six, and of large sums the paise; what is no float stays."""
    assert rounded(value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_changes_no_figure_by_more_than_a_hundred_thousandth(value: float) -> None:
    """However large or small it is."""
    assert math.isclose(rounded(value), value, rel_tol=1e-5)


def test_computed_figures_are_rounded_and_recorded_ones_are_not(
    client: TestClient, database: Database[Document]
) -> None:
    """In days, ranges and alerts alike; a call says what its agent said."""
    start = datetime(2024, 10, 24, tzinfo=UTC)
    write_calls(database, [call(n, start, asr_latency_ms=234.567890123 + n) for n in range(3)])
    write_calls(database, [call(3, start, status="failed")])
    asked = {"start_date": "2024-10-24", "end_date": "2024-10-24"}
    total = client.get(f"{ANALYTICS}/metrics/range", params=asked).json()["total"]
    assert total["asr_latency_ms"]["mean"] == 235.568
    assert total["answer_rate"] == 1.0
    listed = client.get(f"{ANALYTICS}/calls", params=asked).json()["calls"]
    assert {one["asr_latency_ms"] for one in listed} == {None, *(234.567890123 + n for n in range(3))}


@pytest.mark.parametrize(
    "path",
    [
        f"{ANALYTICS}/metrics",
        f"{ANALYTICS}/metrics/daily/2024-10-24",
        f"{ANALYTICS}/metrics/range?start_date=2024-10-24&end_date=2024-10-24",
        f"{ANALYTICS}/alerts",
        "/api/v1/alerts",
        "/api/v1/rules",
    ],
)
def test_what_takes_long_to_write_is_not_written_by_the_event_loop(
    path: str, client: TestClient, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is answered while it writes."""
    write_calls(database, [call(1, datetime(2024, 10, 24, tzinfo=UTC))])
    loops: list[object] = []
    render = Figures.render

    def noted(self: Figures, content: object) -> bytes:
        loops.append(asyncio._get_running_loop())
        return render(self, content)

    monkeypatch.setattr(Figures, "render", noted)
    assert client.get(path).status_code == 200
    assert loops == [None]
