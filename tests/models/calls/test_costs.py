"""What a call cost, told in several currencies, by one source or by several."""

from itertools import permutations
from typing import Any

import pyarrow as pa
import pytest
from pymongo.database import Database

from core.aggregation.rollups.refresh import archive_due
from core.models.calls.parts import known_costs, rupees_in_all
from core.storage.archive.archived_rows import SCHEMAS, find_archived
from core.storage.calls import from_document
from core.storage.collections import CALLS
from core.storage.recording.merging import document_of, given_by, merge, sources_of
from core.types import Document
from tests.storage.archive.test_mover import call, recorded_long_ago
from tests.storage.recording.test_merging import agents, facts_of, report, to_document

DOLLARS = {"currency": "USD", "rate": 84}
FORMER: Document = {"llm": 1.68, "tts": 0.84, **DOLLARS, "original": {"llm": 0.02, "tts": 0.01}}
"""A cost as it was stored when all its parts had one currency."""


def test_each_part_of_a_cost_keeps_the_currency_it_came_in() -> None:
    """One source tells dollars for the line and euros for itself, the agent rupees; in any order."""
    line = report("vapi", "platform", 50, cost={"telephony": 0.01, "asr": 0.02, **DOLLARS})
    own = report("vapi", "platform", 60, cost={"platform": 0.05, "asr": 0.03, "currency": "EUR"})
    told = [to_document(agents(cost={"llm": 1.1}), 5), document_of(line), document_of(own)]
    found = [facts_of(merge(merge(one, two), three)) for one, two, three in permutations(told)]
    assert all(one == found[0] for one in found)
    cost = found[0]["cost"]
    assert known_costs(cost) == {"llm": 1.1, "telephony": 0.84}
    assert cost["origins"] == {
        "telephony": {"amount": 0.01, **DOLLARS},
        "platform": {"amount": 0.05, "currency": "EUR"},
        "asr": {"amount": 0.03, "currency": "EUR"},
    }
    assert rupees_in_all(cost) == 1.94


def test_rupees_take_the_place_of_the_dollars_before_them() -> None:
    """A later price in rupees leaves nothing of the first one's currency."""
    first = report("exotel", "carrier", 50, cost={"telephony": 0.01, **DOLLARS})
    later = report("exotel", "carrier", 60, cost={"telephony": 0.9})
    assert merge(document_of(later), document_of(first))["cost"] == {"telephony": 0.9}


def test_an_amount_without_a_rate_gives_way_to_known_rupees() -> None:
    """The carrier's dollars count once their rate is known; till then the agent's rupees do."""
    unknown = report("exotel", "carrier", 50, cost={"telephony": 0.01, "currency": "USD"})
    known = report("exotel", "carrier", 50, cost={"telephony": 0.01, **DOLLARS})
    mine = to_document(agents(cost={"telephony": 0.7}), 5)
    before = merge(mine, document_of(unknown))
    assert (before["cost"], given_by(before)["cost"]) == ({"telephony": 0.7}, "agent")
    for first, second in permutations([document_of(unknown), document_of(known)]):
        assert merge(merge(mine, first), second)["cost"]["telephony"] == 0.84


def test_a_call_stored_with_one_currency_for_its_whole_cost_reads_as_before() -> None:
    """Its rupees, amounts and rate are those of each part; what others say of it is added."""
    former = {**to_document(call(1), 5), "cost": FORMER}
    cost = from_document(former).cost
    assert cost is not None
    assert (cost.llm, cost.tts, rupees_in_all(FORMER)) == (1.68, 0.84, 2.52)
    assert cost.origins is not None
    assert cost.origins["llm"].model_dump() == {"amount": 0.02, **DOLLARS}
    priced = merge(
        former, document_of(report("exotel", "carrier", call_id="call_1", cost={"telephony": 0.9}))
    )
    assert known_costs(priced["cost"]) == {"llm": 1.68, "tts": 0.84, "telephony": 0.9}
    assert priced["cost"]["origins"].keys() == {"llm", "tts"}


def test_a_report_stored_with_one_currency_for_its_whole_cost_reads_as_before() -> None:
    """Of a call that several sources reported too; the report that comes once more is no news."""
    new = document_of(report("vapi", "platform", cost={"llm": 0.02, "tts": 0.01, **DOLLARS}))
    said = new["sources"]["vapi"]
    facts = {f"cost/{name}": value for name, value in FORMER.items()}
    stamps = dict.fromkeys(facts, max(said["stamps"].values()))
    former = {**new, "cost": FORMER, "sources": {"vapi": {**said, "facts": facts, "stamps": stamps}}}
    assert sources_of(former) == new["sources"]
    assert merge(former, new) == new
    assert given_by(former)["cost"] == "vapi"


def test_an_archive_with_one_currency_for_a_whole_cost_reads_as_before(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of before have no column for a part's own currency."""
    recorded_long_ago(database, [call(1, cost={"llm": 1})])
    database[CALLS].update_one({}, {"$set": {"cost": FORMER}})
    with monkeypatch.context() as before:
        before.setitem(SCHEMAS, CALLS, _without_origins(SCHEMAS[CALLS]))
        archive_due(database)
    (found,) = find_archived(database, CALLS, "_id", ["call_1"])
    cost = from_document(found).cost
    assert cost is not None
    assert cost.origins is not None
    assert (cost.llm, cost.origins["tts"].amount, cost.origins["tts"].rate) == (1.68, 0.01, 84)


def _without_origins(schema: Any) -> Any:
    at = schema.get_field_index("cost")
    kept = [field for field in schema.field("cost").type if field.name != "origins"]
    return schema.set(at, pa.field("cost", pa.struct(kept)))
