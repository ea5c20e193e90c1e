"""Webhooks: who is heard, what is recorded, what is kept, and what never shows."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.access.api_keys import add_api_key
from core.access.guesses import MOST_WRONG
from core.access.roles import Role
from core.adapters import sources
from core.adapters.sources import SOURCES
from core.api.app import create_app
from core.api.intake.presented import Presented
from core.clock import utc_now
from core.errors import UserError
from core.logging_config import flush
from core.settings import get_settings
from core.storage.hook_deliveries import HookDelivery, recent_deliveries
from core.storage.recording.active_calls import list_active
from core.storage.recording.joining import join_calls
from core.types import Document
from tests.adapters.cases import case
from tests.api.intake.conftest import (
    READING,
    SECRET,
    SENDING,
    SIGNING,
    WRITING,
    call,
    form_of,
    post,
    send,
    signed,
)
from tests.hooks.example import now_ended

ENDED = {"id": "p-1", "event": "ended", "start": "2026-11-20T10:00:00Z", "status": "completed"}


def last(database: Database[Document]) -> HookDelivery:
    """The latest note."""
    return recent_deliveries(database, most=1)[0]


def test_the_secret_may_stand_in_path_header_or_query(
    keyed: TestClient, database: Database[Document]
) -> None:
    ways: tuple[dict[str, Any], ...] = (
        {"path": f"/hooks/example/{SECRET}"},
        {"path": "/hooks/example", "headers": {"X-Hook-Secret": SECRET}},
        {"path": f"/hooks/example?secret={SECRET}"},
        {"path": f"/hooks/example/{SECRET}/"[:-1]},
    )
    for number, way in enumerate(ways):
        answer = post(keyed, now_ended(id=f"p-{number}"), **way)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "stored")
    assert database["calls"].count_documents({}) == len(ways)


def test_without_the_right_secret_nobody_is_heard(keyed: TestClient, database: Database[Document]) -> None:
    """Nor is anything kept of what they sent; keys of the API do not help."""
    wrong = ("/hooks/example", f"/hooks/example/{SECRET[:-1]}", "/hooks/example?secret=", "/hooks/example/x")
    for path in wrong:
        assert post(keyed, now_ended(), path).status_code == 401
    assert "no secret came" in post(keyed, now_ended(), "/hooks/example").text
    assert post(keyed, now_ended(), "/hooks/nobody/x").status_code == 404
    assert post(keyed, now_ended(), "/hooks/idle").status_code == 404
    assert database["calls"].count_documents({}) == database["hook_deliveries"].count_documents({}) == 0


def test_guesses_are_slowed_and_lock_no_agent_out(keyed: TestClient) -> None:
    """Ten wrong secrets: the address waits, with its right one too, and the API's own keys go on."""
    for number in range(MOST_WRONG):
        assert post(keyed, {}, f"/hooks/example/{number}").status_code == 401
    answer = post(keyed, now_ended())
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
    assert send(keyed, "calls", call()).status_code == 202


def test_a_signature_is_verified_over_the_public_address(
    keyed: TestClient, database: Database[Document]
) -> None:
    """Of the form as it was sent; with another secret, another form or another address it is refused."""
    form = {"id": "u-1", "event": "ended", "status": "completed"}
    path = "/hooks/signer"
    right = signed(form, path)
    assert keyed.post(path, content=form_of(form), headers=right).status_code == 200
    assert keyed.post(f"{path}?a=1", content=form_of(form), headers=right).status_code == 401
    assert (
        keyed.post(f"{path}?a=1", content=form_of(form), headers=signed(form, f"{path}?a=1")).status_code
        == 200
    )
    assert keyed.post(path, content=form_of({**form, "To": "1"}), headers=right).status_code == 401
    assert keyed.post(path, content=form_of(form), headers=signed(form, path, "k" * 30)).status_code == 401
    assert keyed.post(f"{path}/{SIGNING}", content=form_of(form)).status_code == 401
    assert database["calls"].distinct("_id") == ["u-1"]


