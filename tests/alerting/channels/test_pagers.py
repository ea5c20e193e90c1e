"""What goes over the wire to pagers: each alert an incident that is opened, repeated and closed."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pymongo.database import Database

from core.alerting.channels.layout import length
from core.alerting.channels.message import alert_message, dashboard_link
from core.alerting.channels.pagers import PagerSender
from core.services.alert_service import AlertService
from core.settings import get_settings
from core.storage import get_database
from core.types import Document
from tests.alerting.channels.test_message import alert
from tests.alerting.channels.wire import PAGERDUTY, Mails, WebServer, check, key_of
from tests.alerting.conftest import SetUrls
from tests.alerting.state.test_alert_store import NOON, record
from tests.ports import free_port

FIVE_MINUTES = timedelta(minutes=5)
JSM = "/jsm/ops/integration/v2/alerts"


@pytest.mark.parametrize("text", ["word " * 260, "दिवाली " * 300, "😀" * 1_500])
def test_a_page_with_a_long_text_arrives(
    database: Database[Document], web: WebServer, extra: SetUrls, text: str
) -> None:
    """PagerDuty refuses longer summaries for good: the whole text stands in the details."""
    extra(f"pager={PAGERDUTY}")
    asyncio.run(AlertService().send_alert("crm_push", "critical", text, metadata={"campaign": "द" * 83}))
    ((_, payload),) = web.posts
    assert length(payload["payload"]["summary"]) <= 1_024
    assert payload["payload"]["custom_details"]["text"].startswith(text.strip())
    assert payload["links"][0]["href"].startswith("http://localhost:3000/")


def test_pagerduty_opens_and_closes_one_incident(
    database: Database[Document], web: WebServer, extra: SetUrls
) -> None:
    """Critical alerts alone, each with the key of its fingerprint; a second check sends nothing."""
    extra(f"pager={PAGERDUTY}")
    record(database, NOON, total=50, failed=12)
    check(NOON)
    check(NOON + FIVE_MINUTES)
    record(database, NOON + 4 * FIVE_MINUTES, total=50, failed=0)
    check(NOON + 4 * FIVE_MINUTES)
    (opened, closed) = [payload for host, _, payload in web.received if host == "events.pagerduty.com"]
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["payload"]["severity"] == "critical"
    assert opened["payload"]["summary"].startswith("CRITICAL: Call failure rate 24 % (12 of 50 calls)")
    assert opened["links"][0]["href"].startswith("http://localhost:3000/?period=custom&from=2024-10-24T17:15")
    (alert,) = database["alerts"].find()
    assert opened["dedup_key"] == closed["dedup_key"] == key_of(database, alert)
    asyncio.run(AlertService().send_alert("x", "warning", "Not for the pager"))
    assert len(web.received) == 2


@pytest.mark.parametrize(
    ("url", "opens", "closes"),
    [
        (
            "victorops://routing@12345678-aaaa-bbbb-cccc-123456789012",
            lambda _, json: (json["entity_id"], json["message_type"]) == ("KEY", "CRITICAL"),
            lambda _, json: (json["entity_id"], json["message_type"]) == ("KEY", "RECOVERY"),
        ),
        (
            "opsgenie://0123abcd-0123-abcd-0123-0123456789ab",
            lambda path, json: (path, json["alias"], json["priority"]) == ("/v2/alerts", "KEY", "P1"),
            lambda path, _: path == "/v2/alerts/KEY/close?identifierType=alias",
        ),
        (
            "jira://0123abcd-0123-abcd-0123-0123456789ab",
            lambda path, json: (path, json["alias"], json["priority"]) == (JSM, "KEY", "P1"),
            lambda path, _: path == f"{JSM}/KEY/close?identifierType=alias",
        ),
        (
            "jsons://webhook.example.com/integrations?apiKey=s3cretS3cret",
            lambda _, json: (
                (json["alias"], json["event"], json["severity"]) == ("KEY", "trigger", "critical")
            ),
            lambda _, json: (json["alias"], json["event"]) == ("KEY", "resolve"),
        ),
    ],
    ids=["victorops", "opsgenie", "jira", "webhook"],
)
def test_other_pagers_close_what_they_opened(
    database: Database[Document], web: WebServer, extra: SetUrls, url: str, opens: Any, closes: Any
) -> None:
    """Each in its own words."""
    extra(f"pager[critical]={url}")
    record(database, NOON, total=50, failed=12)
    check(NOON)
    record(database, NOON + 4 * FIVE_MINUTES, total=50, failed=0)
    check(NOON + 4 * FIVE_MINUTES)
    (alert,) = database["alerts"].find()
    key = key_of(database, alert)
    first, last = [(path.replace(key, "KEY"), _keyed(payload, key)) for path, payload in web.posts]
    assert opens(*first), first
    assert closes(*last), last


def _keyed(payload: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: "KEY" if value == key else value for name, value in payload.items()}


def test_the_link_in_a_webhooks_json_shows_exactly_those_calls(web: WebServer) -> None:
    """Whatever the campaign is called."""
    named = alert("bad").model_copy(update={"labels": {"campaign": "50 % & more + दिवाली #1"}})
    assert PagerSender("jsons://webhook.example.com/hook")(alert_message(named)) is None
    ((_, payload),) = web.posts
    assert payload["link"] == dashboard_link(named)
    assert parse_qs(urlsplit(payload["link"]).query)["campaign"] == ["50 % & more + दिवाली #1"]


def test_victorops_by_mail_has_one_subject_but_for_the_word(
    database: Database[Document], mails: Mails, monkeypatch: pytest.MonkeyPatch, extra: SetUrls
) -> None:
    """Its email integration tells incidents apart by the rest of the subject."""
    monkeypatch.setenv("ALERT_EMAIL_TO", "ops@example.com")
    extra("victorops[critical]=email://k3y+team@alert.victorops.com")
    record(database, NOON, total=50, failed=12)
    check(NOON)
    record(database, NOON + 4 * FIVE_MINUTES, total=50, failed=0)
    check(NOON + 4 * FIVE_MINUTES)
    (alert,) = database["alerts"].find()
    subjects = [mail["Subject"] for mail in mails.received if "victorops" in mail["To"]]
    key = key_of(database, alert)
    assert subjects == [f"{word}: Call failure rate [{key}]" for word in ("CRITICAL", "RESOLVED")]


@pytest.mark.parametrize("named", [False, True])
def test_two_installations_that_share_a_pager_leave_each_others_incidents_alone(
    database: Database[Document],
    web: WebServer,
    mails: Mails,
    extra: SetUrls,
    monkeypatch: pytest.MonkeyPatch,
    named: bool,
) -> None:
    """The same rules over two stores: two incidents; a name that was given says who speaks."""
    extra(f"pager={PAGERDUTY}")
    keys = []
    for name in ("production", "staging"):
        if named:
            monkeypatch.setenv("INSTALLATION_NAME", name)
            get_settings.cache_clear()
        record(database, NOON, total=50, failed=12)
        check(NOON)
        event = web.received[-1][2]
        keys.append(event["dedup_key"])
        assert event["payload"]["source"] == (name if named else keys[-1].partition(".")[0])
        assert mails.received[-1]["Subject"].startswith(f"[{name}] CRITICAL: " if named else "CRITICAL: ")
        for collection in database.list_collection_names():
            database[collection].delete_many({})
    assert len(set(keys)) == 2
    assert len({key.rpartition(".")[2] for key in keys}) == 1


@pytest.mark.parametrize("region", ["", "?region=eu"])
def test_jira_operations_is_asked_at_its_own_address_with_the_key(
    database: Database[Document], web: WebServer, extra: SetUrls, region: str
) -> None:
    """Opening, a reminder and the end, each with the integration's key; the team and tags of the URL stay."""
    extra(f"jsm[critical]=jira://0123abcd-0123-abcd-0123-0123456789ab/%23night{region}")
    record(database, NOON, total=50, failed=12)
    check(NOON)
    record(database, NOON + timedelta(hours=4), total=50, failed=12)
    check(NOON + timedelta(hours=4))
    record(database, NOON + timedelta(hours=5), total=50, failed=0)
    check(NOON + timedelta(hours=5))
    opened, again, closed = web.received
    assert {host for host, _, _ in web.received} == {"api.atlassian.com"}
    assert web.keys == ["GenieKey 0123abcd-0123-abcd-0123-0123456789ab"] * 3
    assert opened[2]["responders"] == [{"type": "team", "name": "night"}]
    assert opened[2]["alias"] == again[2]["alias"]
    assert len(opened[2]["message"]) <= 130
    assert "limit 10 %" in opened[2]["description"]
    assert closed[1].startswith(f"{JSM}/")
    assert closed[2]["note"]


