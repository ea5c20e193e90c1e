"""Explore: questions that charts of other pages do not answer, and views with a name."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.clock import utc_now
from core.storage.calls import write_calls
from core.storage.saved_views import save_view, saved_views
from core.types import Document
from tests.dashboard.conftest import make_call, tables_of, text_of

Start = Callable[..., AppTest]


@pytest.fixture
def calls(database: Database[Document]) -> Database[Document]:
    """60 calls of two versions and 25 carriers; every 3rd is qualified."""
    now = utc_now()
    write_calls(
        database,
        [
            make_call(
                number,
                now - timedelta(minutes=10 * number + 1),
                agent_version=f"2.{number % 2}",
                telephony={"provider": f"carrier-{number % 25:02}"},
                qualification_completed=number % 3 == 0,
                e2e_latency_ms=1000 + number,
            )
            for number in range(60)
        ],
    )
    return database


def test_a_rate_by_agent_version(calls: Database[Document], start: Start) -> None:
    """With its interval and n, as chart and as table."""
    app = start("questions/explore", measure="Qualification rate", split="Agent version")
    assert not app.exception
    [rows] = tables_of(app)
    assert [row["Agent version"] for row in rows] == ["2\\.0", "2\\.1"]
    assert [(row["n"], row["Calls"]) for row in rows] == [("30", "30")] * 2
    assert all(" to " in row["95 % interval"] for row in rows)
    assert len(app.get("plotly_chart")) == 1


def test_a_group_is_called_higher_only_beyond_chance(calls: Database[Document], start: Start) -> None:
    """All four inbound leads qualified are not above two thirds of the others; n is what the rate is of."""
    found = calls["calls"]
    found.update_many({"_id": {"$in": ["call_1", "call_5"]}}, {"$set": {"status": "no_answer"}})
    found.update_many({"agent_version": "2.1"}, {"$set": {"qualification_completed": True}})
    inbound = {"direction": "inbound", "qualification_completed": True}
    found.update_many({"_id": {"$in": ["call_3", "call_7", "call_9", "call_11"]}}, {"$set": inbound})

    def said(measure: str, split: str) -> str:
        return text_of(start("questions/explore", measure=measure, split=split))

    rate = "Qualification rate"
    assert "No significant differences · lines: 95 % interval · n 58" in said(rate, "Direction")
    assert "2\\.1, 100.0 %, is significantly above 2\\.0, 33.3 %" in said(rate, "Agent version")
    assert "Highest: Outbound, 56; lowest: Inbound, 4" in said("Calls", "Direction")


def test_the_largest_groups_are_shown_and_the_rest_as_one(calls: Database[Document], start: Start) -> None:
    """25 carriers: 20 bars and Other, and exact percentiles in all of them."""
    app = start("questions/explore", measure="End-to-end latency", split="Carrier", statistic="p90")
    assert not app.exception
    assert "top 20 of 25, the rest under Other" in text_of(app)
    [rows] = tables_of(app)
    assert (len(rows), rows[-1]["Carrier"], rows[-1]["n"]) == (21, "Other \\(5\\)", "10")
    assert rows[0]["End-to-end latency p90"] == "1,050 ms"  # of 1,000, 1,025 and 1,050


def test_values_that_differ_in_their_spelling_alone_are_told_apart(
    database: Database[Document], start: Start
) -> None:
    """Two agents may write a purpose in two ways that read alike; a campaign may be called "none given"."""
    written = ("sales", "Sales", "home_loan", "home loan", None)
    then = utc_now() - timedelta(minutes=30)
    campaigns = {"Sales": "none given", "sales": "diwali", "home_loan": "diwali"}
    write_calls(
        database,
        [make_call(n, then, purpose=one, campaign=campaigns.get(str(one))) for n, one in enumerate(written)],
    )
    for split, names in (
        ("Purpose", ["Sales", "home loan", "home\\_loan", "none given", "sales"]),
        ("Campaign", ["diwali", "none given", "none given"]),
    ):
        app = start("questions/explore", measure="Calls", split=split)
        assert not app.exception
        [rows] = tables_of(app)
        assert sorted(row[split] for row in rows) == names
        assert sum(int(row["Calls"]) for row in rows) == len(written)


def test_a_link_narrows_to_calls_with_a_value(calls: Database[Document], start: Start) -> None:
    """Any field can be a filter; what is no field is left out, and no page breaks."""
    app = start("questions/explore", measure="Calls", split="Agent version", only="Carrier: carrier-03")
    [rows] = tables_of(app)
    assert sum(int(row["Calls"]) for row in rows) == 3
    app = start("questions/explore", measure="Calls", split="Agent version", only="Shoe size: 44")
    assert not app.exception
    assert sum(int(row["Calls"]) for row in tables_of(app)[0]) == 60
    assert "No call in this period matches" in " ".join(
        one.value for one in start("questions/explore", only="Carrier: nobody").info
    )


@pytest.mark.parametrize("spelling", ["hi", "Hindi", "hindi"])
def test_a_filter_by_a_language_takes_its_codes(
    calls: Database[Document], start: Start, spelling: str
) -> None:
    """As a link to any page does; it was said that there are no calls."""
    calls["calls"].update_many({"agent_version": "2.0"}, {"$set": {"language": "hindi"}})
    app = start("questions/explore", measure="Calls", split="Agent version", only=f"Language: {spelling}")
    assert not app.exception
    [rows] = tables_of(app)
    assert [(row["Agent version"], row["Calls"]) for row in rows] == [("2\\.0", "30")]


def test_saved_views_are_links_for_everybody(calls: Database[Document], start: Start) -> None:
    """With who made them; their names are foreign text."""
    save_view(calls, "By carrier", {"measure": ["Calls"], "split": ["Carrier"]}, "asha")
    save_view(calls, "[x](http://evil) <b>", {"measure": ["Calls"]}, "*asha*")
    app = start("questions/explore", measure="Error rate")
    app.session_state["saved-views"] = True
    app.run()
    assert "[By carrier](explore?measure=Calls&split=Carrier)" in text_of(app)
    assert "by asha" in text_of(app)
    assert "](http" not in text_of(app).replace("\\]", "")


def test_a_view_of_another_version_hides_no_other(calls: Database[Document]) -> None:
    save_view(calls, "By carrier", {"measure": ["Calls"]}, "asha")
    calls["saved_views"].insert_many([{"_id": "x", "name": "New", "folder": "a"}, {"_id": 7}])
    assert [view.name for view in saved_views(calls)] == ["By carrier"]


def test_a_view_gets_a_name_another_one_and_goes(calls: Database[Document], start: Start) -> None:
    """What the page asks is kept, in the name of who did it."""
    app = start("questions/explore", measure="Error rate", split="Carrier")
    app.session_state["saved-views"] = True
    app.run()
    app.text_input(key="view-name").input("Errors by carrier")
    app.text_input(key="view-who").input("asha")
    next(button for button in app.button if button.label == "Save").click().run()
    assert not app.exception
    [view] = saved_views(calls)
    assert (view.name, view.made_by) == ("Errors by carrier", "asha")
    assert (view.link["measure"], view.link["split"]) == (["Error rate"], ["Carrier"])
    app.text_input(key=f"view-name-{view.id}").input("Errors")
    app.button(key=f"rename-{view.id}").click().run()
    assert [one.name for one in saved_views(calls)] == ["Errors"]
    app.button(key=f"delete-{view.id}").click().run()
    assert saved_views(calls) == []
    assert {row["action"] for row in calls["audit"].find()} >= {"view_saved", "view_deleted"}
