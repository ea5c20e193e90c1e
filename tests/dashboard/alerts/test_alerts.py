"""The Alerts page without a browser: what it says is what the store holds, what it does is in the store."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.alerting.actions import silence
from core.alerting.preview import preview
from core.alerting.rules.builtin import BUILT_IN_RULES
from core.alerting.rules.rule_store import rules_in_force
from core.alerting.runbooks import in_place
from core.clock import utc_now
from core.health import system_health
from core.models.alerts import Alert, AlertState, Severity
from core.models.outbox import OutboxState
from core.services.alert_service import AlertService
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from dashboard import formats
from dashboard.alerts.rule_editor import said
from dashboard.alerts.timeline import table
from dashboard.queries import alert_queries
from tests.dashboard.conftest import make_call, text_of

Start = Callable[..., AppTest]
MARKUP = "<b>x</b> **bold** [a](http://evil.example) :red[red]"


def keep(database: Database[Document], id_: str, **fields: object) -> None:
    """Store an alert of the rules that has fired for half an hour, unless ``fields`` say otherwise."""
    now = utc_now()
    alert = Alert(
        id=id_,
        alert_type="error_rate",
        name=id_,
        severity=Severity.CRITICAL,
        state=AlertState.FIRING,
        message="Error rate 12 % (6 of 50 calls), limit 5 %",
        started_at=now - timedelta(minutes=30),
        updated_at=now,
    ).model_copy(update=fields)
    row = alert.model_dump() | {"_id": alert.id, "origin": "rule", "revision": 1, "holds": {}}
    database["alerts"].insert_one(row)


@pytest.fixture
def alerts(database: Database[Document]) -> Database[Document]:
    """One alert in each state."""
    write_calls(database, [make_call(1, utc_now() - timedelta(minutes=5))])
    keep(database, "burning", labels={"language": "hindi"}, channels={"slack": True, "email": False})
    keep(database, "waiting", state=AlertState.PENDING)
    keep(database, "muted", silenced_by=["s1"])
    keep(database, "gone", state=AlertState.RESOLVED, resolved_at=utc_now())
    for channel, event in (("slack", "sent"), ("email", "not sent")):
        line = {"at": utc_now(), "event": event, "alert_id": "burning", "channel": channel, "name": "burning"}
        database["alert_events"].insert_one(line | {"severity": "critical"})
    return database


def test_alerts_stand_in_their_sections_with_who_was_told(alerts: Database[Document], start: Start) -> None:
    app = start("alerts")
    assert not app.exception
    said_ = text_of(app)
    places = [
        said_.index(title) for title in ("Firing · 1", "Pending · 1", "Silenced", "Resolved in the last")
    ]
    assert places == sorted(places)
    names = [said_.index(f"**{name}**") for name in ("burning", "waiting", "muted", "gone")]
    assert all(place < name for place, name in zip(places, names, strict=True))
    assert "sent to slack" in said_
    assert "not delivered to email" in said_
    assert "**Not delivered: email**" in said_
    assert "**Notified: slack**" in said_


@pytest.mark.full
def test_of_a_hundred_alerts_the_worst_have_cards_and_the_others_come_when_asked_for(
    alerts: Database[Document], start: Start
) -> None:
    """Else all their forms are drawn anew every five seconds, which takes the browser longer than that."""
    for number in range(45):
        keep(alerts, f"many-{number}", severity=Severity.WARNING)
    app = start("alerts")
    assert not app.exception
    assert "Firing · 46" in text_of(app)

    def cards() -> list[str]:
        found = [str(button.key) for button in app.button if str(button.key).startswith("close-")]
        return [key for key in found if key != "close-muted"]

    assert (len(cards()), cards()[0]) == (20, "close-burning")
    more = app.button(key="more-firing")
    assert more.label == "Show 20 more of 26"
    more.click().run()
    assert len(cards()) == 40
    app.button(key="more-firing").click().run()
    assert len(cards()) == 46


def test_an_episode_of_a_severity_that_is_none_takes_no_page_away(
    alerts: Database[Document], start: Start
) -> None:
    for minutes, event in ((9, "firing"), (3, "resolved")):
        at = utc_now() - timedelta(minutes=minutes)
        line = {"at": at, "event": event, "alert_id": "odd", "name": "odd", "severity": "dire"}
        alerts["alert_events"].insert_one(line)
    app = start("alerts")
    assert not app.exception
    assert "Resolved in the last 7 days · 1" in text_of(app)


def test_an_incident_can_be_taken_along_line_by_line(alerts: Database[Document], start: Start) -> None:
    """Fired, who was notified, who acknowledged it, in the order of time; the audit log has who took it."""
    now = utc_now()
    fired = {"at": now - timedelta(minutes=29), "event": "firing", "severity": "critical"}
    held = {"at": now - timedelta(minutes=9), "event": "acknowledged", "author": "Asha", "comment": "on it"}
    alerts["alert_events"].insert_many(
        [{"alert_id": "burning", "name": "burning", **line} for line in (fired, held)]
    )
    app = start("alerts")
    said_ = text_of(app)
    steps = ("**Fired**", "**Acknowledged by Asha** on it", "**Notified: slack**")
    places = [said_.index(step) for step in steps]
    assert places == sorted(places)
    told = alert_queries.incident("burning")[::-1]
    rows = table(told)
    assert list(rows["Event"]) == ["Fired", "Acknowledged", "Notified", "Not delivered"]
    assert list(rows["By"])[1] == "Asha"
    app.download_button(key="csv-timeline-burning").click().run()
    (entry,) = alerts["audit"].find({"action": "exported"})
    assert (entry["subject"], entry["about"]) == ("timeline-burning", {"alert": "burning", "lines": 4})


def test_the_course_of_an_alert_and_what_to_do_stand_on_its_card(
    alerts: Database[Document], start: Start
) -> None:
    write_calls(
        alerts,
        [
            make_call(100 + n, utc_now() - timedelta(minutes=n), errors=["llm_timeout"] if n % 4 == 0 else [])
            for n in range(2, 100)
        ],
    )
    app = start("alerts")
    assert not app.exception
    pictures = [html.proto.body for html in app.get("html") if "<img" in html.proto.body]
    assert len(pictures) == 3, "none where the calls of its language tell nothing"
    assert all("limit 5 %" in picture for picture in pictures)
    assert "shaded: firing" in text_of(app)
    title, text = in_place("docs/runbooks/error_rate.md") or ("", "")
    assert f"Runbook: {title}" in [expander.label for expander in app.expander]
    assert text.startswith("**")
    assert "### Check" in text


def test_acknowledging_is_kept_with_its_author(alerts: Database[Document], start: Start) -> None:
    app = start("alerts")
    app.text_input(key="ack-burning-who").set_value("Asha")
    app.text_input(key="ack-burning-why").set_value("calling the provider")
    next(button for button in app.button if button.form_id == "form-ack-burning").click()
    app.run()
    assert not app.exception
    held = alerts["alerts"].find_one({"_id": "burning"})
    assert held is not None
    assert (held["acknowledged"]["author"], held["acknowledged"]["comment"]) == (
        "Asha",
        "calling the provider",
    )
    assert "acknowledged by Asha until" in text_of(app)
    app.button(key="withdraw-burning").click().run()
    held = alerts["alerts"].find_one({"_id": "burning"})
    assert held is not None
    assert held["acknowledged"] is None


def test_an_alert_whose_acknowledgement_has_expired_can_be_acknowledged_again(
    alerts: Database[Document], start: Start
) -> None:
    """One without calls keeps the old one, which holds no longer."""
    now = utc_now()
    held = {
        "author": "Asha",
        "at": now - timedelta(hours=5),
        "until": now - timedelta(hours=1),
        "comment": "",
    }
    alerts["alerts"].update_one({"_id": "burning"}, {"$set": {"acknowledged": held}})
    app = start("alerts")
    assert "acknowledged by Asha" not in text_of(app)
    assert not [button for button in app.button if button.key == "withdraw-burning"]
    assert [button for button in app.button if button.form_id == "form-ack-burning"]


def test_a_silence_has_reason_and_end_and_can_be_ended(alerts: Database[Document], start: Start) -> None:
    app = start("alerts")
    app.text_input(key="silence-burning-who").set_value("Asha")
    app.text_input(key="silence-burning-why").set_value("planned work")
    app.button_group(key="silence-burning-for").set_value("4 hours")
    next(button for button in app.button if button.form_id == "form-silence-burning").click()
    app.run()
    (silence,) = alerts["silences"].find()
    assert silence["matchers"] == {"rule": ["error_rate"], "language": ["hindi"]}
    assert silence["comment"] == "planned work"
    assert silence["end"] - silence["start"] == timedelta(hours=4)
    app = start("alerts", view="Silences")
    assert "planned work" in text_of(app)
    app.button(key=f"end-{silence['_id']}").click().run()
    (ended,) = alerts["silences"].find() or [{"end": utc_now()}]
    assert ended["end"] <= utc_now()


@pytest.mark.parametrize("wrong", [timedelta(hours=3), timedelta(hours=-3)], ids=["ahead", "behind"])
def test_a_silence_begins_now_by_the_clock_of_the_checks(
    alerts: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch, wrong: timedelta
) -> None:
    """The dashboard's own may be wrong: the silence would begin in three hours, or be over."""
    app = start("alerts")
    app.text_input(key="silence-burning-who").set_value("Asha")
    app.text_input(key="silence-burning-why").set_value("planned work")
    moment = utc_now()

    class Wrong(datetime):
        @classmethod
        def now(cls, zone: tzinfo | None = None) -> datetime:  # type: ignore[override]  # always with a zone
            return (moment + wrong).astimezone(zone)

    monkeypatch.setattr("core.clock.datetime", Wrong)
    next(button for button in app.button if button.form_id == "form-silence-burning").click()
    app.run()
    (silence,) = alerts["silences"].find()
    assert abs(silence["start"] - moment) < timedelta(minutes=2)
    assert silence["end"] - silence["start"] == timedelta(hours=1)


