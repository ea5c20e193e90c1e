"""Agent, platform and carrier report one call: the same call comes of it, whatever the order."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from core.models.calls.reports import CallReport, lenient_facts
from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
from core.services.sync_metrics_service import SyncMetricsService
from core.storage.calls import from_document
from core.storage.collections import CALLS, DIRTY_WINDOWS
from core.storage.recording.merging import document_of, given_by, merge
from core.storage.recording.records import CALL_KIND, Record
from core.storage.recording.spool import Spool
from core.storage.recording.write import Outcome, Refusal, write
from core.types import Document

START = datetime(2024, 11, 5, 9, 30, tzinfo=UTC)


def agents(call_id: str = "c1", **fields: Any) -> CallMetrics:
    known = {"start_time": START, "duration_seconds": 60, "status": "completed", "direction": "outbound"}
    return CallMetrics(call_id=call_id, **{**known, **fields})


def report(source: str, role: str, stage: int = 50, call_id: str = "c1", **facts: Any) -> CallReport:
    final, known_call = facts.pop("final", False), facts.pop("known_call", True)
    return CallReport.model_validate(
        {
            "call_id": call_id,
            "source": source,
            "role": role,
            "stage": stage,
            "at": START + timedelta(minutes=stage),
            "final": final,
            "known_call": known_call,
            "facts": facts,
        }
    )


ringing = report("exotel", "carrier", 10, start_time=START, provider_call_id="ex-1")
hangup = report(
    "exotel",
    "carrier",
    50,
    start_time=START + timedelta(seconds=1),
    answered_at=START + timedelta(seconds=9),
    end_time=START + timedelta(seconds=61),
    talk_seconds=52,
    hangup_by="customer",
    status="completed",
    end_reason="unknown",
    end_reason_raw="NORMAL_CLEARING",
)
price = report("exotel", "carrier", 60, cost={"telephony": 0.9}, final=True)
analysis = report(
    "vapi",
    "platform",
    60,
    start_time=START,
    status="completed",
    end_reason="agent_goodbye",
    cost={"llm": 1.1, "telephony": 2.5, "platform": 4.0},
    sentiment_score=0.5,
    metadata={"score": 7, "agent": "theirs"},
    final=True,
)
ALL: list[CallMetrics | CallReport] = [
    agents(language="hi-IN", metadata={"agent": "ours"}),
    ringing,
    hangup,
    price,
    analysis,
]


def stored(database: Database[Document], call_id: str = "c1") -> Document:
    document = database[CALLS].find_one({"_id": call_id})
    assert document is not None
    return {name: value for name, value in document.items() if name not in {"recorded_at", "version"}}


def facts_of(document: Document) -> Document:
    """A merged call without the versions of its agent's record, which no two runs have alike."""
    own = {"sources", "recorded_at", "version", "schema_version"}
    plain = {name: value for name, value in document.items() if name not in own}
    sources = {
        name: {key: value for key, value in said.items() if key != "version"}
        for name, said in document["sources"].items()
    }
    return plain | {"sources": sources}


def test_each_source_gives_what_it_knows_best(database: Database[Document]) -> None:
    """The carrier knows the line, the agent the talk, the platform the rest; each field says whose it is."""
    write(database, [Record.now(one) for one in ALL], fresh=True)
    document = stored(database)
    call = from_document(document)
    assert call.language == "hindi"
    assert (call.talk_seconds, call.hangup_by, call.provider_call_id) == (52, "customer", "ex-1")
    assert call.cost is not None
    assert call.cost.model_dump(exclude_none=True) == {"telephony": 0.9, "llm": 1.1, "platform": 4.0}
    assert call.end_reason == "agent_goodbye"  # the carrier could not name it
    assert call.metadata == {"score": 7, "agent": "ours"}
    assert call.duration_seconds == pytest.approx(51)  # from the answer to the agent's end
    assert document["state"] == "final"
    givers = given_by(document)
    assert (givers["language"], givers["talk_seconds"], givers["sentiment_score"]) == (
        "agent",
        "exotel",
        "vapi",
    )


def to_document(call: CallMetrics, version: int) -> Document:
    return Record(CALL_KIND, call, version).to_document()


@given(st.permutations(ALL), st.lists(st.integers(0, len(ALL) - 1), max_size=4))
@settings(max_examples=60)
def test_any_order_and_any_repeat_is_the_same_call(
    order: list[CallMetrics | CallReport], again: list[int]
) -> None:
    """Shuffled and repeated reports of one call merge to one document."""

    def document(one: CallMetrics | CallReport) -> Document:
        return document_of(one) if isinstance(one, CallReport) else to_document(one, 5)

    def merged(several: list[CallMetrics | CallReport]) -> Document:
        first, *rest = map(document, several)
        for one in rest:
            first = merge(first, one)
        return first

    assert merged([*order, *(order[number] for number in again)]) == merged(ALL)


