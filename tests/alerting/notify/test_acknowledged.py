"""Who hears that somebody looks after an alert."""

import asyncio
import re
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.alerting.actions import acknowledge, close, withdraw_acknowledgement
from core.alerting.board import history
from core.alerting.state.alert_store import active_alerts
from core.scheduler import jobs
from core.services.alert_service import AlertService
from core.types import Document
from tests.alerting.channels.test_channels import text_of
from tests.alerting.channels.wire import PAGERDUTY, Mails, WebServer, check
from tests.alerting.conftest import SetUrls
from tests.alerting.state.test_alert_store import NOON, Recorder, record
from tests.alerting.state.test_alert_store import check as check_with

MINUTE = timedelta(minutes=1)


def test_whoever_was_told_of_an_alert_hears_that_somebody_looks_after_it(
    database: Database[Document], mails: Mails, web: WebServer, extra: SetUrls
) -> None:
    """Within seconds, once: people by name and comment, the pager as an acknowledged incident."""
    extra(f"pager={PAGERDUTY}")
    record(database, NOON, total=50, failed=12)
    check(NOON)
    (alert,) = active_alerts(database)
    acknowledge(database, alert.id, "Asha", "Restarting the dialler", now=NOON + 2 * MINUTE)
    for _ in range(2):
        asyncio.run(jobs.outbox())
    subjects = [mail["Subject"] for mail in mails.received]
    assert len(subjects) == 4  # of two recipients
    assert subjects[-1].startswith("ACKNOWLEDGED by Asha: Call failure rate 24 %")
    assert "Acknowledged  by Asha, no reminders until 24 Oct 2024, 21:32 IST" in text_of(mails.received[-1])
    assert "Comment       Restarting the dialler" in text_of(mails.received[-1])
    opened, held = [payload for _, _, payload in web.received]
    assert (opened["event_action"], held["event_action"]) == ("trigger", "acknowledge")
    assert opened["dedup_key"] == held["dedup_key"]
    line = next(line for line in history(database, alert_id=alert.id) if line.event == "sent")
    assert (line.channel in {"email", "pager"}, line.message) == (True, "acknowledged by Asha")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("victorops://routing@12345678-aaaa-bbbb-cccc-123456789012", "ACKNOWLEDGEMENT"),
        ("opsgenie://0123abcd-0123-abcd-0123-0123456789ab", "/acknowledge"),
        ("jira://0123abcd-0123-abcd-0123-0123456789ab", "/acknowledge"),
        ("jsons://webhook.example.com/integrations", "'event': 'acknowledge'"),
    ],
    ids=["victorops", "opsgenie", "jira", "webhook"],
)
def test_each_pager_hears_it_in_its_own_words(
    database: Database[Document], web: WebServer, extra: SetUrls, url: str, said: str
) -> None:
    extra(f"pager[critical]={url}")
    record(database, NOON, total=50, failed=12)
    check(NOON)
    (alert,) = active_alerts(database)
    acknowledge(database, alert.id, "Asha", now=NOON + 2 * MINUTE)
    asyncio.run(jobs.outbox())
    assert len(web.posts) == 2
    path, payload = web.posts[1]
    assert re.search(said, f"{path} {payload}")


def test_who_never_heard_of_an_alert_does_not_hear_who_looks_after_it(
    database: Database[Document],
) -> None:
    """Nor does anybody of an alert that is over, or of what was taken back, by then."""
    email, slack = Recorder("email"), Recorder("slack", works=False)
    for minutes, undo in ((0, None), (60, "close"), (120, "withdraw")):
        at = NOON + minutes * MINUTE
        record(database, at, total=50, failed=12)
        check_with(at, email, slack)
        (alert,) = active_alerts(database)
        acknowledge(database, alert.id, "asha", now=at + MINUTE)
        if undo == "close":
            close(database, alert.id, "asha", "Nothing to see", now=at + 2 * MINUTE)
        if undo == "withdraw":
            withdraw_acknowledgement(database, alert.id, "asha", now=at + 2 * MINUTE)
        record(database, at + 5 * MINUTE, total=50, failed=12)
        check_with(at + 5 * MINUTE, email, slack)
    assert [word for word in email.words if word.startswith("ACKNOWLEDGED")] == ["ACKNOWLEDGED by asha"]
    assert database["outbox"].count_documents({"channel": "slack", "notification.event": "acknowledged"}) == 0


def test_the_end_is_told_also_where_the_acknowledgement_did_not_arrive(
    database: Database[Document], slack: WebServer
) -> None:
    """Of an alert that the agent sent, to whoever got the beginning."""
    service = AlertService()
    asyncio.run(service.send_alert("crm_push", "critical", "Leads do not arrive"))
    (alert,) = active_alerts(database)
    acknowledge(database, alert.id, "Asha")
    slack.status = 404
    asyncio.run(jobs.outbox())
    slack.status = 200
    assert asyncio.run(service.resolve_alert("crm_push"))["slack"] is True
    titles = [payload["text"].split(":")[0] for _, payload in slack.posts]
    assert titles == ["CRITICAL", "ACKNOWLEDGED by Asha", "RESOLVED after less than a minute"]