def test_what_is_missing_is_said_and_nothing_is_stored(alerts: Database[Document], start: Start) -> None:
    app = start("alerts")
    next(button for button in app.button if button.form_id == "form-silence-burning").click()
    app.run()
    assert not app.exception
    assert app.error
    assert alerts["silences"].count_documents({}) == 0


def test_history_shows_the_events_of_the_period(alerts: Database[Document], start: Start) -> None:
    app = start("alerts", view="History")
    assert re.search(r"events · .* · as of \d\d:\d\d:\d\d", text_of(app))
    table = app.dataframe[0].value
    assert set(zip(table["Event"], table["Channel"], strict=True)) == {
        ("sent", "slack"),
        ("not sent", "email"),
    }
    assert "No alert activity" in text_of(
        start("alerts", view="History", period="custom", from_="1999-01-01", to="1999-01-02")
    )


def test_a_history_of_more_lines_than_are_shown_says_that_they_are_the_newest(
    alerts: Database[Document], start: Start
) -> None:
    """Whoever counts them, or downloads them, must know."""
    assert "2 events" in text_of(start("alerts", view="History"))
    lines = [{"at": utc_now(), "event": "firing", "alert_id": f"a{number}"} for number in range(500)]
    alerts["alert_events"].insert_many(lines)
    alert_queries.forget_alerts()
    app = start("alerts", view="History")
    assert "The newest 500 events" in text_of(app)
    assert len(app.dataframe[0].value) == 500


