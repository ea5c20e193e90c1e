"""Who is told next where nobody acknowledges an alert; and channels that hear nothing of ends."""

import asyncio
from datetime import timedelta

import pytest
from pymongo.database import Database

from core.alerting.actions import acknowledge, close, silence
from core.alerting.channels.configured import configured_channels
from core.alerting.rules.soundness import slips
from core.alerting.state.alert_store import active_alerts
from core.errors import UserError
from core.models.alerts import Severity
from core.models.rules import AlertRule
from core.services.alert_service import AlertService
from core.settings import get_settings
from core.types import Document
from tests.alerting.channels.wire import Mails, WebServer
from tests.alerting.channels.wire import check as check_configured
from tests.alerting.conftest import SetUrls
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

MINUTE = timedelta(minutes=1)
FIELDS = {"id": "fails", "name": "Calls fail", "metric": "call_failure_rate", "levels": {"critical": 0.1}}


def rule(**changes: object) -> AlertRule:
    return AlertRule.model_validate(FIELDS | {"escalate_to": ["boss"], "escalate_after": "20m"} | changes)


def checked(
    database: Database[Document],
    minutes: float,
    *channels: Recorder,
    rules: tuple[AlertRule, ...],
    failed: int = 12,
) -> None:
    """Calls of which so many fail, and a check, so long after noon."""
    record(database, NOON + minutes * MINUTE, total=50, failed=failed)
    check(NOON + minutes * MINUTE, *channels, rules=rules)


