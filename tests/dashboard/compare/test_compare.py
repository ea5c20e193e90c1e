"""Compare: which of two sides is better, said only where that holds however often people look."""

from collections.abc import Callable

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.aggregation.sequential import Verdict
from core.types import Document
from dashboard.compare.panels import words
from tests.dashboard.conftest import tables_of, text_of

Start = Callable[..., AppTest]


def test_two_versions_are_told_apart(calls: Database[Document], start: Start) -> None:
    """The rate that differs has a verdict in points; the others say what they lack."""
    app = start("questions/compare")
    assert not app.exception
    verdicts = {row["Figure"]: row for row in tables_of(app)[0]}
    qualified = verdicts["Qualification rate"]
    assert (qualified["2\\.0"][:6], qualified["2\\.1"][:6]) == ("20.0 %", "80.0 %")
    assert "Better by" in qualified["Verdict"]
    assert "points" in qualified["Verdict"]
    assert verdicts["Answer rate"]["Verdict"].startswith("About the same: at most")
    assert "Worse by" in verdicts["Cost per call"]["Verdict"]
    price = verdicts["Cost per qualified lead"]
    assert (price["2\\.0"], price["2\\.1"]) == ("\N{INDIAN RUPEE SIGN}7.65", "\N{INDIAN RUPEE SIGN}3.16")
    assert "Better by" in price["Verdict"]
    assert price["n"] == "60 \N{MIDDLE DOT} 240"
    assert verdicts["Cost per handoff"]["Verdict"] == "Too few handoffs: each side needs 50"
    assert qualified["n"] == "300 \N{MIDDLE DOT} 300"
    assert len(app.get("plotly_chart")) == 4
    assert "however often you look" in text_of(app)


def test_values_that_read_alike_are_called_as_they_are_spelt(calls: Database[Document], start: Start) -> None:
    half = [row["_id"] for row in calls["calls"].find({}, {"_id": 1}).limit(300)]
    calls["calls"].update_many({}, {"$set": {"purpose": "sales"}})
    calls["calls"].update_many({"_id": {"$in": half}}, {"$set": {"purpose": "Sales"}})
    app = start("questions/compare", versus="Purpose")
    assert "sales against Sales" in text_of(app)


@pytest.mark.full
@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("compare", {"versus": "Purpose", "a": "'; DROP", "b": "\x00"}),
        ("compare", {"versus": "x" * 5_000, "period": "nonsense"}),
        ("explore", {"measure": "'; DROP", "split": "\x00", "statistic": "<b>"}),
        ("explore", {"only": "Carrier: " + "x" * 60_000}),
        ("explore", {"only": "Day: 2026-99-99"}),
    ],
)
def test_a_link_of_any_text_is_answered(
    calls: Database[Document], start: Start, page: str, link: dict[str, str]
) -> None:
    assert not start(f"questions/{page}", **link).exception


def test_a_period_is_compared_with_the_one_before(calls: Database[Document], start: Start) -> None:
    app = start("questions/compare", versus="Period", period="1h", compare="vs period before")
    assert not app.exception
    assert "This period against Previous period" in text_of(app)


def test_one_value_alone_is_nothing_to_compare(calls: Database[Document], start: Start) -> None:
    assert "Nothing to compare with" in text_of(start("questions/compare", versus="Language"))


@pytest.mark.parametrize("versus", ["Agent version", "Period"])
def test_a_period_without_calls_leads_to_the_newest(
    calls_of_1999: Database[Document], start: Start, versus: str
) -> None:
    app = start("questions/compare", versus=versus)
    assert "No calls in the last 24 hours" in text_of(app)
    assert "have only one" not in text_of(app)
    assert app.button(key="jump-to-data")


@pytest.mark.parametrize(
    ("found", "good", "said"),
    [
        (Verdict(0.035, 0.021, 0.05), "up", ":green[:material/trending_up:] **Better by 2.1 to 5.0 points**"),
        (
            Verdict(0.035, 0.021, 0.05),
            "down",
            ":red[:material/trending_down:] **Worse by 2.1 to 5.0 points**",
        ),
        (Verdict(-0.035, -0.05, -0.021), "neither", "**Lower** by 2.1 to 5.0 points"),
        (Verdict(0.01, -0.02, 0.04, 1900), "up", "Undecided: about 1,900 more calls needed"),
        (Verdict(0.0, -0.012, 0.011), "up", "About the same: at most 1.2 points apart"),
        (None, "up", "Too few calls: each side needs 50"),
    ],
)
def test_the_words_of_a_verdict(found: Verdict | None, good: str, said: str) -> None:
    assert words(found, "share", good) == said  # type: ignore[arg-type]


def test_a_side_that_has_no_calls_is_said_to_be_replaced(calls: Database[Document], start: Start) -> None:
    """Who follows a link to one version must not take another's figures for its."""
    app = start("questions/compare", a="9.9", b="2.1")
    said = [one.value for one in app.toast]
    assert said == ["No calls of agent version 9\\.9: comparing 2\\.0"]
    assert not start("questions/compare", a="2.0", b="2.1").toast


def test_another_field_to_compare_by_says_nothing_of_the_sides_before(
    calls: Database[Document], start: Start
) -> None:
    half = [row["_id"] for row in calls["calls"].find({}, {"_id": 1}).limit(300)]
    calls["calls"].update_many({}, {"$set": {"purpose": "sales"}})
    calls["calls"].update_many({"_id": {"$in": half}}, {"$set": {"purpose": "service"}})
    app = start("questions/compare", a="2.0", b="2.1")
    app.selectbox(key="versus").set_value("Purpose").run()
    assert "Service against Sales" in text_of(app)
    assert not app.toast
