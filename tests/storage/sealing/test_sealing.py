"""Personal values reach no disk in clear, whichever way a call comes in, and are found again by who may."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from pymongo.database import Database

from core.access.reveal import NotAllowedError, reveal, reveal_transcript
from core.access.roles import Actor, Role
from core.aggregation.search.call_detail import whole_call
from core.aggregation.search.call_search import CallFacets, search_calls
from core.errors import UserError
from core.models.calls.reports import CallFacts, CallReport
from core.models.calls.reports import Role as Reporter
from core.models.metrics import LONGEST_TRANSCRIPT, TurnMetrics
from core.privacy.encryption import EncryptionService, SealError, encryption
from core.privacy.sensitive import WITHHELD, key_of, stored_lead_id
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.recording.joining import join_calls
from core.storage.recording.records import Record
from core.storage.recording.replay import replay
from core.storage.recording.spool import Spool, spooled_under
from core.storage.sealing.contents import withheld_values
from core.storage.sealing.lead_keys import export_keys, import_keys, rotate, wrapped_with
from core.storage.sealing.open import open_value
from core.types import Document
from tests.storage.recording.test_recorder import call, record

OLD, NEW, BLIND = f"old:{'A' * 43}", f"new:{'B' * 42}A", "C" * 42 + "A"
PERSON: Mapping[str, Any] = {"phone": "97011 55238", "customer": {"name": "Meera Pillai"}, "queue": "hindi"}
PRIVILEGED = Actor("asha", Role.PRIVILEGED)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, OLD)


def use(monkeypatch: pytest.MonkeyPatch, *keys: str, blind: str | None = BLIND) -> None:
    monkeypatch.setenv("ENCRYPTION_KEYS", ",".join(keys))
    monkeypatch.setenv("BLIND_INDEX_KEY", blind or "")
    get_settings.cache_clear()


def stored(database: Database[Document], call_id: str = "call_1") -> Document:
    found = database["calls"].find_one({"_id": call_id})
    assert found is not None
    return found


def seen(database: Database[Document], call_id: str, path: str) -> object:
    return reveal(database, PRIVILEGED, call_id, path, "a test")


def everything(database: Database[Document]) -> str:
    return "".join(str(row) for name in database.list_collection_names() for row in database[name].find())


@pytest.mark.usefixtures("keys")
def test_a_personal_value_is_stored_under_its_leads_key_and_opened_for_who_may(
    database: Database[Document],
) -> None:
    asyncio.run(
        record(call(lead_id="lead_1", metadata=PERSON), call("call_2", lead_id="lead_1", metadata=PERSON))
    )
    metadata = stored(database)["metadata"]
    assert metadata["queue"] == "hindi"
    (row,) = database["lead_keys"].find()
    assert row["lead"] == "lead_1"
    assert key_of(metadata["phone"]) == key_of(metadata["customer"]["name"]) == row["_id"]
    assert seen(database, "call_1", "metadata.phone") == "97011 55238"
    assert seen(database, "call_2", "metadata.customer.name") == "Meera Pillai"
    assert "97011" not in everything(database)
    assert "Meera" not in everything(database)


@pytest.mark.usefixtures("keys")
def test_without_a_role_or_a_reason_nothing_is_shown(database: Database[Document]) -> None:
    asyncio.run(record(call(lead_id="lead_1", metadata=PERSON)))
    with pytest.raises(NotAllowedError, match="the role operator"):
        reveal(database, Actor("ravi", Role.OPERATOR), "call_1", "metadata.phone", "because")
    with pytest.raises(NotAllowedError, match="say why"):
        reveal(database, PRIVILEGED, "call_1", "metadata.phone", "  x  ")
    with pytest.raises(UserError, match="has no sealed value"):
        reveal(database, PRIVILEGED, "call_1", "metadata.queue", "a test")


@pytest.mark.usefixtures("keys")
def test_a_reason_names_the_lead_to_nobody(database: Database[Document]) -> None:
    """In the audit log, which outlives the lead's data."""
    asyncio.run(record(call(lead_id="lead_1", metadata=PERSON)))
    reveal(database, PRIVILEGED, "call_1", "metadata.phone", "meera asked, from 97011-55238; ticket 4711")
    (entry,) = database["audit"].find()
    assert entry["about"]["reason"] == "[name] asked, from [phone …5238]; ticket 4711"