def test_two_installations_share_no_incident_while_their_stores_are_away(
    web: WebServer, extra: SetUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same alert of the same agent, twice from one of them: two incidents."""
    extra(f"pager={PAGERDUTY}")
    staging, production = (f"mongodb://127.0.0.1:{port}" for port in (free_port(), free_port()))
    for store in (staging, production, production):
        monkeypatch.setenv("MONGODB_URI", f"{store}/?serverSelectionTimeoutMS=100")
        get_settings.cache_clear()
        assert asyncio.run(AlertService().send_alert("down", "critical", "MongoDB is away"))["pager"]
    keys = [payload["dedup_key"] for _, payload in web.posts]
    assert keys[0] != keys[1] == keys[2]


def test_an_incident_that_is_repeated_while_the_store_is_away_stays_one(
    database: Database[Document], web: WebServer, extra: SetUrls
) -> None:
    """Its key has the name that this process saw in the store, so that the end will close it."""
    extra(f"pager={PAGERDUTY}")

    async def run() -> None:
        store = get_database()
        assert (await AlertService(store).send_alert("down", "critical", "It is slow"))["pager"]
        await store.client.close()
        assert (await AlertService(store).send_alert("down", "critical", "MongoDB is away"))["pager"]

    asyncio.run(run())
    assert len({payload["dedup_key"] for _, payload in web.posts}) == 1
