"""Calls held against the rules of calling, as an auditor would check them by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from bson import Timestamp
from pymongo.database import Database

from core.aggregation.compliance.evidence import by_campaign, evidence, over_time
from core.aggregation.compliance.judge import Judged
from core.aggregation.compliance.read import load_compliance
from core.aggregation.rollups.call_frames import CallFilters
from core.aggregation.rollups.refresh import archive_due
from core.aggregation.search.lead_detail import whole_lead
from core.clock import utc_now
from core.erasure import erase_lead, restrict_lead
from core.errors import TooMuchError
from core.models.metrics import CallMetrics
from core.storage.calls import write_calls
from core.storage.collections import ARCHIVES, CALLS, OPT_OUTS
from core.types import Document
from tests.conftest import Setting

INDIA = ZoneInfo("Asia/Kolkata")
DAY = datetime(2026, 11, 24, tzinfo=INDIA)
START, END = DAY.astimezone(UTC), (DAY + timedelta(days=1)).astimezone(UTC)


def call(name: str, at: str, day: int = 0, **fields: Any) -> CallMetrics:
    """A completed outbound call at a local time of the day, or of so many days later."""
    hour, minute = map(int, at.split(":"))
    start = DAY + timedelta(days=day, hours=hour, minutes=minute)
    usual = {"status": "completed", "direction": "outbound", "duration_seconds": 60}
    return CallMetrics.model_validate({"call_id": name, "start_time": start, **usual, **fields})


def judged(database: Database[Document], *calls: CallMetrics, **filters: str) -> Judged:
    write_calls(database, list(calls))
    return load_compliance(database, START, END, CallFilters(**filters))


def broken(found: Judged) -> set[tuple[str, str]]:
    """Pairs of rule and call."""
    rows = found.violations
    return set(zip(rows["kind"], rows["call_id"], strict=True))


def figures(found: Judged, key: str) -> tuple[int, int, int]:
    """Of one rule: calls that it is about, that tell, that violate it."""
    one = next(rule for rule in found.rules if rule.key == key)
    return one.calls, one.told, one.violations


def test_hours_are_those_of_the_purpose(database: Database[Document]) -> None:
    """Sales from 9 to 21, recovery from 8 to 19, service at any time; each end lies outside."""
    found = judged(
        database,
        call("sales-early", "08:59", purpose="sales"),
        call("sales-first", "09:00", purpose="sales"),
        call("sales-last", "20:59", purpose="sales"),
        call("sales-late", "21:00", purpose="sales"),
        call("recovery-early", "07:59", purpose="recovery"),
        call("recovery-first", "08:00", purpose="collections"),
        call("recovery-late", "19:00", purpose="Recovery"),
        call("service-night", "03:00", purpose="service"),
        call("unknown-night", "03:00"),
        call("unknown-evening", "20:00"),
        call("inbound-night", "03:00", purpose="sales", direction="inbound"),
    )
    late = {"sales-early", "sales-late", "recovery-early", "recovery-late", "unknown-night"}
    assert broken(found) == {("calling_hours", name) for name in late}
    # Service calls may at any time; of the others all but two say what they are for.
    assert figures(found, "calling_hours") == (9, 7, 5)
    rows = found.violations.set_index("call_id")
    assert rows["rule"]["recovery-late"] == "08:00-19:00 Asia/Kolkata"
    assert rows["found"]["recovery-late"] == "began at 19:00:00"
    assert rows["rule"]["sales-late"] == "09:00-21:00 Asia/Kolkata"


def test_hours_can_be_set(database: Database[Document], setting: Setting) -> None:
    """Those over midnight, too."""
    setting(CALLING_HOURS="22:00-02:00", CALLING_HOURS_RECOVERY="10:00-24:00")
    found = judged(
        database,
        call("night", "23:30"),
        call("small-hours", "01:59"),
        call("two", "02:00"),
        call("recovery", "23:59", purpose="recovery"),
        call("recovery-early", "09:59", purpose="recovery"),
    )
    assert broken(found) == {("calling_hours", "two"), ("calling_hours", "recovery-early")}


def test_a_call_that_does_not_tell_is_not_told_and_no_violation(database: Database[Document]) -> None:
    """Only what a record says counts against it."""
    told = {"disclosure_given": True, "recording_notice": True, "consent_id": "c1", "opt_out": False}
    found = judged(
        database,
        call("silent", "10:00", purpose="sales"),
        call("good", "10:01", purpose="sales", compliance={**told, "dnd_checked_at": DAY}),
        call("bad", "10:02", compliance={"disclosure_given": False, "recording_notice": False}),
        call("nobody", "10:03", status="no_answer", compliance={"disclosure_given": False}),
    )
    assert broken(found) == {("disclosure", "bad"), ("recording_notice", "bad")}
    assert figures(found, "disclosure") == (3, 2, 1)
    assert figures(found, "consent") == (4, 1, 0)
    assert figures(found, "dnd") == (4, 1, 0)
    off = {rule.key for rule in found.rules if not rule.in_force}
    assert off == {"attempts", "gap", "consent"}


def test_what_calls_must_tell_is_violated_by_those_that_do_not(
    database: Database[Document], setting: Setting
) -> None:
    setting(CALLS_MUST_TELL="consent_id, recording_notice,dnd_checked_at,number_series")
    found = judged(
        database,
        call("silent", "10:00", purpose="sales"),
        call("missed", "10:01", status="no_answer", compliance={"consent_id": "c", "dnd_checked_at": DAY}),
        call("inbound", "10:02", direction="inbound", compliance={"recording_notice": True}),
    )
    kinds = ("consent", "recording_notice", "dnd", "number_series")
    assert broken(found) == {(kind, "silent") for kind in kinds}
    assert set(found.violations["found"]) == {"not told"}


def test_the_register_is_looked_up_before_the_call_and_not_long_before(
    database: Database[Document], setting: Setting
) -> None:
    setting(DND_CHECK_DAYS="7")

    def looked_up(days: float) -> dict[str, Any]:
        return {"compliance": {"dnd_checked_at": DAY + timedelta(hours=10) - timedelta(days=days)}}

    found = judged(
        database,
        call("fresh", "10:00", **looked_up(7)),
        call("old", "10:00", **looked_up(7.01)),
        call("afterwards", "10:00", **looked_up(-0.1)),
        call("recovery", "10:00", purpose="recovery", **looked_up(300)),
    )
    assert broken(found) == {("dnd", "old"), ("dnd", "afterwards")}
    assert figures(found, "dnd") == (3, 3, 2)


def test_a_lead_who_asked_for_no_more_calls_is_called_again(database: Database[Document]) -> None:
    """Also where that was long before the period; the call in which it was said is none."""
    asked: dict[str, Any] = {"compliance": {"opt_out": True}}
    found = judged(
        database,
        call("said-before", "10:00", day=-200, lead_id="a", **asked),
        call("again", "10:00", lead_id="a"),
        call("said-now", "11:00", lead_id="b", **asked),
        call("before", "10:00", lead_id="b"),
        call("phoned-in", "12:00", lead_id="b", direction="inbound"),
        call("after", "12:30", lead_id="b"),
        call("said-later", "10:00", day=3, lead_id="c", **asked),
        call("earlier", "10:00", lead_id="c"),
        call("other", "10:00", lead_id="d", compliance={"opt_out": False}),
    )
    assert broken(found) == {("opted_out", "again"), ("opted_out", "after")}
    why = found.violations.set_index("call_id")["found"]
    assert why["again"] == "asked in the call of 2026-05-08 10:00"


def test_attempts_and_gaps_count_all_calls_to_a_lead(database: Database[Document], setting: Setting) -> None:
    """Of other campaigns, of the day's begin, and of the evening before where it is about the gap."""
    setting(ATTEMPTS_PER_DAY="2", MINIMUM_GAP_MINUTES="60", CALLING_HOURS="00:00-24:00")
    calls = [
        call("evening", "23:50", day=-1, lead_id="a", campaign="y"),
        call("a1", "00:30", lead_id="a", campaign="x"),
        call("a2", "10:00", lead_id="a", campaign="y"),
        call("a-in", "10:30", lead_id="a", direction="inbound", campaign="x"),
        call("a3", "11:00", lead_id="a", campaign="x"),
        call("nobody", "10:00", campaign="x"),
        call("nobody-too", "10:01", campaign="x"),
    ]
    found = judged(database, *calls)
    assert broken(found) == {("gap", "a1"), ("attempts", "a3")}
    rows = found.violations.set_index("call_id")["found"]
    assert (rows["a1"], rows["a3"]) == ("40.0 min after the one before", "number 3 of the day")
    assert broken(judged(database, campaign="x")) == {("gap", "a1"), ("attempts", "a3")}
    assert broken(judged(database, campaign="y")) == set()
    noon = (DAY + timedelta(hours=10, minutes=45)).astimezone(UTC)
    assert broken(load_compliance(database, noon, END)) == {("attempts", "a3")}