@pytest.mark.parametrize("calls", [200, pytest.param(2_000, marks=pytest.mark.full)])
def test_shuffled_deliveries_of_many_calls_end_in_one_state(database: Database[Document], calls: int) -> None:
    """Records of many calls, shuffled, repeated and in batches, end as a plain merge has them."""
    chance = random.Random(7)  # noqa: S311 (no secret)
    records: list[CallMetrics | CallReport] = []
    for number in range(calls):
        name = f"c{number}"
        chosen = chance.sample(ALL, chance.randint(1, len(ALL)))
        records += [one.model_copy(update={"call_id": name}) for one in chosen]
    records += chance.sample(records, calls // 2)
    by_call: dict[str, list[Document]] = {}
    versions = [Record.now(one) for one in records]
    for record, one in zip(records, versions, strict=True):
        by_call.setdefault(record.call_id, []).append(one.to_document())
    chance.shuffle(versions)
    for begin in range(0, len(versions), 37):
        write(database, versions[begin : begin + 37])
    for name, documents in by_call.items():
        first, *rest = documents
        for later in rest:
            first = merge(first, later) if "sources" in first or "sources" in later else later
        found = stored(database, name)
        if "sources" in first:
            assert facts_of(found) == facts_of(first), name
        else:
            assert "sources" not in found


def test_a_price_before_the_call_waits_for_it(database: Database[Document]) -> None:
    """What comes before anybody said when the call began counts nowhere, and is there once it is known."""
    write(database, [Record.now(price)], fresh=True)
    assert "start_time" not in stored(database)
    assert stored(database)["state"] == "open"
    write(database, [Record.now(agents())], fresh=True)
    assert stored(database)["cost"] == {"telephony": 0.9}
    assert database[DIRTY_WINDOWS].count_documents({}) == 1  # its quarter hour is counted again


def test_a_repeat_changes_nothing(database: Database[Document]) -> None:
    """A callback that is delivered twice is no news, and does not make figures be made again."""
    records = [Record.now(agents()), Record.now(hangup)]
    write(database, records, fresh=True)
    before = database[CALLS].find_one({"_id": "c1"})
    assert write(database, [Record.now(hangup)], fresh=True) == [Outcome.UNCHANGED]
    assert database[CALLS].find_one({"_id": "c1"}) == before


def test_the_agents_correction_keeps_what_others_said(database: Database[Document]) -> None:
    """The agent records its call again: its own words are replaced, the carrier's price stays."""
    write(database, [Record.now(agents(campaign="home")), Record.now(price)], fresh=True)
    write(database, [Record.now(agents(status="failed", end_reason="busy"))], fresh=True)
    call = from_document(stored(database))
    assert (call.status, call.end_reason, call.campaign) == ("failed", "busy", None)
    assert call.cost is not None
    assert call.cost.telephony == 0.9


def test_times_that_contradict_each_other_do_not_stop_the_call(database: Database[Document]) -> None:
    """A carrier whose clock is an hour behind says that the call was answered before it began."""
    early = report("plivo", "carrier", answered_at=START - timedelta(hours=1), talk_seconds=40)
    write(database, [Record.now(agents()), Record.now(early)], fresh=True)
    call = from_document(stored(database))
    assert (call.answered_at, call.talk_seconds, call.duration_seconds) == (None, 40, 60)


def test_reports_pass_through_the_service(database: Database[Document]) -> None:
    """Reports are recorded as calls are, before the call and after it."""

    async def records() -> None:
        service = MetricsService()
        await service.record_call_report(ringing)
        await service.record_call_metrics(agents())
        await service.record_call_report(price)

    asyncio.run(records())
    assert from_document(stored(database)).provider_call_id == "ex-1"


def test_reports_survive_in_the_spool(database: Database[Document]) -> None:
    """A report that waited on the disk says the same as before."""
    spool = Spool(database.name)
    spool.put([Record.now(hangup), Record.now(analysis)])
    (file,) = spool.waiting()
    again = spool.read(file)
    assert [document_of(record.content) for record in again] == [document_of(hangup), document_of(analysis)]  # type: ignore[arg-type]


def test_the_plain_service_takes_reports(database: Database[Document]) -> None:
    """Code without an event loop reports too."""
    SyncMetricsService().record_call_report(hangup)
    assert stored(database)["state"] == "ended"


def test_what_cannot_be_used_is_named_and_the_rest_counts() -> None:
    """A foreign field of the wrong type costs that field alone."""
    facts, refused = lenient_facts({"talk_seconds": "long", "status": "completed", "language": "hi"})
    assert facts.model_dump(exclude_none=True)["language"] == "hindi"
    assert list(refused) == ["talk_seconds"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_sources_words_go_when_it_says_something_else(
    database: Database[Document], order: tuple[int, ...]
) -> None:
    """A carrier that could not name the ending first, and can now, has no words of its own for it now."""
    reports = [
        report("exotel", "carrier", 20, start_time=START, status="failed", end_reason="line 7 odd"),
        report("exotel", "carrier", 50, end_reason="busy", language="hi-IN"),
        report("exotel", "carrier", 60, cost={"telephony": 0.9}, language="english"),
    ]
    write(database, [Record.now(reports[place]) for place in order], fresh=True)
    document = stored(database)
    assert (document["end_reason"], document["language"]) == ("busy", "english")
    assert "end_reason_raw" not in document
    assert "language_raw" not in document


@pytest.mark.parametrize(("name", "text"), [("end_reason", "gone \ud83d"), ("language", "hi-\ud83d")])
def test_half_a_character_in_the_own_words_of_a_source_costs_that_field_alone(name: str, text: str) -> None:
    """It is kept in a field beside the one that was given; looking for it there never ended."""
    facts, refused = lenient_facts({name: text, "status": "completed"})
    assert facts.model_dump(exclude_none=True) == {"status": "completed"}
    assert list(refused) == [name]


def test_nobody_reports_as_the_agent() -> None:
    """The agent records whole calls; a report in its name would be taken for one."""
    with pytest.raises(ValueError, match="record them as CallMetrics"):
        report("agent", "agent")


def test_a_zero_is_an_answer(database: Database[Document]) -> None:
    """The agent counted no interruption and nobody spoke: what others say later does not take that away."""
    nothing: Document = {"total_turns": 0, "interruptions": 0, "sentiment_score": 0.0, "ring_seconds": 0}
    theirs = report("vapi", "platform", interruptions=7, sentiment_score=-0.9, total_turns=3)
    write(database, [Record.now(agents(**nothing)), Record.now(theirs)], fresh=True)
    document = stored(database)
    assert {name: document[name] for name in nothing} == nothing


def test_a_lost_call_that_is_recorded_is_not_lost(database: Database[Document]) -> None:
    """Also where its agent does not say how it ended."""
    lost = report("monitor", "monitor", start_time=START, status="failed", end_reason="lost")
    write(database, [Record.now(lost), Record.now(agents())], fresh=True)
    document = stored(database)
    assert (document["status"], document["state"]) == ("completed", "final")
    assert "end_reason" not in document


def test_a_call_that_grew_too_large_keeps_no_other_out(database: Database[Document]) -> None:
    """Two sources say more of it than a document holds: the last is refused, all others are stored."""
    facts = {"start_time": START, "status": "completed"}
    first, second = (
        report(name, "platform", 50, "big", metadata={name: "x" * 5_000_000}, **facts)
        for name in ("vapi", "bolna")
    )
    write(database, [Record.now(first), Record.now(agents("k1"))], fresh=True)
    later = [second, *(report("exotel", "carrier", 50, name, talk_seconds=3) for name in ("k1", "k2"))]
    refused, *others = write(database, [Record.now(one) for one in later], fresh=True)
    assert isinstance(refused, Refusal)
    assert refused.for_good
    assert others == [Outcome.REPLACED, Outcome.INSERTED]


OUT = {"opt_out": True, "consent_id": "k-1"}
LEFT_OPEN = {"opt_out": False, "disclosure_given": True}


@pytest.mark.parametrize("later_first", [False, True])
def test_a_lead_that_opted_out_stays_out(database: Database[Document], later_first: bool) -> None:
    """Whoever says so first or last, agent, platform or carrier: a later no does not take it back."""
    for number, pair in enumerate(
        (
            (Record.now(agents("c0", compliance=OUT)), Record.now(agents("c0", compliance=LEFT_OPEN))),
            (Record.now(agents("c1", compliance=OUT)), Record.now(agents("c1"))),
            (
                Record.now(report("vapi", "platform", 50, "c2", compliance=OUT)),
                Record.now(report("vapi", "platform", 60, "c2", compliance=LEFT_OPEN)),
            ),
            (
                Record.now(agents("c3", compliance=LEFT_OPEN)),
                Record.now(report("exotel", "carrier", 50, "c3", compliance=OUT)),
            ),
        )
    ):
        for one in reversed(pair) if later_first else pair:
            write(database, [one])
        assert stored(database, f"c{number}")["compliance"]["opt_out"] is True
    assert stored(database, "c2")["compliance"]["disclosure_given"] is True
    write(database, [Record.now(price), Record.now(agents("c1", campaign="home"))], fresh=True)
    assert stored(database)["compliance"]["opt_out"] is True
    assert stored(database)["campaign"] == "home"


def test_a_key_of_that_name_in_metadata_is_the_users_own() -> None:
    mine = to_document(agents(metadata={"opt_out": False}), 5)
    theirs = document_of(report("vapi", "platform", metadata={"opt_out": True}))
    assert merge(mine, theirs)["metadata"] == {"opt_out": False}
