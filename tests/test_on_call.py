"""`python -m core alerts`: what whoever is on call does without a browser."""

import re
from datetime import timedelta

import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from core.alerting.board import alert_board, history, silence_lines
from core.alerting.state.alert_store import active_alerts
from core.cli import app
from core.doctor.channels import channels
from core.errors import UserError
from core.settings import get_settings
from core.storage.server.connection import server_time
from core.types import Document
from tests.alerting.state.test_alert_store import Recorder, check, record

HOUR = timedelta(hours=1)


def alerts(*arguments: str) -> str:
    """What the command says."""
    done = CliRunner().invoke(app, ["alerts", *arguments], env={"COLUMNS": "200"})
    if done.exception is not None:
        raise done.exception
    return done.output


@pytest.fixture
def alert_id(database: Database[Document]) -> str:
    """An alert that fires now, told by mail."""
    now = server_time(database)
    record(database, now, total=50, failed=12)
    check(now, Recorder())
    return active_alerts(database)[0].id


def test_an_alert_is_listed_acknowledged_and_closed_with_who_and_why(
    database: Database[Document], alert_id: str
) -> None:
    """By the beginning of its id, by its rule, and in the history."""
    assert f"{alert_id} │ critical │ Call failure rate 24 %" in alerts("list")
    assert "Call failure rate is acknowledged until" in alerts(
        "ack", alert_id[:5], "--as", "Asha", "--note", "Restarting", "--for", "30m"
    )
    assert "acknowledged by Asha" in alerts("list")
    (alert,) = active_alerts(database)
    held = alert.acknowledged
    assert held is not None
    assert (held.comment, held.until - held.at) == ("Restarting", timedelta(minutes=30))
    assert "is closed" in alerts("close", "call_failure_rate", "--as", "Ravi", "--note", "Dialler restarted")
    assert "No alert is firing" in alerts("list")
    lines = {line.event: (line.author, line.comment) for line in history(database, alert_id=alert_id)}
    assert lines["acknowledged"] == ("Asha", "Restarting")
    assert lines["resolved"] == ("Ravi", "Dialler restarted")


def test_a_silence_is_made_shown_and_ended(database: Database[Document], alert_id: str) -> None:
    """Of one alert for an hour, or of labels at hours that come again."""
    assert "rule call_failure_rate" in alerts("silence", alert_id, "--note", "Release", "--as", "Asha")
    said = alerts(
        "silence", "--label", "campaign=diwali", "--label", "campaign=holi*", "--note", "Nightly load",
        "--as", "Ravi", "--every", "sat,sun 22:00-24:00",
    )  # fmt: skip
    assert "campaign diwali or holi* sat,sun 22:00-24:00 Asia/Kolkata until it is ended; Ravi" in said
    now = server_time(database)
    check(now + timedelta(minutes=5))
    assert [alert.id for alert in alert_board(database, now).silenced] == [alert_id]
    lines = {line.silence.author: line for line in silence_lines(database, now)}
    end = lines["Asha"].silence.end
    assert end is not None
    assert timedelta(minutes=59) < end - now <= HOUR
    assert f"silenced by {lines['Asha'].silence.id}" in alerts("list")
    alerts("unsilence", lines["Asha"].silence.id)
    assert lines["Asha"].silence.id not in alerts("list").partition("silence ")[2]
    assert lines["Ravi"].silence.id in alerts("list")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ack", "nothing"), "no alert 'nothing' is firing; list them with"),
        (("ack", "x", "--for", "soon"), "no alert 'x' is firing"),
        (("silence", "--note", "x"), "name an alert, or labels to silence"),
        (("silence", "--label", "campaign", "--note", "x"), "has no value"),
        (("silence", "--label", "mood=bad", "--note", "x"), "'mood' is not a label"),
        (("silence", "--label", "rule=x"), "--note is missing"),
        (
            ("silence", "--label", "rule=x", "--note", "x", "--for", "soon"),
            "--for soon is not a span of time",
        ),
        (("silence", "--label", "rule=x", "--note", "x", "--every", "now"), "--every 'now' is neither"),
        (("unsilence", "x"), "there is no such silence"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    database: Database[Document], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserError, match=said.replace("*", r"\*")):
        alerts(*arguments)


def test_an_acknowledgement_for_no_time_is_refused(database: Database[Document], alert_id: str) -> None:
    """Its channels would be told that somebody looks after it, and be reminded all the same."""
    with pytest.raises(UserError, match="--for 0m is no time at all"):
        alerts("ack", alert_id, "--as", "Asha", "--for", "0m")
    assert database["alerts"].count_documents({"acknowledged": {"$ne": None}}) == 0


def test_a_name_that_several_alerts_have_is_not_guessed(database: Database[Document], alert_id: str) -> None:
    """The rule's alerts by language, say: they are named."""
    row = database["alerts"].find_one({"_id": alert_id}) or {}
    database["alerts"].insert_one(row | {"_id": "ffff0000ffff0000"})
    with pytest.raises(UserError, match=f"several alerts 'call_failure_rate' fire.*(ffff0000|{alert_id})"):
        alerts("ack", "call_failure_rate")


def test_the_list_says_whose_week_it_is(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who takes over."""
    assert "on call" not in alerts("list")
    monkeypatch.setenv("ALERT_ROTA", "asha,ravi")
    get_settings.cache_clear()
    assert re.search(r"on call: (asha until .*, then ravi|ravi until .*, then asha)", alerts("list"))


def test_doctor_says_that_links_to_acknowledge_lead_to_this_machine_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A phone would not get there."""
    monkeypatch.setenv("ACK_LINK_KEY", "a-key-of-more-than-22-characters")
    monkeypatch.setenv("ALERT_APPRISE_URLS", "hook=jsons://webhook.example.com/x")
    monkeypatch.setenv("DASHBOARD_PUBLIC_URL", "https://calls.example.com")
    for address, warnings in ((None, 1), ("https://calls.example.com/api", 0)):
        if address is not None:
            monkeypatch.setenv("API_PUBLIC_URL", address)
        get_settings.cache_clear()
        said = [one.text for one in channels(get_settings()) if one.name == "links"]
        assert len([text for text in said if "acknowledge" in text]) == warnings