@pytest.mark.parametrize("own", [True, False], ids=["of the rule", "of the settings"])
def test_who_comes_next_is_told_once_nobody_acknowledged_it_in_time(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    """Not before, once, with how long it has waited; then of its end, as everybody."""
    email, boss = Recorder("email"), Recorder("boss")
    rules = (rule() if own else AlertRule.model_validate(FIELDS),)
    if not own:
        monkeypatch.setenv("ALERT_ESCALATE_TO", "boss")
        monkeypatch.setenv("ALERT_ESCALATE_AFTER_MINUTES", "20")
        get_settings.cache_clear()
    told: list[int] = []
    for minutes in (0, 5, 19, 20, 25, 40):
        checked(database, minutes, email, boss, rules=rules)
        told += [minutes] * (len(boss.titles) - len(told))
    assert told == [20]
    assert boss.titles[0].startswith("CRITICAL, unanswered for 20 min: Calls fail 24 %")
    checked(database, 60, email, boss, rules=rules, failed=0)
    assert (email.words, boss.words) == (
        ["CRITICAL", "RESOLVED"],
        ["CRITICAL, unanswered for 20 min", "RESOLVED"],
    )


def flap(
    database: Database[Document], until: int, *channels: Recorder, start: int = 0, worst: int = 12
) -> None:
    """Up and down every 15 minutes; it counts as flapping after an hour."""
    both = rule(levels={"warning": 0.1, "critical": 0.5})
    for minutes in range(start, until + 1, 15):
        failed = worst if minutes % 30 == 0 else 0
        checked(database, minutes, *channels, rules=(both,), failed=failed)


def test_an_alert_that_flaps_is_unanswered_too(database: Database[Document]) -> None:
    """Once; though each time it is over before anybody would be asked."""
    email, boss = Recorder("email"), Recorder("boss")
    flap(database, 75, email, boss)
    assert (email.words[-1], boss.words) == ("FLAPPING", [])
    flap(database, 150, email, boss, start=90)
    assert boss.words == ["FLAPPING, unanswered"]


def test_somebody_looks_after_an_alert_that_flaps_until_it_settles(database: Database[Document]) -> None:
    """It goes no further although it ends and fires again; once it has settled, it begins anew."""
    email, boss = Recorder("email"), Recorder("boss")
    flap(database, 60, email, boss)
    acknowledge(database, active_alerts(database)[0].id, "asha", now=NOON + 65 * MINUTE)
    flap(database, 180, email, boss, start=75)
    assert boss.titles == []
    for minutes in (200, 220, 240):
        checked(database, minutes, email, boss, rules=(rule(),), failed=0)
    for minutes in (260, 275, 281):
        checked(database, minutes, email, boss, rules=(rule(),))
    assert boss.words == ["CRITICAL, unanswered for 21 min"]


def test_the_time_begins_anew_where_an_alert_that_flaps_gets_worse(database: Database[Document]) -> None:
    email, boss = Recorder("email"), Recorder("boss", severities=frozenset({Severity.CRITICAL}))
    flap(database, 105, email, boss)
    flap(database, 135, email, boss, start=120, worst=40)
    assert boss.titles == []
    flap(database, 150, email, boss, start=150, worst=40)
    assert boss.words == ["FLAPPING, unanswered"]


def test_an_alert_that_somebody_looks_after_goes_no_further(database: Database[Document]) -> None:
    """Until the acknowledgement has run out; one that is over or closed in time never does."""
    email, boss = Recorder("email"), Recorder("boss")
    checked(database, 0, email, boss, rules=(rule(),))
    acknowledge(database, active_alerts(database)[0].id, "asha", now=NOON + 10 * MINUTE, lasts=60 * MINUTE)
    for minutes in (30, 69):
        checked(database, minutes, email, boss, rules=(rule(),))
    assert boss.titles == []
    checked(database, 71, email, boss, rules=(rule(),))
    assert boss.words == ["CRITICAL, unanswered for 1 h 11 min"]
    close(database, active_alerts(database)[0].id, "asha", now=NOON + 75 * MINUTE)
    checked(database, 200, email, boss, rules=(rule(),), failed=0)
    checked(database, 300, email, boss, rules=(rule(),))
    checked(database, 315, email, boss, rules=(rule(),), failed=0)
    checked(database, 400, email, boss, rules=(rule(),), failed=0)
    assert boss.words[1:] == ["RESOLVED"]


def test_the_time_begins_when_people_could_know(database: Database[Document]) -> None:
    """With the end of a silence, and anew where a warning that somebody has in hand becomes critical."""
    email, boss = Recorder("email"), Recorder("boss")
    silence(database, {"rule": ["fails"]}, NOON, NOON + 60 * MINUTE, "asha", "release")
    both = rule(levels={"warning": 0.1, "critical": 0.5})
    for minutes in (0, 30, 59, 60, 78):
        checked(database, minutes, email, boss, rules=(both,))
    assert (email.words, boss.words) == (["WARNING"], [])
    checked(database, 79, email, boss, rules=(both,))
    assert boss.words == ["WARNING, unanswered for 1 h 19 min"]
    acknowledge(database, active_alerts(database)[0].id, "asha", now=NOON + 80 * MINUTE)
    checked(database, 96, email, boss, rules=(both,), failed=40)
    assert boss.words[1:] == ["CRITICAL"]

    fresh, late = Recorder("email2"), Recorder("boss")
    database["alerts"].delete_many({})
    database["notifications"].delete_many({})
    checked(database, 600, fresh, late, rules=(both,))
    acknowledge(database, active_alerts(database)[0].id, "asha", now=NOON + 605 * MINUTE)
    for minutes in (640, 659):
        checked(database, minutes, fresh, late, rules=(both,), failed=40)
    assert late.titles == []
    checked(database, 660, fresh, late, rules=(both,), failed=40)
    assert late.words == ["CRITICAL, unanswered for 1 h"]


def test_somebody_is_always_told_at_once_and_somebody_next(database: Database[Document]) -> None:
    """Where only the next one is set up, or the next one is not: better all than nobody."""
    boss = Recorder("boss")
    checked(database, 0, boss, rules=(rule(),))
    assert boss.words == ["CRITICAL"]
    email, slack = Recorder("email"), Recorder("slack")
    database["alerts"].delete_many({})
    narrow = rule(channels=["email"], escalate_to=["gone"])
    for minutes in (60, 80):
        checked(database, minutes, email, slack, rules=(narrow,))
    assert (email.words, slack.words) == (["CRITICAL"], ["CRITICAL, unanswered for 20 min"])
    assert list(slips(narrow, {"email": None, "slack": None})) == [
        "rule 'fails' escalates to the channel 'gone', which is not set up"
    ]


def test_a_channel_that_does_not_take_the_severity_is_not_woken(database: Database[Document]) -> None:
    email, boss = Recorder("email"), Recorder("boss", severities=frozenset({Severity.CRITICAL}))
    mild = rule(levels={"warning": 0.1})
    for minutes in (0, 30, 60):
        checked(database, minutes, email, boss, rules=(mild,))
    assert (email.words, boss.words) == (["WARNING"], [])


def test_reminders_and_the_pause_between_messages_follow_the_settings(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_REPEAT_MINUTES", "30")
    monkeypatch.setenv("ALERT_GROUP_MINUTES", "20")
    get_settings.cache_clear()
    email = Recorder()
    mild = AlertRule.model_validate(FIELDS | {"levels": {"warning": 0.1}})
    other = AlertRule.model_validate(
        FIELDS | {"id": "many", "metric": "failed_calls", "levels": {"warning": 3}}
    )
    sent: list[int] = []
    for minutes in range(0, 65, 5):
        rules = (mild,) if minutes < 5 else (mild, other)
        checked(database, minutes, email, rules=rules)
        sent += [minutes] * (len(email.titles) - len(sent))
    assert sent == [0, 20, 50]


def test_a_channel_without_ends_hears_of_beginnings_alone(database: Database[Document]) -> None:
    """What comes back is news again, also where others went on; a message that is late is dropped."""
    wall, email = Recorder("wall", ends=False), Recorder("email")
    a, b = (
        rule(escalate_to=[]),
        rule(id="many", metric="failed_calls", levels={"warning": 13}, escalate_to=[]),
    )
    for minutes, failed in ((0, 20), (15, 12), (30, 20), (60, 0), (90, 12)):
        checked(database, minutes, wall, email, rules=(a, b), failed=failed)
    assert wall.words == ["1 critical, 1 warning firing", "1 critical, 1 warning firing", "CRITICAL"]
    assert [word for word in email.words if "resolved" in word.lower()] == [
        "1 critical firing, 1 resolved",
        "2 resolved",
    ]
    wall.works = False
    checked(database, 120, wall, rules=(a, b), failed=0)
    checked(database, 150, wall, rules=(a, b))
    checked(database, 180, wall, rules=(a, b), failed=0)
    assert wall.words[3:] == []


def test_an_end_is_sent_to_mail_alone_where_slack_wants_none(
    database: Database[Document], mails: Mails, slack: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of rules and of what the agent sent itself."""
    monkeypatch.setenv("ALERT_EMAIL_TO", "ops@example.com")
    monkeypatch.setenv("ALERT_NO_RESOLVED", "slack")
    get_settings.cache_clear()
    for minutes, failed in ((0, 12), (30, 0)):
        record(database, NOON + minutes * MINUTE, total=50, failed=failed)
        check_configured(NOON + minutes * MINUTE)
    service = AlertService()
    asyncio.run(service.send_alert("crm_push", "critical", "Leads do not arrive"))
    assert asyncio.run(service.resolve_alert("crm_push")) == {"email": True, "slack": False}
    subjects = [mail["Subject"].split(":")[0].split(" after ")[0] for mail in mails.received]
    assert subjects == ["CRITICAL", "RESOLVED"] * 2
    assert [payload["text"].split(":")[0] for _, payload in slack.posts] == ["CRITICAL"] * 2


@pytest.mark.parametrize("variable", ["ALERT_ESCALATE_TO", "ALERT_NO_RESOLVED"])
def test_a_setting_that_names_a_channel_there_is_not_is_one_line(
    extra: SetUrls, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "slack,bos")
    extra("boss=jsons://webhook.example.com/x")
    with pytest.raises(
        UserError, match=f"{variable} names the channel 'bos', which there is not; use .*boss"
    ):
        configured_channels(get_settings())
