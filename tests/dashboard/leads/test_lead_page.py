"""The page of one lead: every attempt, what is next, who sees it, and that it is noted."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.access.audit import lead_token
from core.access.roles import Role
from core.aggregation.search.lead_detail import whole_lead
from core.clock import utc_now
from core.erasure import restrict_lead
from core.models.metrics import TurnMetrics
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.collections import ensure_indexes
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests.dashboard.conftest import calls_listed, make_call, text_of
from tests.dashboard.test_roles import As, as_role

__all__ = ["as_role"]
Start = Callable[..., AppTest]
LEAD = "lead_<b>7"


@pytest.fixture
def attempts(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Database[Document]:
    """Three calls with a lead, the second too soon after the first; and one with another lead."""
    monkeypatch.setenv("CALLING_HOURS", "00:00-24:00")
    monkeypatch.setenv("MINIMUM_GAP_MINUTES", "60")
    get_settings.cache_clear()
    now = utc_now()
    usual = {"lead_id": LEAD, "purpose": "sales"}
    write_calls(
        database,
        [
            make_call(1, now - timedelta(days=2), status="no_answer", end_reason="busy", attempt=1, **usual),
            make_call(2, now - timedelta(days=2, minutes=-20), attempt=2, end_reason="hung_up", **usual),
            make_call(
                3,
                now - timedelta(minutes=30),
                attempt=3,
                end_reason="transferred",
                qualification_completed=True,
                handoff_triggered=True,
                silences=[{"by": "agent", "seconds": 3.2}],
                **usual,
            ),
            make_call(4, now, lead_id="lead_8"),
            make_call(5, now),
        ],
    )
    waits = [TurnMetrics(call_id="call_3", turn=n, e2e_ms=ms) for n, ms in ((1, 900), (2, 2_100))]
    write(database, [Record.now(turn) for turn in waits])
    return database


def pages_of(app: AppTest) -> str:
    assert not app.exception
    return "".join(element.proto.body for element in app.get("html"))


def test_every_attempt_stands_with_its_end_waits_and_broken_rules(
    attempts: Database[Document], start: Start
) -> None:
    app = start("lead", lead_id=LEAD)
    shown, said = pages_of(app), text_of(app).replace("\\", "")
    rows = [row for row in shown.split("<tr>") if "call_id=call_" in row]
    assert [row.partition("call_id=")[2][:6] for row in rows] == ["call_3", "call_2", "call_1"]
    assert "The agent handed the call to a person" in rows[0]
    assert "1,500 ms<small>longest 2,100 ms</small><small>silence 3.2 s</small>" in rows[0]
    assert "Too soon after the previous call" in rows[1]
    assert "The line was busy" in rows[2]
    assert "3 calls since" in said
    assert "2 answered" in said
    assert "60 min between calls" in said
    assert LEAD in said
    assert LEAD not in shown


def test_looking_at_a_lead_is_noted_without_its_name(attempts: Database[Document], start: Start) -> None:
    start("lead", call_id="call_2")
    (noted,) = attempts["audit"].find({"action": "viewed_lead"})
    assert (noted["subject"], noted["about"]) == (lead_token(LEAD), {"calls": 3})


def test_a_viewer_sees_the_attempts_by_another_name_and_asks_for_no_lead(
    attempts: Database[Document], start: Start, as_role: As
) -> None:
    as_role(Role.VIEWER)
    app = start("lead", call_id="call_2")
    assert "call_id=call_1" in pages_of(app)
    assert "## lead\\-" in text_of(app)
    assert "lead_" not in text_of(app).replace("\\", "") + pages_of(app)
    refused = start("lead", lead_id=LEAD)
    assert "may not see lead ids" in text_of(refused)
    assert "call_id=call_1" not in pages_of(refused)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({}, "No lead chosen"),
        ({"call_id": "call_5"}, "names no lead"),
        ({"call_id": "nobody"}, "names no lead"),
        ({"lead_id": "nobody"}, "No call with **nobody** is in the database"),
    ],
)
def test_without_a_lead_the_page_says_why(
    attempts: Database[Document], start: Start, link: dict[str, str], said: str
) -> None:
    app = start("lead", **link)
    assert not app.exception
    assert said in text_of(app)


def test_a_hidden_lead_is_on_no_page(attempts: Database[Document], start: Start) -> None:
    restrict_lead(attempts, LEAD, utc_now() + timedelta(days=9), "a duty", by="asha")
    assert "No call with" in text_of(start("lead", lead_id=LEAD))
    assert "names no lead" in text_of(start("lead", call_id="call_2"))


def test_a_lead_that_is_hidden_now_is_on_no_page_that_was_just_seen(
    attempts: Database[Document], start: Start
) -> None:
    """Answers are kept for up to a minute; whoever opens the page again must not get the earlier ones."""
    write_calls(attempts, [make_call(6, utc_now() - timedelta(minutes=20), lead_id=LEAD)])  # too soon
    listed, one = start("calls"), start("calls", call_id="call_3")
    lead, rules = start("lead", lead_id=LEAD), start("compliance")
    assert {"call_3", "call_6"} <= set(calls_listed(listed))
    assert "lead?call_id=call_3" in pages_of(one)
    assert "call_id=call_1" in pages_of(lead)
    assert "call_6" in text_of(rules)

    restrict_lead(attempts, LEAD, utc_now() + timedelta(days=9), "a duty", by="asha")
    assert calls_listed(listed.run()) == ["call_5", "call_4"]
    assert "lead?call_id=call_3" not in pages_of(one.run())
    assert "No call with" in text_of(lead.run())
    assert "call_6" not in text_of(rules.run())


def test_a_lead_who_opted_out_is_called_no_more(attempts: Database[Document], start: Start) -> None:
    """Calls after it are marked; one that opted out in the newest call has none of them."""
    write_calls(attempts, [make_call(4, utc_now(), lead_id="lead_8", compliance={"opt_out": True})])
    found = whole_lead(attempts, "lead_8", utc_now())
    assert found is not None
    assert (found.next.at, [one.violations for one in found.attempts]) == (None, [()])
    said = text_of(start("lead", lead_id="lead_8"))
    assert r"Not allowed\: the lead asked not to be called again" in said


@pytest.mark.parametrize("given", ["+91 98111 22233", "09811122233", "+919811122233", "98111-22233"])
def test_a_phone_is_one_lead_in_whatever_spelling_it_is_opened(
    attempts: Database[Document], given: str
) -> None:
    """Calls under all spellings are listed, their rules count together, and an opt-out holds for each."""
    now, asked = utc_now(), {"compliance": {"opt_out": True}}
    write_calls(
        attempts,
        [
            make_call(6, now - timedelta(minutes=30), lead_id="+91 98111 22233", **asked),
            make_call(7, now - timedelta(minutes=25), lead_id="09811122233"),
            make_call(8, now - timedelta(minutes=20), lead_id="9811122234"),
        ],
    )
    found = whole_lead(attempts, given, now)
    assert found is not None
    assert [one.call.call_id for one in found.attempts] == ["call_7", "call_6"]
    assert set(found.attempts[0].violations) == {"opted_out", "gap"}
    assert (found.next.at, found.count) == (None, 2)


@pytest.mark.parametrize("given", [LEAD, "09811122233"])
def test_a_lead_is_looked_up_without_reading_all_calls(attempts: Database[Document], given: str) -> None:
    ensure_indexes(attempts)
    write_calls(attempts, [make_call(6, utc_now(), lead_id="+91 98111 22233")])
    attempts.command("profile", 2, filter={"ns": f"{attempts.name}.calls"})
    try:
        assert whole_lead(attempts, given, utc_now()) is not None
    finally:
        attempts.command("profile", 0, filter="unset")
    plans = [row.get("planSummary", "") for row in attempts["system.profile"].find()]
    assert plans
    assert not any(plan.startswith("COLLSCAN") for plan in plans)


def test_an_opt_out_under_a_rare_spelling_holds_too(attempts: Database[Document]) -> None:
    now, asked = utc_now(), {"compliance": {"opt_out": True}}
    rare = make_call(6, now - timedelta(days=3), lead_id="(098).111.22.23.3", **asked)
    write_calls(attempts, [rare, make_call(7, now, lead_id="09811122233")])
    found = whole_lead(attempts, "09811122233", now)
    assert found is not None
    assert found.next.at is None
    assert "opted_out" in found.attempts[0].violations


def test_a_hidden_phone_is_on_no_page_in_any_spelling(attempts: Database[Document]) -> None:
    restrict_lead(attempts, "+91 98111 22233", utc_now() + timedelta(days=9), "a duty", by="asha")
    write_calls(attempts, [make_call(6, utc_now(), lead_id="09811122233")])
    assert whole_lead(attempts, "09811122233", utc_now()) is None
    assert whole_lead(attempts, "9811122233", utc_now()) is None


def test_search_and_call_lead_to_the_page(attempts: Database[Document], start: Start) -> None:
    """Where a search finds the calls of one lead alone; the address names a call, not the lead."""
    assert "lead?call_id=call_3" in pages_of(start("calls", q=LEAD))
    assert "lead?call_id=call_2" in pages_of(start("calls", call_id="call_2"))
    assert "lead?call_id" not in pages_of(start("calls", q="lead_"))
    assert "lead?call_id" not in pages_of(start("calls", call_id="call_5"))