def test_secrets_and_numbers_show_nowhere(
    keyed: TestClient, database: Database[Document], capfd: pytest.CaptureFixture[str]
) -> None:
    """Not in the log, in answers, in what is kept, in reprs."""
    inside = {
        "ApiKey": "vendor-secret-1",
        "deep": {"list": [{"apikey": "vendor-secret-2"}]},
        "token": "vendor-secret-3",
    }
    answers = [
        post(keyed, now_ended(phone="+919876543210", **inside)),
        post(keyed, {"event": "ended", "To": "08041234567"}),
        post(keyed, {}, f"/hooks/example?secret={SECRET[:-1]}x&also=1"),
        post(keyed, {}, f"/hooks/example/{SECRET[:-1]}x"),
        post(keyed, {}, f"/hooks/other/{SECRET}"),
    ]
    assert [answer.status_code for answer in answers] == [200, 422, 401, 401, 404]
    flush()
    written = capfd.readouterr()
    kept = orjson.dumps(list(database["hook_deliveries"].find({}, {"recorded_at": 0})), default=str).decode()
    for text in (written.out, written.err, kept, *(answer.text for answer in answers)):
        assert SECRET[:-1] not in text
        assert "vendor-secret" not in text
    assert "9876543210" not in kept
    assert "08041234567" not in kept
    assert "/hooks/example" in written.out + written.err  # stderr where tests run in several processes
    assert SECRET not in repr(get_settings())
    assert SECRET not in repr(Presented((SECRET,), f"/hooks/example/{SECRET}"))


def test_what_it_says_is_recorded_once_in_any_order(keyed: TestClient, database: Database[Document]) -> None:
    """Ended before started, twice; what the last word is does not depend on it, and nothing goes on."""
    begun = now_ended(event="started", ending=None, status=None, end=None)
    over = now_ended(ending="busy")
    for one in (over, begun, over, begun):
        assert post(keyed, one).status_code == 200
    (stored,) = database["calls"].find()
    assert (stored["_id"], stored["end_reason"], stored["status"]) == ("p-1", "busy", "completed")
    assert list_active(database) == []
    assert post(keyed, {**begun, "id": "p-2"}).status_code == 200
    assert [one.call_id for one in list_active(database)] == ["p-2"]
    assert database["hook_deliveries"].count_documents({"outcome": "stored"}) == 5


def test_a_call_known_by_another_id_is_found(keyed: TestClient, database: Database[Document]) -> None:
    """The agent's own record first, or the carrier's: one call in the end."""
    assert send(keyed, "calls", call("ours", provider_call_id="p-1")).status_code == 202
    assert post(keyed, now_ended(own_id=True, ending="busy")).status_code == 200
    assert last(database).call_id == "ours"
    assert post(keyed, now_ended(id="p-2", own_id=True, ending="busy")).status_code == 200
    assert send(keyed, "calls", call("later", provider_call_id="p-2")).status_code == 202
    assert join_calls(database) == 1
    ends = {row["_id"]: row["end_reason"] for row in database["calls"].find()}
    assert ends == {"ours": "busy", "later": "busy"}