@pytest.mark.parametrize(
    ("purpose", "series", "right"),
    [
        ("sales", "140", True),
        ("sales", "1402", True),
        ("sales", "+91 140", True),
        ("sales", "1600", False),
        ("recovery", "1600", True),
        ("service", "140", False),
        ("sales", "98765", False),
        ("other", "98765", True),
    ],
)
def test_the_number_series_is_that_of_the_purpose(
    database: Database[Document], purpose: str, series: str, right: bool
) -> None:
    found = judged(database, call("c", "10:00", purpose=purpose, telephony={"number_series": series}))
    assert broken(found) == (set() if right else {("number_series", "c")})


def test_evidence_says_rule_source_and_zone_of_each_line(database: Database[Document]) -> None:
    """And the same violations stand over time and by campaign."""
    flags = {"disclosure_given": False, "recording_notice": False}
    found = judged(
        database,
        call("late", "22:00", purpose="recovery", campaign="x", lead_id="l1", compliance=flags),
        call("fine", "10:00", campaign="x"),
        call("too", "05:30"),
    )
    lines = evidence(found).to_dict("records")
    (line,) = (one for one in lines if (one["call_id"], one["violation"]) == ("late", "calling_hours"))
    assert line["started_at"] == "2026-11-24T22:00:00+05:30"
    assert line["time_zone"] == "Asia/Kolkata"
    assert line["rule"] == "08:00-19:00 Asia/Kolkata"
    assert line["source_of_rule"].startswith("RBI, 12 Aug 2022")
    assert (line["lead_id"], line["campaign"], line["purpose"]) == ("l1", "x", "recovery")
    assert len(lines) == 4
    course = over_time(found, START, END, "1h")
    assert course.to_numpy().sum() == 4
    assert course.T.to_dict()[pd.Timestamp(DAY + timedelta(hours=22))] == {
        "calling_hours": 1, "disclosure": 1, "recording_notice": 1,
    }  # fmt: skip
    table = by_campaign(found)[["calls", "in_violation", "disclosure"]].T.to_dict("list")
    assert table == {"x": [2, 1, 1], "": [1, 1, 0]}