@pytest.mark.usefixtures("keys")
def test_a_value_that_was_moved_to_another_call_or_field_does_not_open(database: Database[Document]) -> None:
    asyncio.run(record(*(call(f"call_{n}", lead_id="lead_1", metadata=PERSON) for n in (1, 2))))
    phone = stored(database)["metadata"]["phone"]
    database["calls"].update_one(
        {"_id": "call_2"}, {"$set": {"metadata.phone": phone, "metadata.name": phone}}
    )
    for path in ("metadata.phone", "metadata.name"):
        with pytest.raises(SealError, match="changed, or belongs to another"):
            seen(database, "call_2", path)


def test_without_a_key_a_personal_value_is_left_out_said_and_counted(
    database: Database[Document], capfd: pytest.CaptureFixture[str]
) -> None:
    before = withheld_values()
    asyncio.run(record(call(metadata=PERSON), call("call_2", metadata={"voterId": "ABC1234567"})))
    write_calls(database, [call("call_3", metadata=PERSON)])
    Spool().put([Record.now(call("call_4", metadata=PERSON))])
    replay(database)
    for call_id in ("call_1", "call_3", "call_4"):
        expected = {"phone": WITHHELD, "customer": {"name": WITHHELD}, "queue": "hindi"}
        assert stored(database, call_id)["metadata"] == expected
    assert withheld_values() - before == 7
    assert "97011" not in everything(database)
    assert database["lead_keys"].count_documents({}) == 0
    with pytest.raises(UserError, match="no sealed value"):
        seen(database, "call_1", "metadata.phone")