def test_foreign_money_gets_the_rate(
    keyed: TestClient, database: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of PRICES_FILE; without one the rupees stay unknown, and never are dollars."""
    assert post(keyed, now_ended(id="p-0", usd=0.1)).status_code == 200
    prices = tmp_path / "prices.toml"
    prices.write_text("[rates]\nUSD = 88.0\n")
    monkeypatch.setenv("PRICES_FILE", str(prices))
    get_settings.cache_clear()
    assert post(keyed, now_ended(usd=0.1)).status_code == 200
    costs = {row["_id"]: row["cost"].get("platform") for row in database["calls"].find()}
    assert costs == {"p-0": None, "p-1": pytest.approx(8.8)}


def test_what_is_odd_is_said_and_does_no_harm(keyed: TestClient, database: Database[Document]) -> None:
    """A field that nobody reads, a clock a day off, a value that cannot be used."""
    assert post(keyed, now_ended(new_field=1, usd="many")).status_code == 200
    note = last(database)
    assert (note.unknown, note.left_out, note.remark) == (("new_field",), ("usd is no number",), None)
    for days, word in ((1, "ahead"), (-1, "behind")):
        at = (utc_now() + timedelta(days=days)).isoformat()
        assert post(keyed, {**ENDED, "id": f"off {word}", "start": at}).status_code == 200
        note = last(database)
        assert (note.outcome, note.call_id) == ("stored", f"off {word}")
        assert f"24.0 h {word}" in str(note.remark)
    assert database["calls"].count_documents({}) == 3


def test_half_a_character_and_no_number_in_a_delivery_lose_no_call(
    keyed: TestClient, database: Database[Document]
) -> None:
    """JavaScript cuts texts within an emoji, and Python writes NaN; the rest is recorded, and kept."""
    for body in (
        rb'{"id": "p-1", "event": "ended", "status": "completed", "said": "so \ud83d"}',
        b'{"id": "p-2", "event": "ended", "status": "completed", "usd": NaN, "ending": Infinity}',
    ):
        answer = keyed.post(f"/hooks/example/{SECRET}", content=body)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "stored")
    assert set(last(database).left_out) == {"usd is not finite", "ending is no text"}
    assert sorted(database["calls"].distinct("_id")) == ["p-1", "p-2"]


def test_what_is_none_of_our_business_is_answered_200(
    keyed: TestClient, database: Database[Document]
) -> None:
    assert post(keyed, {"event": "ping"}).json()["outcome"] == "ignored"
    assert last(database).outcome == "ignored"


def test_what_cannot_be_used_is_refused_and_says_why(keyed: TestClient, database: Database[Document]) -> None:
    """Garbage, a body without an id, and one that the adapter stumbles over; each is noted."""
    for content, status, says in (
        (b"not json", 400, "not JSON"),
        (b"[1]", 422, "not a JSON object"),
        (b"[" * 10_000 + b"]" * 10_000, 422, "nested"),
        (b'{"event": "ended", "id": [1]}', 422, "id is missing"),
        (b'{"event": "crash"}', 422, "the adapter failed (KeyError)"),
        (b" " * 10_000_001, 413, "10 MB"),
    ):
        answer = keyed.post(f"/hooks/example/{SECRET}", content=content)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert says in answer.json()["detail"]
        if status != 413:
            note = last(database)
            assert (note.outcome, says in str(note.reason)) == ("refused", True)
    assert database["hook_deliveries"].count_documents({"outcome": "refused"}) == 5


def test_forms_are_read_in_each_way_that_carriers_send_them(
    keyed: TestClient, database: Database[Document]
) -> None:
    """A form, one of parts, and one whose field ``data`` is JSON."""
    fields = {name: str(value) for name, value in now_ended(id="f-1").items()}
    path = f"/hooks/example/{SECRET}"
    assert keyed.post(path, data=fields).status_code == 200
    parts = {name: (None, value) for name, value in {**fields, "id": "f-2"}.items()}
    assert keyed.post(path, files=parts).status_code == 200
    assert keyed.post(path, data={"data": orjson.dumps(now_ended(id="f-3")).decode()}).status_code == 200
    plain = {"Content-Type": "text/plain"}
    assert keyed.post(path, content=orjson.dumps(now_ended(id="f-4")), headers=plain).status_code == 200
    assert sorted(database["calls"].distinct("_id")) == ["f-1", "f-2", "f-3", "f-4"]
    for content, kind in (
        (b"a=1&" * 1_001, "x-www-form-urlencoded"),
        (b"--b\r\n" * 1_001, "form-data; boundary=b"),
    ):
        family = "multipart" if "boundary" in kind else "application"
        answer = keyed.post(path, content=content, headers={"Content-Type": f"{family}/{kind}"})
        assert (answer.status_code, "1,000 fields" in answer.text) == (422, True)


PARTS = b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\nf\r\n'


@pytest.mark.parametrize(
    "content",
    [
        b'--b\r\nContent-Disposition: form-data; name="' + b"a;" * 500_000 + b'"\r\n\r\nx\r\n--b--\r\n',
        b"--b\r\nContent-Disposition: form-data" + b"; a=1" * 200_000 + b"\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 10_000,
        b"--b\r\n" + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 900,
        b"--b\r\n" + b"A: b\r\n" * 100_000 + b"\r\nx\r\n--b--\r\n",
        PARTS,
        PARTS + b"--b",
        b"no parts",
        b"",
    ],
    ids=[
        "quotes",
        "parameters",
        "messages",
        "nested",
        "headers",
        "no end",
        "half an end",
        "no part",
        "nothing",
    ],
)
def test_a_form_that_makes_no_sense_is_refused_at_once(keyed: TestClient, content: bytes) -> None:
    """Before its sender is known: the first took hours, the nested ones answered 500."""
    began = time.perf_counter()
    answer = keyed.post(
        f"/hooks/example/{SECRET}",
        content=content,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code in {400, 422}, answer.text
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("head", ["; boundary=" + "b" * 2_000, "; a=" + '";' * 20_000, ""])
def test_a_form_whose_content_type_makes_no_sense_is_refused_at_once(keyed: TestClient, head: str) -> None:
    answer = keyed.post(
        f"/hooks/example/{SECRET}", content=PARTS, headers={"Content-Type": f"multipart/form-data{head}"}
    )
    assert answer.status_code in {400, 422}, answer.text


@pytest.mark.parametrize("value", ["plivo", "plivo=short", "plivo=" + "ü" * 30, "nobody=" + "k" * 30])
def test_a_secret_that_can_be_guessed_or_is_of_no_source_is_refused_at_start(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not start, and does not say the secret."""
    monkeypatch.setenv("HOOK_SECRETS", value)
    get_settings.cache_clear()
    with pytest.raises(UserError, match="HOOK_SECRETS") as refused:
        create_app()
    assert "k" * 30 not in str(refused.value)
    assert "short" not in str(refused.value)


def test_a_callbacks_address_carries_our_own_id(
    keyed: TestClient, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever places a call writes its id into the address that the carrier posts back to."""
    monkeypatch.setattr(sources, "SOURCES", {"knowlarity": SOURCES["knowlarity"]})
    monkeypatch.setenv("HOOK_SECRETS", f"knowlarity={SECRET}")
    get_settings.cache_clear()
    path = f"/hooks/knowlarity/{SECRET}?call_id=ours-1&lead_id=lead-9&status=failed"
    body = {name: value for name, value in case("knowlarity", "completed").items() if name != "call_id"}
    answer = post(keyed, body, path)
    assert answer.status_code == 200, answer.text
    (stored,) = database["calls"].find()
    assert (stored["_id"], stored["status"]) == ("ours-1", "completed")
    assert stored["lead_id"] == "L-87"  # what the carrier says itself counts
    assert "unjoined" not in stored


def test_a_secret_in_an_address_that_is_slightly_off_is_not_logged(
    keyed: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    """In capitals, without the source, or as a parameter of another page."""
    for path in (f"/Hooks/example/{SECRET}", f"/hooks/{SECRET}", f"/healthz?x={SECRET}", f"/{SECRET}"):
        post(keyed, now_ended(), path)
    flush()
    assert SECRET not in "".join(capfd.readouterr())


@pytest.mark.parametrize("name", ["token", "secret_", "x"])
def test_a_secret_whose_signs_are_encoded_in_the_address_is_not_logged(
    name: str, keyed: TestClient, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor's own key may have signs that an address encodes, or that end its source."""
    odd = "k" * 20 + "+/=" + "z" * 20
    monkeypatch.setenv("HOOK_SECRETS", f"example={odd}")
    get_settings.cache_clear()
    encoded = quote(odd, safe="")
    for path in (f"/hooks/example?{name}={encoded}", f"/hooks/example?{name}={odd}", f"/hooks/{encoded}"):
        assert post(keyed, now_ended(), path).status_code in {401, 404}
        assert post(keyed, now_ended(), path.replace("/hooks/", "/hook/")).status_code == 404
    assert post(keyed, now_ended(), f"/hooks/example/{encoded}").status_code == 200
    flush()
    logged = "".join(capfd.readouterr())
    assert "kkkkkk" not in logged
    assert "zzzzzz" not in logged


def test_a_key_of_the_api_in_an_address_is_not_logged(
    keyed: TestClient, database: Database[Document], capfd: pytest.CaptureFixture[str]
) -> None:
    """Keys belong in a header; one in the path or as a parameter does not let in, nor does it show."""
    stored = add_api_key(database, "grafana", Role.VIEWER)
    header = {"X-API-Key": stored}
    assert keyed.get("/api/v1/analytics/metrics", headers=header).status_code == 200  # keys are known now
    for key in (READING, WRITING, SENDING, stored):
        for path in ("/metrics?key=KEY", "/metrics?a=1&KEY", "/api/v1/analytics/calls/KEY", "/healthz/KEY"):
            keyed.get(path.replace("KEY", key))
            keyed.get(path.replace("KEY", key), headers=header)
    flush()
    logged = "".join(capfd.readouterr())
    assert "key=***" in logged
    for key in (READING, WRITING, SENDING, stored):
        assert key not in logged