def test_a_day_without_calls_or_without_violations(database: Database[Document]) -> None:
    nothing = load_compliance(database, START, END)
    assert (nothing.calls, len(nothing.violations)) == (0, 0)
    assert len(evidence(nothing)) == 0
    fine = judged(database, call("fine", "10:00"))
    assert (fine.calls, len(fine.violations)) == (1, 0)
    assert over_time(fine, START, END, "1h").empty
    assert by_campaign(fine)["in_violation"].sum() == 0


def test_those_who_asked_for_no_calls_are_read_from_their_index(database: Database[Document]) -> None:
    """However many calls there are."""
    judged(database, call("a", "10:00", lead_id="a", compliance={"opt_out": True}), call("b", "11:00"))
    plan = database[CALLS].find({"compliance.opt_out": True}, {"_id": 0, "lead_id": 1, "start_time": 1})
    stages = str(plan.explain()["queryPlanner"]["winningPlan"])
    assert "opted_out" in stages
    assert "COLLSCAN" not in stages


def test_those_who_asked_for_no_calls_are_read_up_to_a_number(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few leads those alone, however many others asked; of more than can be read, none."""
    earlier = [
        call(f"asked{n}", "10:00", -n, lead_id=f"lead_{n}", compliance={"opt_out": True}) for n in range(1, 7)
    ]
    write_calls(database, earlier)
    monkeypatch.setattr("core.aggregation.compliance.read.MOST_JUDGED", 5)
    assert broken(judged(database, call("again", "11:00", lead_id="lead_1"))) == {("opted_out", "again")}
    monkeypatch.setattr("core.aggregation.compliance.read.MOST_LEADS", 0)
    with pytest.raises(TooMuchError, match="more than 5 calls in which a lead asked for no more"):
        judged(database)


def test_a_hidden_leads_violation_counts_and_is_not_listed(database: Database[Document]) -> None:
    shown = judged(database, call("late", "21:30", lead_id="lead_1"))
    assert broken(shown) == {("calling_hours", "late")}
    restrict_lead(database, "lead_1", utc_now() + timedelta(days=1), "a duty", "asha")
    hidden = judged(database)
    assert (len(hidden.listed), len(evidence(hidden)), hidden.calls_in_violation) == (0, 0, 1)
    assert figures(hidden, "calling_hours") == figures(shown, "calling_hours")


def archive(database: Database[Document], call_id: str) -> None:
    """Move a call to the archive, as if it had been recorded long ago."""
    database[CALLS].update_one({"_id": call_id}, {"$set": {"recorded_at": Timestamp(1_750_000_000, 1)}})
    archive_due(database)
    assert database[CALLS].find_one({"_id": call_id}) is None


def opted_out(database: Database[Document]) -> int:
    (found,) = [one for one in load_compliance(database, START, END).rules if one.key == "opted_out"]
    return found.violations


@pytest.mark.parametrize("before_it_was_noted", [False, True])
def test_whoever_asked_for_no_more_calls_is_not_forgotten_with_the_call(
    database: Database[Document], before_it_was_noted: bool
) -> None:
    """The wish holds for longer than the call stays in the database; an archive from earlier is read once."""
    asked = call("asked", "11:00", -100, lead_id="lead_1", compliance={"opt_out": True})
    write_calls(database, [asked, call("again", "12:00", lead_id="lead_1"), call("old", "12:00", -99)])
    assert opted_out(database) == 1
    archive(database, "asked")
    if before_it_was_noted:
        database[OPT_OUTS].delete_many({})
        database[ARCHIVES].update_many({}, {"$unset": {"opt_outs_noted": 1}})
        archive(database, "old")
    assert opted_out(database) == 1
    lead = whole_lead(database, "lead_1", utc_now())
    assert lead is not None
    assert lead.opted_out_at == asked.start_time
    erase_lead(database, "lead_1", counts=False)
    assert database[OPT_OUTS].count_documents({}) == 0


ONE_PHONE = ("+91 98111 22233", "09811122233", "(098111) 22233")


def test_a_lead_who_opted_out_may_be_called_under_no_spelling_of_its_phone(
    database: Database[Document],
) -> None:
    """Whether it asked on the same day or long before; another phone may be called."""
    asked: dict[str, Any] = {"compliance": {"opt_out": True}}
    found = judged(
        database,
        call("said", "10:00", lead_id=ONE_PHONE[0], **asked),
        call("again", "10:05", lead_id=ONE_PHONE[1]),
        call("said-before", "10:00", day=-200, lead_id="098111-22244", **asked),
        call("long-after", "11:00", lead_id="9811122244"),
        call("other", "11:00", lead_id="9811122255"),
    )
    assert broken(found) == {("opted_out", "again"), ("opted_out", "long-after")}
    why = found.violations.set_index("call_id")["found"]
    assert why["again"] == "asked in the call of 2026-11-24 10:00"


def test_attempts_and_gaps_count_calls_under_all_spellings_of_a_phone(
    database: Database[Document], setting: Setting
) -> None:
    setting(ATTEMPTS_PER_DAY="2", MINIMUM_GAP_MINUTES="60")
    times = ("10:00", "10:30", "12:00")
    calls = [call(at, at, lead_id=lead, campaign=at) for at, lead in zip(times, ONE_PHONE, strict=True)] + [
        call("other", "10:10", lead_id="9811122234"),
        call("nobody", "10:11"),
        call("nobody-too", "10:12"),
    ]
    found = judged(database, *calls)
    assert broken(found) == {("gap", "10:30"), ("attempts", "12:00")}
    assert broken(judged(database, campaign="12:00")) == {("attempts", "12:00")}


def test_an_archived_wish_holds_for_every_spelling_of_the_phone(database: Database[Document]) -> None:
    """Under which it was said matters as little as where the call is."""
    asked = call("asked", "11:00", -100, lead_id="+91 98111 22233", compliance={"opt_out": True})
    write_calls(database, [asked, call("again", "12:00", lead_id="09811122233")])
    archive(database, "asked")
    assert opted_out(database) == 1
    lead = whole_lead(database, "9811122233", utc_now())
    assert lead is not None
    assert lead.opted_out_at == asked.start_time
