"""The Audit page, and what the other pages write to the log."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.access.audit import Action, append, audit, lead_token
from core.access.roles import Actor, Role
from core.clock import utc_now
from core.storage.calls import write_calls
from core.types import Document
from dashboard import visitor
from tests.dashboard.browser import opened, served
from tests.dashboard.conftest import ROOT, make_call, tables_of, text_of

Start = Callable[..., AppTest]
ASHA, RAVI = Actor("asha", Role.ADMIN), Actor("ravi", Role.VIEWER)


@pytest.fixture(autouse=True)
def nothing_read() -> Iterator[None]:
    append.forget_reads()
    yield
    append.forget_reads()


@pytest.fixture
def log(database: Database[Document]) -> Database[Document]:
    """Sixty calls that ravi looked at, and an erasure."""
    for number in range(60):
        audit(database, RAVI, Action.VIEWED_CALL, f"call_{number}")
    audit(database, ASHA, Action.ERASED, lead_token("lead_7"), records=22)
    return database


def noted(database: Database[Document]) -> list[tuple[str, str]]:
    rows = database["audit"].find({"action": {"$ne": "viewed_audit"}}).sort("_id", 1)
    return [(row["action"], row["subject"]) for row in rows]


def test_the_newest_entries_come_first(log: Database[Document], start: Start) -> None:
    app = start("audit")
    assert not app.exception
    (rows,) = tables_of(app)
    assert len(rows) == 50
    assert [row["Entry"] for row in rows[:3]] == ["62", "61", "60"]
    assert "Viewed audit" in rows[0]["Action"]
    assert "Erased" in rows[1]["Action"]
    assert (rows[1]["User"], rows[1]["Details"]) == ("**asha** · admin", "records 22")
    assert "calls?call_id=call_59" in rows[2]["Subject"].replace("\\", "")
    app.button(key="page-older").click().run()
    (rows,) = tables_of(app)
    assert [row["Entry"] for row in (rows[0], rows[-1])] == ["12", "1"]
    app.button(key="page-newest").click().run()
    assert len(tables_of(app)[0]) == 50


@pytest.mark.full
def test_a_link_narrows_the_list(log: Database[Document], start: Start) -> None:
    for link, count in (
        ({"actor": "asha"}, 1),
        ({"action": "erased"}, 1),
        ({"subject": "call_7"}, 1),
        ({"subject": "lead_7"}, 1),
        ({"actor": "ravi", "subject": "call_7"}, 1),
    ):
        app = start("audit", **link)
        assert [len(rows) for rows in tables_of(app)] == [count], link
    app = start("audit", actor="ravi", action="erased")
    assert "No entries in the last 24 hours" in text_of(app)
    app = start("audit", period="custom", from_="1999-01-01", to="1999-01-02")
    assert "No entries" in text_of(app)


def test_the_chain_is_verified_on_the_page(log: Database[Document], start: Start) -> None:
    app = start("audit")
    app.button(key="verify").click().run()
    (said,) = app.success
    assert "62 entries · verified at" in said.value
    log["audit"].update_one({"_id": 7}, {"$set": {"actor": "nobody"}})
    app.button(key="verify").click().run()
    (broken,) = app.error
    assert "BROKEN at entry 7" in broken.value
    assert "changed after it was written" in broken.value


def test_only_an_admin_has_the_page(
    log: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the menu nor by its address."""
    monkeypatch.setattr(visitor, "find", lambda **_: RAVI)
    overview = start()
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        overview.switch_page("../pages/audit.py")
    app = AppTest.from_file(str(ROOT / "pages" / "audit.py")).run()
    assert text_of(app) == "Only admins can read the audit log."


def test_opening_a_call_and_looking_for_a_lead_are_noted(
    calls_of_today: Database[Document], start: Start
) -> None:
    """Once, however often the page draws itself anew; of the lead there is a token."""
    app = start("calls", call_id="call_7")
    app.run()
    assert noted(calls_of_today) == [("viewed_call", "call_7")]
    start("calls", call_id="call_none")
    write_calls(calls_of_today, [make_call(500, utc_now(), lead_id="lead_meera")])
    start("calls", q="lead_meera")
    assert noted(calls_of_today)[1:] == [("searched", lead_token("lead_meera"))]
    assert "meera" not in str(list(calls_of_today["audit"].find()))


def test_rules_and_silences_that_are_changed_are_noted(
    calls_of_today: Database[Document], start: Start
) -> None:
    app = start("alerts", view="Rules", rule="call_failure_rate")
    app.toggle(key="edit-call_failure_rate-enabled").set_value(False).run()
    app.text_input(key="rule-who").set_value("asha").run()
    app.button(key="save-rule").click().run()
    app.button(key="delete-rule").click().run()
    assert noted(calls_of_today) == [
        ("rule_changed", "call_failure_rate"),
        ("rule_deleted", "call_failure_rate"),
    ]


@pytest.mark.full
def test_downloads_are_noted(calls_of_today: Database[Document], tmp_path: Path, browser: Browser) -> None:
    """The list of calls, made when it is asked for, and a table that is there already."""
    line = {"at": utc_now(), "alert_id": "x", "name": "Error rate", "severity": "critical", "event": "firing"}
    calls_of_today["alert_events"].insert_one(line)
    with served(tmp_path) as address:
        with opened(browser, f"{address}/calls?period=7d") as page:
            with page.expect_download() as download:
                page.locator(".st-key-csv-calls button").first.click()
            assert "call_7" in Path(download.value.path()).read_text(encoding="utf-8-sig")
        with opened(browser, f"{address}/alerts?view=History") as page, page.expect_download():
            page.locator(".st-key-csv-alert_history button").first.click()
    assert noted(calls_of_today) == [
        ("listed_calls", "calls"),
        ("exported", "calls"),
        ("exported", "alert_history"),
    ]
    about = next(
        row["about"] for row in calls_of_today["audit"].find({"action": "exported", "subject": "calls"})
    )
    assert about["since"] < about["until"]


@pytest.mark.full
@pytest.mark.alone
def test_a_million_entries_make_the_page_no_slower(database: Database[Document], start: Start) -> None:
    """As with two thousand: a page is read by an index, and nothing is counted."""
    import time

    def drawn() -> float:
        began = time.perf_counter()
        app = start("audit", period="90d")
        assert len(tables_of(app)[0]) == 50
        return time.perf_counter() - began

    at = utc_now() - timedelta(days=60)
    usual = {"role": "viewer", "action": "viewed_call", "about": {}, "previous": "", "key": "", "hash": ""}

    def row(n: int) -> Document:
        who = {"actor": f"actor {n % 7}", "subject": f"call_{n % 9_000}"}
        return {"_id": n, "at": at + timedelta(seconds=5 * n), **who, **usual}

    database["audit"].insert_many([row(n) for n in range(1, 2_001)])
    drawn()
    few = min(drawn() for _ in range(3))
    for first in range(10_001, 1_000_001, 45_000):  # the page notes each look at it in between
        database["audit"].insert_many([row(n) for n in range(first, first + 45_000)], ordered=False)
    assert min(drawn() for _ in range(3)) < few * 1.5 + 0.05
