"""The mappings that ship, each on a small file as the system writes it."""

from pathlib import Path

import pytest
from pymongo.database import Database

from core.importing import import_file
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.calls import from_document
from core.types import Document
from tests.importing.exports import EXPORTS

MAPPINGS = Path(__file__).resolve().parents[2] / "docs" / "mappings"
PUBLIC_DATA = {"technion", "uci_bank_marketing"}


def imported(name: str, folder: Path, database: Database[Document]) -> dict[str, CallMetrics]:
    """The calls of an export, as they are stored."""
    export = EXPORTS[name]
    path = folder / export.name
    path.write_bytes(export.data)
    report = import_file(path, MAPPINGS / f"{name}.toml", rejects=folder / "rejects.jsonl")
    assert (report.inserted, report.rejected) == (len(export.calls), export.rejected)
    return {call.call_id: call for call in map(from_document, database["calls"].find())}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_small_export_is_read_by_its_mapping(
    name: str, tmp_path: Path, database: Database[Document]
) -> None:
    """Calls that are not over yet are none; no number of anybody is stored."""
    calls = imported(name, tmp_path, database)
    told = [
        (call.call_id, call.status, call.direction, call.duration_seconds, call.end_reason)
        for call in sorted(calls.values(), key=lambda call: call.call_id)
    ]
    assert told == list(EXPORTS[name].calls)
    assert "9198765" not in "".join(call.model_dump_json() for call in calls.values())


def test_every_mapping_is_tried_and_says_where_its_columns_stand() -> None:
    names = {path.stem for path in MAPPINGS.glob("*.toml")} - PUBLIC_DATA
    assert names == EXPORTS.keys()
    assert [
        name
        for name in names
        if "# Columns: http" not in (MAPPINGS / f"{name}.toml").read_text()
        and "# Fields: http" not in (MAPPINGS / f"{name}.toml").read_text()
    ] == []


def test_latencies_and_what_else_an_agent_knows_come_along(
    tmp_path: Path, database: Database[Document]
) -> None:
    vapi = imported("vapi", tmp_path, database)["v1"]
    assert (vapi.e2e_latency_ms, vapi.llm_latency_ms, vapi.tts_latency_ms) == (800.5, 410, 120)
    assert (vapi.asr_latency_ms, vapi.interruptions) == (95, 2)
    database["calls"].delete_many({})
    retell = imported("retell", tmp_path, database)["r1"]
    assert (retell.e2e_latency_ms, retell.llm_latency_ms, retell.asr_latency_ms) == (800, 400, None)
    assert (retell.sentiment_score, retell.hangup_by, retell.agent) == (1, "customer", "a")
    database["calls"].delete_many({})
    bolna = imported("bolna", tmp_path, database)["b1"]
    assert (bolna.asr_latency_ms, bolna.llm_latency_ms, bolna.tts_latency_ms) == (30, 400, 110)
    assert bolna.campaign == "b1"


COSTS = {
    "vapi": ("v1", {"asr": 0.85, "llm": 1.7, "platform": 4.25}),
    "retell": ("r1", {"other": 6.375}),
    "bolna": ("b1", {"llm": 3.57, "telephony": 1.02}),
    "twilio": ("CA1", {"telephony": 1.19}),
    "plivo": ("p1", {"telephony": 1.7}),
}


@pytest.mark.parametrize("name", COSTS)
def test_prices_in_dollars_and_cents_become_rupees_by_the_price_table(
    name: str, tmp_path: Path, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a rate they are kept as they were given, and count in no figure."""
    call_id, rupees = COSTS[name]
    cost = imported(name, tmp_path, database)[call_id].cost
    assert cost is not None
    assert {getattr(cost, part) for part in rupees} == {None}
    assert {(one.currency, one.rate) for one in (cost.origins or {}).values()} == {("USD", None)}
    database["calls"].delete_many({})
    (tmp_path / "prices.toml").write_text("[rates]\nUSD = 85\n")
    monkeypatch.setenv("PRICES_FILE", str(tmp_path / "prices.toml"))
    get_settings.cache_clear()
    cost = imported(name, tmp_path, database)[call_id].cost
    assert cost is not None
    assert {part: getattr(cost, part) for part in rupees} == pytest.approx(rupees)


def test_who_hung_up_and_how_long_it_rang_come_along(tmp_path: Path, database: Database[Document]) -> None:
    """So do the source's own words, whose fault it was, and its id."""
    plivo = imported("plivo", tmp_path, database)["p1"]
    assert (plivo.hangup_by, plivo.ring_seconds, plivo.provider_call_id) == ("customer", 10, "p1")
    assert plivo.telephony is not None
    assert plivo.telephony.provider == "plivo"
    database["calls"].delete_many({})
    asterisk = imported("asterisk", tmp_path, database)["1.41"]
    assert (asterisk.ring_seconds, asterisk.talk_seconds) == (4, 56)
    database["calls"].delete_many({})
    vapi = imported("vapi", tmp_path, database)
    assert (vapi["v1"].agent, vapi["v1"].end_reason_raw) == ("a1", "customer-ended-call")
    assert (vapi["v3"].fault, (vapi["v3"].end_reason_raw or "")[-15:]) == ("provider", "request-timeout")
