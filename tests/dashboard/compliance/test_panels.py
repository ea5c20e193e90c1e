"""Compliance: what an auditor sees of the calls."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.aggregation.compliance import read
from core.clock import day_bounds, local_today
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.dashboard.conftest import make_call, tables_of, text_of

Start = Callable[..., AppTest]


@pytest.fixture
def calls(database: Database[Document]) -> Database[Document]:
    """Of yesterday: one in the night, one not disclosed, with a lead who opted out before, and good ones."""
    begin = day_bounds(local_today() - timedelta(days=1))[0]
    noon = begin + timedelta(hours=12)
    write_calls(
        database,
        [
            make_call(1, begin + timedelta(hours=3), purpose="sales", campaign="diwali"),
            make_call(2, noon, compliance={"disclosure_given": False}, campaign="diwali"),
            make_call(3, noon, lead_id="a", compliance={"opt_out": True}),
            make_call(4, noon + timedelta(hours=1), lead_id="a", purpose="recovery", campaign="emi"),
            make_call(5, noon, campaign="diwali"),
        ],
    )
    return database


def test_each_violation_is_listed_with_its_rule_and_its_call(calls: Database[Document], start: Start) -> None:
    app = start("compliance", period="7d")
    assert not app.exception
    rules, campaigns, listed = tables_of(app)
    found = {row["Calls"]: row["Violations"].split()[-1] for row in rules}
    assert found["Outside calling hours"] == "1"
    assert found["After an opt-out"] == "1"
    assert found["Without disclosure"] == "1"
    assert found["Over the daily attempt limit"] == ":gray[off]"
    assert "Calls in violation: 3 of 5" in text_of(app)
    assert {row["Campaign"]: row["In violation"] for row in campaigns} == {
        "diwali": "2", "emi": "1", "none given": "0",
    }  # fmt: skip
    assert len(listed) == 3
    assert "call_id=call_4" in str(listed[0]["Call"]) or "call_4" in str(listed[0]["Call"])
    assert len(app.get("plotly_chart")) == 1


def test_a_filter_narrows_the_page(calls: Database[Document], start: Start) -> None:
    assert "Calls in violation: 1 of 1" in text_of(start("compliance", period="7d", campaign="emi"))


def test_calls_without_the_data_to_judge_are_not_said_to_follow_the_rules(
    database: Database[Document], start: Start
) -> None:
    """A call that says nothing of consent, disclosure or opt-out violates nothing, and proves nothing."""
    noon = day_bounds(local_today() - timedelta(days=1))[0] + timedelta(hours=12)
    write_calls(database, [make_call(1, noon)])
    said = text_of(start("compliance", period="7d"))
    assert "None among the calls with the data to judge" in said
    assert "followed every rule" not in said


def test_more_calls_than_are_judged_at_once_are_said(
    calls: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MOST_JUDGED", 4)
    app = start("compliance", period="7d")
    assert not app.exception
    (said,) = [one.value for one in app.info]
    assert said.replace("\\", "") == (
        "More than 4 calls, too many to hold against the rules at once; choose a shorter period, or check "
        "day by day with: python -m core compliance."
    )
    assert not app.error


def test_a_store_without_calls_says_what_to_do(database: Database[Document], start: Start) -> None:
    assert "No calls yet" in text_of(start("compliance"))


def test_system_shows_what_is_kept_and_what_is_less_safe(
    calls: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matrix of the profile, with what was set against it."""
    monkeypatch.setenv("RETENTION_PROFILE", "india")
    monkeypatch.setenv("RAW_RETENTION_DAYS", "90")
    monkeypatch.setenv("LOG_MASK_OFF", "phone")
    get_settings.cache_clear()
    app = start("system")
    assert not app.exception
    said = text_of(app)
    assert "RETENTION_PROFILE india" in said
    assert "90 days, less than 365" in said
    assert "LOG_MASK_OFF has phone" in str(tables_of(app)).replace("\\", "")
