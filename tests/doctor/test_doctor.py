"""``python -m core doctor``, run as a user would, on things that really are wrong."""

import os
import re
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE

import certifi
import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.models.metrics import CallMetrics
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.spool import Spool
from core.types import Document
from tests.alerting.channels.wire import (
    PASSWORD,
    USER,
    WEBHOOK_PATH,
    Authority,
    Mails,
    Proxy,
    WebServer,
    mail_server,
)
from tests.ports import free_port, serving
from tests.test_cli import core


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The worst state of each thing in the report."""
    found: dict[str, str] = {}
    for state, name in re.findall(r"^(ok|off|warn|FAIL) +([\w -]+): ", done.stdout, re.MULTILINE):
        found[name] = max(found.get(name, ""), state, key=["", "off", "ok", "warn", "FAIL"].index)
    return found


def test_a_new_store_is_told_what_is_still_to_do(database: Database[Document]) -> None:
    done = core("doctor", API_PORT=str(free_port()), DASHBOARD_PORT=str(free_port()), MONGODB_URL="x")
    assert done.returncode == 0, done.stdout + done.stderr
    found = states(done)
    assert {name for name, state in found.items() if state == "ok"} == {
        *("DATA_DIR", "log", "store", "spool", "clock", "indexes", "archive"),
        *("retention", "outbox", "alert rules"),
    }
    assert (found["calls"], found["roll-ups"], found["API"]) == ("off", "off", "off")
    assert (found["scheduler"], found["channels"]) == ("warn", "warn")
    assert "MONGODB_URL is not one of our variables -> did you mean MONGODB_URI?" in done.stdout


@pytest.mark.full
def test_another_store_on_the_machine_is_named(database: Database[Document], tmp_path: Path) -> None:
    """An agent with a relative DATA_DIR that was started elsewhere records where nobody looks."""
    there = {**os.environ, "DATA_DIR": str(tmp_path / "agent")}
    code = "from core.storage import get_sync_database as store; store().command('ping'); print(); input()"
    with subprocess.Popen([sys.executable, "-c", code], env=there, stdin=PIPE, stdout=PIPE) as agent:
        assert agent.stdin
        assert agent.stdout
        agent.stdout.readline()
        done = core("doctor", API_PORT=str(free_port()), DASHBOARD_PORT=str(free_port()))
        agent.stdin.write(b"\n")
    assert states(done)["other stores"] == "off"
    assert str(tmp_path / "agent") in done.stdout
    assert "start everything with the same DATA_DIR and MONGODB_URI" in done.stdout


@pytest.mark.full
def test_what_lags_or_is_broken_is_said_with_the_remedy(database: Database[Document], store: Path) -> None:
    now = utc_now()
    fields = {"start_time": now + timedelta(hours=5), "status": "completed", "direction": "outbound"}
    call = CallMetrics.model_validate({"call_id": "ahead", **fields})
    write_calls(database, [call])
    database["heartbeats"].insert_one(
        {"_id": "scheduler", "at": now - timedelta(hours=1), "interval_seconds": 300}
    )
    database["rules"].insert_one({"_id": "odd", "rule": {"id": "odd"}})
    buried = Spool(database.name).bury(Record.now(call), "MongoDB error 2")
    try:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = str(other.getsockname()[1])
            done = core("doctor", API_PORT=port, LOG_FILE=f"{__file__}/agent.log")
    finally:
        buried.unlink()
    assert done.returncode == 1
    found = states(done)
    assert {name for name, state in found.items() if state == "FAIL"} == {"API", "log", "scheduler"}
    assert {name for name, state in found.items() if state == "warn"} >= {"calls", "spool", "alert rules"}
    assert found["roll-ups"] == "warn"
    for said in ("which is in the future", "1 record is dead-lettered", "python -m run_scheduler"):
        assert said in done.stdout


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("API_KEYS", "short", "FAIL  API: each key of API_KEYS"),
        ("API_HOST", "nowhere.invalid", "FAIL  API: API_HOST nowhere.invalid is not an address"),
        ("DASHBOARD_SIGN_IN", "proxy", "FAIL  dashboard: DASHBOARD_SIGN_IN=proxy lets nobody in"),
        ("DASHBOARD_HOST", "192.0.2.1", "FAIL  dashboard: DASHBOARD_HOST is 192.0.2.1, but without sign-in"),
        ("ALERT_ROTA", "asha", "FAIL  channels: ALERT_ROTA names the channel 'asha'"),
    ],
)
def test_a_setting_with_which_a_program_would_not_start_is_named_among_all_lines(
    database: Database[Document], variable: str, value: str, named: str
) -> None:
    done = core("doctor", **{variable: value}, DASHBOARD_PORT=str(free_port()))
    assert done.returncode == 1
    assert named in done.stdout
    assert {"DATA_DIR", "channels", "API", "dashboard"} <= set(states(done))
    assert done.stderr == ""


@pytest.mark.full
def test_a_store_that_is_away_leaves_the_other_lines_and_no_secret() -> None:
    uri = "mongodb://user:geheim@127.0.0.1:1/?serverSelectionTimeoutMS=300"
    done = core("doctor", MONGODB_URI=uri, API_PORT=str(free_port()))
    assert done.returncode == 1
    assert "FAIL  store: MongoDB at 127.0.0.1:1 does not answer; is it running" in done.stdout
    assert {"spool", "channels", "API"} <= set(states(done))
    assert "geheim" not in done.stdout + done.stderr


@pytest.mark.full
def test_channels_are_tried_out_without_sending(database: Database[Document], tmp_path: Path) -> None:
    authority, received = Authority(tmp_path), Mails()
    mail = mail_server(authority, received)
    mail.start()
    settings = authority.environment | {
        "SMTP_SERVER": "localhost",
        "SMTP_PORT": str(mail.port),
        "SMTP_USERNAME": USER,
        "SMTP_PASSWORD": PASSWORD,
        "ALERT_EMAIL_FROM": USER,
        "ALERT_EMAIL_TO": "ops@example.com",
        "SLACK_WEBHOOK_URL": f"https://hooks.slack.com{WEBHOOK_PATH}",
    }
    with WebServer(authority) as slack, Proxy(slack) as proxy, serving(slack, proxy):
        settings["HTTPS_PROXY"] = f"http://127.0.0.1:{proxy.server_address[1]}"
        good = core("doctor", **settings)
        wrong = core("doctor", **settings | {"SMTP_PASSWORD": "geheim"})
    untrusted = core("doctor", **settings | {"SSL_CERT_FILE": certifi.where()})
    mail.stop()
    gone = core("doctor", **settings)
    assert (states(good)["email"], states(good)["slack"]) == ("ok", "ok"), good.stdout
    assert "rejects the login -> check SMTP_USERNAME and SMTP_PASSWORD" in wrong.stdout
    assert "is not trusted" in untrusted.stdout
    assert "cannot be reached (Connection refused)" in gone.stdout
    assert all(states(done)["email"] == "FAIL" for done in (wrong, untrusted, gone))
    assert states(gone)["slack"] == "FAIL"
    assert (received.received, slack.posts) == ([], [])
    printed = good.stdout + wrong.stdout + gone.stdout
    assert not any(secret in printed for secret in ("geheim", PASSWORD, "T0SECRETAA", USER))
