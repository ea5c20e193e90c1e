"""A person who goes through every way in is found in no byte of what is stored, sent, answered or shown."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from bson import Timestamp
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.settings import get_settings
from core.storage.archive.archived_rows import pq
from core.storage.archive.backup import back_up
from core.storage.recording.replay import replay
from core.storage.recording.spool import Spool
from core.types import Document
from tests.alerting.channels.wire import Mails, WebServer
from tests.alerting.conftest import authority, mail_servers, mails, slack, web
from tests.api.conftest import from_this_machine
from tests.dashboard.conftest import start
from tests.storage.sealing.test_sealing import BLIND, OLD

__all__ = ["authority", "mail_servers", "mails", "slack", "start", "web"]
"""Fixtures, which pytest finds by their names here."""

_AGENT = """
import asyncio, os, sys
from datetime import UTC, datetime
from core.logging_config import get_logger, set_call_context
from core.models.calls.reports import CallFacts, CallReport, Role
from core.hooks.receive import receive
from core.models.metrics import CallMetrics, TurnMetrics
from core.services.alert_service import AlertService
from core.services.metrics_service import MetricsService
from core.storage.recording.breaker import breaker
from core.storage.recording.records import Record
from core.storage.recording.spool import Spool
from tests.hooks.example import EXAMPLE, now_ended

names = ("phone", "name", "pan", "email", "address", "dob", "password")
person = dict(zip(names, sys.argv[1].split("|")))
numbers = {name: person[name] for name in ("phone", "pan", "email", "password")}
start, lead = datetime(2026, 1, 10, tzinfo=UTC), os.environ["LEAD"]
usual = {"start_time": start, "duration_seconds": 60, "status": "completed", "direction": "outbound"}

def call(call_id):
    metadata = {"customer": person, "queue": "hindi", **person}
    return CallMetrics(call_id=call_id, lead_id=lead, metadata=metadata, **usual)

async def agent():
    metrics, logger = MetricsService(), get_logger("business")
    set_call_context(call_id="call_1", lead_id=lead)
    await metrics.call_started("call_1", lead_id=lead)
    await metrics.record_call_metrics(call("call_1"))
    heard = "I am " + person["name"] + " of " + person["address"]
    await metrics.record_turn(TurnMetrics(call_id="call_1", turn=1, start_time=start, transcript=heard))
    facts = CallFacts(lead_id=lead, metadata=person)
    report = CallReport(call_id="call_1", source="exotel", role=Role.CARRIER, facts=facts)
    await metrics.record_call_report(report)
    remark = heard if os.environ.get("ENCRYPTION_KEYS") else "agreed"  # without a key the content is masked
    fields = {"id": "call_4", "phone": lead, "mobile": person["phone"], "customer": numbers, "remark": remark}
    assert (await receive(EXAMPLE, now_ended(**fields), 100)).outcome == "stored"
    logger.info("Call of %s completed", person["phone"], extra={"customer": numbers})
    logger.debug("Heard", extra={"transcript": heard, "customer_name": person["name"], **numbers})
    try:
        raise ValueError("no lead " + person["phone"])
    except ValueError:
        logger.exception("The CRM refuses")
    said = "Lead " + person["phone"] + " waits"
    answer = await AlertService().send_alert("crm_push", "critical", said, metadata={**person, "of": person})
    assert answer == {"email": True, "slack": True}, answer
    breaker.failed()  # the database is away
    await metrics.record_call_metrics(call("call_2"))
    Spool().bury(Record.now(call("call_3")), "error 2")