@pytest.mark.usefixtures("keys")
def test_what_waits_on_the_disk_is_sealed_and_comes_under_its_leads_key_later(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another key is the first one by then."""
    file = Spool().put([Record.now(call(lead_id="lead_1", metadata=PERSON))])
    letter = Spool().bury(Record.now(call("call_2", lead_id="lead_1", metadata=PERSON)), "error 2")
    try:
        for one in (file, letter):
            text = one.read_text()
            assert ("97011" in text, "Meera" in text, text.count("enc:1:env.old:")) == (False, False, 2)
        assert spooled_under("old") >= 2
        use(monkeypatch, NEW, OLD)
        replay(database)
    finally:
        letter.unlink()
    token = stored(database)["metadata"]["phone"]
    assert not token.startswith("enc:1:env.")
    assert seen(database, "call_1", "metadata.phone") == "97011 55238"
    assert wrapped_with(database) == {"new": 1}
    assert [
        row["lead"] for row in search_calls(database, "+919701155238") and database["lead_keys"].find()
    ] == ["lead_1"]


@pytest.mark.usefixtures("keys")
def test_reports_of_several_sources_keep_their_values_and_move_with_the_call(
    database: Database[Document],
) -> None:
    """A call that a carrier knows by its own id is folded into the agent's, and its values open there."""
    facts = {"start_time": "2024-10-24T00:00:00Z", "status": "completed", "metadata": {"callerName": "Ravi"}}
    theirs = CallReport(
        call_id="CA1",
        source="exotel",
        role=Reporter.CARRIER,
        known_call=False,
        facts=CallFacts.model_validate(facts),
    )
    more = CallReport(
        call_id="call_1",
        source="vapi",
        role=Reporter.PLATFORM,
        facts=CallFacts(metadata={"email": "m@shop.example"}),
    )

    async def reporting() -> None:
        service = MetricsService()
        await service.record_call_report(theirs)
        await service.record_call_metrics(call(lead_id="lead_1", provider_call_id="CA1", metadata=PERSON))
        await service.record_call_report(more)

    asyncio.run(reporting())
    assert join_calls(database) == 1
    expected = {
        "phone": "97011 55238",
        "customer.name": "Meera Pillai",
        "callerName": "Ravi",
        "email": "m@shop.example",
    }
    assert {name: seen(database, "call_1", f"metadata.{name}") for name in expected} == expected
    assert not any(word in everything(database) for word in ("97011", "Meera", "Ravi", "shop.example"))


def turn(call_id: str = "call_1", number: int = 1, said: str | None = "I am Meera") -> TurnMetrics:
    return TurnMetrics(call_id=call_id, turn=number, transcript=said)


@pytest.mark.usefixtures("keys")
def test_what_was_said_is_under_its_leads_key_though_turns_come_before_the_call(
    database: Database[Document],
) -> None:
    """Also what waited on the disk, and where nobody knows the lead yet."""

    async def talking() -> None:
        service = MetricsService()
        await service.call_started("call_1", lead_id="lead_1")
        await service.record_turn(turn())
        await service.record_turn(turn(number=2, said="म" * LONGEST_TRANSCRIPT))
        await service.record_turn(turn("call_2"))
        await service.record_turn(turn(number=3, said=None))
        await service.record_call_metrics(call("call_1", lead_id="lead_1"))

    asyncio.run(talking())
    file = Spool().put([Record.now(turn(number=4))])
    assert ("Meera" in file.read_text(), "enc:1:env.old:" in file.read_text()) == (False, True)
    replay(database)
    keys = {row["lead"]: row["_id"] for row in database["lead_keys"].find()}
    tokens = {row["_id"]: row.get("transcript") for row in database["turns"].find()}
    assert {name: key_of(token) for name, token in tokens.items()} == {
        **dict.fromkeys(("call_1:1", "call_1:2", "call_1:4"), keys["lead_1"]),
        "call_2:1": keys["call:call_2"],
        "call_1:3": None,
    }
    said = reveal_transcript(database, PRIVILEGED, "call_1", "a test")
    assert said == {1: "I am Meera", 2: "म" * LONGEST_TRANSCRIPT, 4: "I am Meera"}
    with pytest.raises(NotAllowedError):
        reveal_transcript(database, Actor("ravi", Role.OPERATOR), "call_1", "a test")
    with pytest.raises(SealError, match="changed, or belongs to another"):
        open_value(database, "call_1:2", "transcript", str(tokens["call_1:1"]))
    whole = whole_call(database, "call_1")
    assert whole is not None
    assert [key_of(one.transcript) is None for one in whole.turns] == [False, False, True, False]


def test_without_a_key_nothing_that_was_said_is_stored(database: Database[Document]) -> None:
    asyncio.run(record(call()))
    asyncio.run(MetricsService().record_turn(turn()))
    assert [row["transcript"] for row in database["turns"].find()] == [WITHHELD]
    with pytest.raises(UserError, match="no sealed transcript"):
        reveal_transcript(database, PRIVILEGED, "call_1", "a test")


@pytest.mark.usefixtures("keys")
def test_what_was_said_opens_in_the_call_that_another_is_folded_into(database: Database[Document]) -> None:
    facts = CallFacts.model_validate({"start_time": "2024-10-24T00:00:00Z", "status": "completed"})
    theirs = CallReport(call_id="CA1", source="exotel", role=Reporter.CARRIER, known_call=False, facts=facts)

    async def reporting() -> None:
        service = MetricsService()
        await service.record_call_report(theirs)
        await service.record_turn(turn("CA1"))
        await service.record_call_metrics(call(lead_id="lead_1", provider_call_id="CA1"))

    asyncio.run(reporting())
    assert join_calls(database) == 1
    assert reveal_transcript(database, PRIVILEGED, "call_1", "a test") == {1: "I am Meera"}


@pytest.mark.usefixtures("keys")
def test_a_lead_is_found_by_phone_however_it_is_written(database: Database[Document]) -> None:
    """By the phone in its metadata, and by one that served as lead_id, which is stored nowhere."""
    write_calls(
        database,
        [
            call("by_value", lead_id="lead_1", metadata=PERSON),
            call("by_id", lead_id="+91 97011-55238"),
            call("no_lead", metadata={"mobile": 9701155238}),
            call("other", lead_id="lead_2", metadata={"phone": "97011 55239"}),
        ],
    )
    for text in ("9701155238", "+91 97011 55238", "09701155238"):
        assert {row["_id"] for row in search_calls(database, text)} == {"by_value", "by_id", "no_lead"}
    assert stored(database, "by_id")["lead_id"] == stored_lead_id("9701155238")
    query = CallFacets(lead_id="9701155238").query()
    assert [row["_id"] for row in database["calls"].find(query)] == ["by_id"]
    assert search_calls(database, "9701155230") == []
    assert "97011" not in everything(database)


def test_a_phone_as_lead_id_stays_where_that_is_wanted(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_calls(database, [call(lead_id="9701155238")])
    use(monkeypatch, OLD)
    monkeypatch.setenv("LEAD_ID_PHONES", "keep")
    get_settings.cache_clear()
    write_calls(database, [call("call_2", lead_id="9701155238")])
    assert database["calls"].distinct("lead_id") == ["9701155238"]


@pytest.mark.usefixtures("keys")
def test_rotated_keys_open_all_that_was_sealed_and_the_old_one_may_go(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run has nothing to do; without the old key a rotation says what it lacks."""
    write_calls(database, [call(f"call_{n}", lead_id=f"lead_{n}", metadata=PERSON) for n in range(30)])
    use(monkeypatch, NEW)
    with pytest.raises(SealError, match=r"30 keys not rewrapped: .*'old'"):
        rotate(database, service(), lambda *_: None)
    use(monkeypatch, NEW, OLD)
    done: list[int] = []
    assert rotate(database, service(), lambda _, n, _total: done.append(n)) == 30
    assert done == [30]
    assert rotate(database, service(), lambda *_: None) == 0
    use(monkeypatch, NEW)
    assert wrapped_with(database) == {"new": 30}
    assert seen(database, "call_7", "metadata.phone") == "97011 55238"


def service() -> EncryptionService:
    found = encryption()
    assert found is not None
    return found


@pytest.mark.usefixtures("keys")
def test_a_key_that_was_taken_out_too_early_loses_no_call(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is stored without its personal values, and what was sealed opens once the key is back."""
    write_calls(database, [call(lead_id="lead_1", metadata=PERSON)])
    use(monkeypatch, NEW)
    write_calls(database, [call("call_2", lead_id="lead_1", metadata=PERSON)])
    assert stored(database, "call_2")["metadata"]["phone"] == WITHHELD
    with pytest.raises(SealError, match="lacks the key 'old'"):
        seen(database, "call_1", "metadata.phone")
    use(monkeypatch, NEW, OLD)
    assert seen(database, "call_1", "metadata.phone") == "97011 55238"


@pytest.mark.usefixtures("keys")
def test_exported_keys_come_back_into_a_store_that_has_none(
    database: Database[Document], tmp_path: Any
) -> None:
    write_calls(database, [call(f"call_{n}", lead_id=f"lead_{n}", metadata=PERSON) for n in range(3)])
    assert export_keys(database, tmp_path / "keys") == 3
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0
    assert all(orjson.loads(line)["wrapped"].startswith("key:1:old:") for line in (tmp_path / "keys").open())
    database["lead_keys"].delete_one({"lead": "lead_1"})
    with pytest.raises(SealError, match="its key is missing"):
        seen(database, "call_1", "metadata.phone")
    done = import_keys(database, tmp_path / "keys", lambda *_: None)
    assert (done.stored, done.there, done.erased) == (1, 2, 0)
    assert (
        open_value(database, "call_1", "metadata.phone", stored(database)["metadata"]["phone"])
        == "97011 55238"
    )
    (tmp_path / "keys").write_text("no keys")
    with pytest.raises(UserError, match="is not a key file"):
        import_keys(database, tmp_path / "keys", lambda *_: None)


@pytest.mark.parametrize("damage", [{"$unset": {"wrapped": ""}}, {"$set": {"wrapped": 7}}])
@pytest.mark.usefixtures("keys")
def test_a_key_that_cannot_be_read_costs_its_own_lead_alone(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, tmp_path: Any, damage: Document
) -> None:
    """Calls of all leads are recorded, and the other keys are rotated, exported and counted."""
    write_calls(database, [call(f"call_{n}", lead_id=f"lead_{n}", metadata=PERSON) for n in range(3)])
    database["lead_keys"].update_one({"lead": "lead_1"}, damage)
    write_calls(database, [call(f"later_{n}", lead_id=f"lead_{n}", metadata=PERSON) for n in range(3)])
    assert stored(database, "later_1")["metadata"]["phone"] == WITHHELD
    assert seen(database, "later_2", "metadata.phone") == "97011 55238"
    with pytest.raises(SealError, match="cannot be read"):
        seen(database, "call_1", "metadata.phone")
    assert wrapped_with(database) == {"old": 2}
    use(monkeypatch, NEW, OLD)
    with pytest.raises(SealError, match=r"1 key not rewrapped: .* cannot be read"):
        rotate(database, service(), lambda *_: None)
    assert wrapped_with(database) == {"new": 2}
    assert export_keys(database, tmp_path / "keys") == 2