def test_the_preview_follows_the_boxes_and_saving_keeps_the_rule(
    database: Database[Document], start: Start
) -> None:
    """20 of 200 calls of an hour failed: a limit of 10 % was kept, one of 4 % was not."""
    then = utc_now() - timedelta(hours=30)
    write_calls(
        database,
        [
            make_call(n, then + timedelta(seconds=18 * n), status="failed" if n % 10 == 0 else "completed")
            for n in range(200)
        ],
    )
    app = start("alerts", view="Rules")
    rule = BUILT_IN_RULES[0]
    assert said(preview(database, rule, 7), utc_now(), 7) in text_of(app)
    app.button_group(key="replay-days").set_value(90).run()
    assert not app.exception
    assert "Over the last 90 days this rule would have fired" in text_of(app)
    app.number_input(key=f"edit-{rule.id}-{rule.metric}-critical").set_value(4.0).run()
    assert not app.exception
    lower = rule.model_copy(
        update={"levels": {Severity.CRITICAL: rule.first_level.model_copy(update={"threshold": 0.04})}}
    )
    expected = preview(database, lower, 7)
    assert expected.firings
    assert f"would have fired {'once' if len(expected.firings) == 1 else '**'}" in text_of(app)
    app.selectbox(key=f"edit-{rule.id}-repeat").set_value("30m").run()
    app.text_input(key="rule-who").set_value("Asha").run()
    app.button(key="save-rule").click().run()
    assert "saved; it takes effect" in "".join(element.value for element in app.success)
    (kept,) = [kept for kept in rules_in_force(database).rules if kept.id == rule.id]
    assert (kept.first_level.threshold, kept.repeat_minutes, kept.escalate_after_minutes) == (0.04, 30, None)
    app.button(key="delete-rule").click().run()
    assert rules_in_force(database).rules == BUILT_IN_RULES