asyncio.run(agent())
"""


@pytest.mark.full
@pytest.mark.parametrize(
    "keys", [{}, {"ENCRYPTION_KEYS": OLD, "BLIND_INDEX_KEY": BLIND}], ids=["none", "keys"]
)
def test_a_person_is_found_in_no_byte(
    keys: Mapping[str, str],
    database: Database[Document],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mails: Mails,
    slack: WebServer,
    start: Callable[..., AppTest],
) -> None:
    digits = f"{secrets.randbelow(10**8):08}"
    phone, mark, pan = f"97{digits}", f"Zx{digits[::-1]}", f"KZXPM{digits[:4]}K"
    person = [
        phone,
        f"Meera {mark}",
        pan,
        f"{mark}@shop.example",
        f"7 {mark} Road",
        "1987-01-02",
        f"{mark}pass",
    ]
    log = tmp_path / "agent.log"
    for name, value in {
        **keys,
        "LOG_FILE": str(log),
        "LOG_LEVEL": "DEBUG",
        "LOG_TO_DATABASE": "true",
        "LEAD": _lead(keys, phone),
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    subprocess.run([sys.executable, "-c", _AGENT, "|".join(person)], check=True, env=os.environ, timeout=60)
    try:
        wanted = [phone, mark, pan, f"91{phone}"]
        assert _found(wanted, Spool().folder, log) == []
        assert Spool().has_waiting()
        replay(database)
        assert database["calls"].count_documents({}) == 3
        told = _sent(mails, slack) + _answered() + _shown(start)
        assert [text for text in wanted if text in told] == []
        shown = told.count("I am [name] of [address]")  # to whom the page and the API show a conversation
        assert shown >= 2 if keys else shown == 0
        saved = back_up(database, get_settings().data_dir, tmp_path / "saved", lambda *_: None)
        assert saved.documents >= 4
        database["calls"].update_many({}, {"$set": {"recorded_at": Timestamp(1_750_000_000, 1)}})
        refresh_rollups(database)
        assert sum(due.rows for due in archive_due(database)) == 3
        database.client.admin.command("fsync")
        rows = "".join(str(row) for name in database.list_collection_names() for row in database[name].find())
        assert [text for text in wanted if text in rows] == []
        assert _found(wanted, get_settings().data_dir, tmp_path) == []
        assert _found(["call_1"], log) == [f"call_1 in {log}"]
    finally:
        for letter in Spool().dead.glob("*.json"):
            letter.unlink()


def _sent(mails: Mails, slack: WebServer) -> str:
    """What mail and Slack were sent, decoded."""
    parts = [part for mail in mails.received for part in mail.walk() if not part.is_multipart()]
    found = "".join([*map(str, mails.received), *(part.get_content() for part in parts), str(slack.posts)])
    assert found.count("crm_push") >= 3
    return found


def _answered() -> str:
    """What the API answers of calls, alerts and itself, in each form."""
    with from_this_machine() as client:
        days = "start_date=2026-01-01&end_date=2026-01-31"
        asked = [(f"calls?{days}", "application/json"), (f"calls?{days}", "text/csv"), ("alerts", "*/*")]
        answers = [client.get(f"/api/v1/analytics/{path}", headers={"Accept": form}) for path, form in asked]
        answers.append(client.get("/api/v1/analytics/calls/call_1"))
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert "call_1" in answers[0].text
    return "".join(answer.text for answer in answers)


def _shown(start: Callable[..., AppTest]) -> str:
    """The elements of pages about calls, alerts, deliveries and who looked, as a browser gets them.

    The page of a call shows the conversation, masked.
    """
    apps = [start("calls", period="90d"), start("calls", call_id="call_1")]
    apps += map(start, ("alerts", "sources", "audit", "system"))
    assert not any(app.exception for app in apps)
    found = "".join(str(getattr(element, "proto", "")) for app in apps for element in app)
    assert "_push" in found
    return found


def _lead(keys: Mapping[str, str], phone: str) -> str:
    """A phone serves as lead_id where it is to be replaced."""
    return phone if keys else "lead_1"


def _found(texts: list[str], *places: Path) -> list[str]:
    """Which of the texts are in which file of these folders."""
    inside = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place])]
    files = [file for file in inside if file.is_file()]
    found = []
    for file in files:
        with suppress(FileNotFoundError):  # the server takes files of dropped databases away
            content = _content(file)
            found += [f"{text} in {file}" for text in texts if text.encode() in content]
    return found


def _content(file: Path) -> bytes:
    """What a file holds, unpacked; one that another test has damaged, as it is."""
    try:
        if file.suffix == ".zst":
            with pa.input_stream(str(file), compression="zstd") as stream:
                return bytes(stream.read())
        if file.suffix == ".parquet":
            return str(pq.read_table(file).to_pylist()).encode()
    except (pa.ArrowException, OSError):
        pass
    return file.read_bytes()


def test_the_search_for_a_person_can_find_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"{datetime.now(UTC)} Meera")
    assert _found(["Meera", "Ravi"], tmp_path) == [f"Meera in {tmp_path / 'a'}"]