def test_each_channel_has_a_test_with_its_answer_beside_it(
    database: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the channel is tried whose button is pressed."""
    assert "No channel is set up" in text_of(start("alerts", view="Channels"))
    set_channels(monkeypatch)
    app = start("alerts", view="Channels")
    app.button(key="test-channel-email").click().run(timeout=40)
    assert not app.exception
    said_ = text_of(app).replace("\\", "")
    assert "recipient 1 of ALERT_EMAIL_TO failed" in said_
    assert "hook failed" not in said_
    app.button(key="test-channel-hook").click().run(timeout=40)
    said_ = text_of(app).replace("\\", "")
    assert "recipient 1 of ALERT_EMAIL_TO failed" in said_
    assert "hook failed" in said_


def set_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail and a hook at a port where nobody listens."""
    for name, value in {
        "SMTP_SERVER": "127.0.0.1",
        "SMTP_PORT": "1",
        "ALERT_EMAIL_FROM": "a@example.org",
        "ALERT_EMAIL_TO": "b@example.org",
        "ALERT_APPRISE_URLS": "hook=json://127.0.0.1:1/",
        "ALERT_ALLOW_INSECURE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()


def test_a_message_that_was_given_up_is_shown_with_its_reason_and_sent_again(
    database: Database[Document], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_channels(monkeypatch)
    answers = asyncio.run(AlertService().send_alert("provider_down", "critical", "No answer"))
    assert answers["email"] is False
    assert "Every message is delivered or waiting to be sent" in text_of(start("alerts", view="Channels"))
    assert system_health(database).outbox.oldest_waiting is not None
    given_up = {"state": OutboxState.DEAD, "reason": MARKUP, "done_at": utc_now()}
    database["outbox"].update_one({"channel": "hook"}, {"$set": given_up})
    alert_queries.forget_alerts()
    app = start("alerts", view="Channels")
    said_ = text_of(app)
    assert "Failed deliveries · 1" in said_
    assert "to hook" in said_
    assert formats.plain(MARKUP) in said_
    row = database["outbox"].find_one({"channel": "hook"})
    assert row is not None
    app.button(key=f"again-{row['_id']}").click().run()
    assert "is back in the outbox" in "".join(element.value for element in app.success)
    assert database["outbox"].count_documents({"channel": "hook", "state": OutboxState.QUEUED}) == 1
    assert "Failed deliveries · " not in text_of(app)


def test_markup_in_an_alert_stays_text(database: Database[Document], start: Start) -> None:
    write_calls(database, [make_call(1, utc_now() - timedelta(minutes=5))])
    keep(database, "x", name=MARKUP, message=MARKUP, labels={"campaign": MARKUP}, channels={MARKUP: True})
    for page in ("alerts", "overview"):
        app = start(page)
        assert not app.exception
        said_ = text_of(app)
        assert "](http://evil" not in said_
        assert ":red[red]" not in said_


def test_what_has_no_campaign_is_said_to_have_none(alerts: Database[Document], start: Start) -> None:
    """On its card, in its timeline and of its silence; an empty label shows nothing, or broken markup."""
    keep(alerts, "nameless", labels={"campaign": ""})
    now = utc_now()
    silence(
        alerts, {"rule": ["error_rate"], "campaign": ["", "diwali"]}, now, now + timedelta(hours=1), "A", "b"
    )
    said_ = text_of(start("alerts"))
    assert ":gray-badge[no campaign]" in said_
    assert ":gray-badge[]" not in said_
    assert "**rule error\\_rate, campaign none or diwali**" in text_of(start("alerts", view="Silences"))
