"""Who is on call: channels that take turns, week by week."""

import asyncio
import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pymongo.database import Database

from core.alerting.channels.configured import configured_channels
from core.alerting.rota import Rota, duty, on_call_words
from core.clock import utc_now
from core.errors import UserError
from core.services.alert_service import AlertService
from core.settings import SettingsError, get_settings, load_settings
from core.types import Document
from tests.alerting.channels.wire import Mails
from tests.alerting.notify.test_reminders import rule
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

HOUR = timedelta(hours=1)
MEMBERS = ("asha", "ravi", "meera")


def rota(zone: str = "Asia/Kolkata", **changes: object) -> Rota:
    fields = {"members": MEMBERS, "weekday": 0, "at": time(10), "begin": date(2024, 10, 21)}
    return Rota(**(fields | {"zone": ZoneInfo(zone)} | changes))  # type: ignore[arg-type]  # spelled out by the callers


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asha is on call on the day of NOON, a Thursday; Ravi from the Monday after."""
    urls = ",".join(f"{name}=email://{name}@example.com" for name in MEMBERS)
    for name, value in {
        "ALERT_ROTA": ",".join(MEMBERS),
        "ALERT_ROTA_BEGIN": "2024-10-21",
        "ALERT_APPRISE_URLS": urls,
        "SMTP_SERVER": "localhost",
        "ALERT_EMAIL_FROM": "alerts@example.com",
        "ALERT_EMAIL_TO": "ops@example.com",
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("moment", "who"),
    [
        ("2024-10-21T10:00+05:30", "asha"),
        ("2024-10-28T09:59:59.999+05:30", "asha"),
        ("2024-10-28T10:00+05:30", "ravi"),
        ("2024-11-04T04:30+00:00", "meera"),
        ("2024-11-11T10:00+05:30", "asha"),
        ("2024-10-21T09:59+05:30", "meera"),  # before it began it went round all the same
        ("2034-10-23T10:00+05:30", "asha"),
    ],
)
def test_each_is_on_call_from_hand_over_to_hand_over(moment: str, who: str) -> None:
    """To the moment, by the clocks of the zone."""
    assert rota().turn(datetime.fromisoformat(moment)).who == who


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"])
@pytest.mark.parametrize("weekday", [0, 4, 6])
def test_turns_follow_each_other_without_a_gap(zone: str, weekday: int) -> None:
    """Also where clocks are set forward and back: a turn then has an hour less, or more."""
    kept = rota(zone, weekday=weekday, at=time(2, 30))
    now, seen = datetime(2024, 1, 3, tzinfo=UTC), []
    for _ in range(110):
        turn = kept.turn(now)
        assert turn.start <= now < turn.end
        assert kept.turn(turn.end - timedelta(milliseconds=1)).who == turn.who
        assert turn.end.astimezone(ZoneInfo(zone)).weekday() == weekday
        assert abs(turn.end - turn.start - timedelta(days=7)) <= HOUR
        seen.append(turn.who)
        now = turn.end
    order = [MEMBERS.index(who) for who in seen]
    assert all((after - before) % 3 == 1 for before, after in itertools.pairwise(order))


def test_a_week_can_be_swapped() -> None:
    """That week alone."""
    swapped = rota(swaps={date(2024, 10, 28): "meera"})
    weeks = [swapped.turn(datetime(2024, 10, 24, tzinfo=UTC) + timedelta(days=7 * n)).who for n in range(4)]
    assert weeks == ["asha", "meera", "meera", "asha"]


def test_only_whoever_is_on_call_hears_of_an_alert(database: Database[Document], turns: None) -> None:
    """Who takes over hears of what fires; who handed over gets no reminder, and hears of the end."""
    people = {name: Recorder(name) for name in (*MEMBERS, "email")}
    monday = datetime(2024, 10, 28, 4, 30, tzinfo=UTC)
    for at, failed in ((monday - HOUR, 10), (monday - HOUR / 2, 10), (monday, 10), (monday + 5 * HOUR, 10)):
        record(database, at, total=20, failed=failed)
        check(at, *people.values(), rules=(rule("A"),))
    assert people["asha"].words == ["WARNING"]
    assert people["ravi"].words == ["WARNING", "Still WARNING"]
    assert people["email"].words == ["WARNING", "Still WARNING"]
    record(database, monday + 6 * HOUR, total=20, failed=0)
    check(monday + 6 * HOUR, *people.values(), rules=(rule("A"),))
    assert [person.words[-1:] for person in people.values()] == [["RESOLVED"], ["RESOLVED"], [], ["RESOLVED"]]


def test_on_call_stands_for_whoever_is(
    database: Database[Document], turns: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the channels of a rule, and in who is told next; a name in a rule is that very person."""
    monkeypatch.setenv("ALERT_ESCALATE_TO", "on-call")
    get_settings.cache_clear()
    people = {name: Recorder(name) for name in (*MEMBERS, "email")}
    rules = (
        rule("Usual"),
        rule("Paged", channels=["on-call"], escalate_to=[]),
        rule("Hers", channels=["meera"], escalate_to=[]),
    )
    for minutes in (0, 15):
        record(database, NOON + timedelta(minutes=minutes), total=20, failed=10)
        check(NOON + timedelta(minutes=minutes), *people.values(), rules=rules)
    assert [len(person.titles) for person in people.values()] == [2, 0, 1, 1]
    assert people["asha"].titles[0].startswith("WARNING: Paged")
    assert people["asha"].titles[1].startswith("2 warning firing: Usual")
    assert people["meera"].titles[0].startswith("WARNING: Hers")
    assert people["email"].titles[0].startswith("WARNING: Usual")


def test_an_agent_whose_clock_is_a_week_off_still_tells_whoever_is_on_call(
    database: Database[Document], mails: Mails, turns: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the database's clock, which everything else goes by."""
    monkeypatch.setenv("ALERT_ROTA_BEGIN", f"{utc_now() - timedelta(days=14):%Y-%m-%d}")
    get_settings.cache_clear()
    off = duty(get_settings(), utc_now()).off
    later = utc_now() + timedelta(days=7)
    monkeypatch.setattr("core.services.alert_service.utc_now", lambda: later)
    answer = asyncio.run(AlertService().send_alert("crm_push", "critical", "Leads do not arrive"))
    assert {name for name, told in answer.items() if told} == {"email", *MEMBERS} - off
    assert len(mails.received) == 2


def test_who_is_on_call_is_said(turns: None) -> None:
    """Until when, and who comes then."""
    assert on_call_words(get_settings(), NOON) == "asha until 28 Oct 2024, 10:00 IST, then ravi"
    assert duty(get_settings(), NOON).off == {"ravi", "meera"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ALERT_ROTA_HAND_OVER": "monday 10"}, "ALERT_ROTA_HAND_OVER"),
        ({"ALERT_ROTA_ZONE": "India"}, "ALERT_ROTA_ZONE is not an IANA time zone"),
        ({"ALERT_ROTA_SWAPS": "2024-10-29=ravi"}, "2024-10-29 is not a day of hand-over"),
        ({"ALERT_ROTA_SWAPS": "2024-10-28=boss"}, "names 'boss', which is not in ALERT_ROTA"),
        ({"ALERT_ROTA_SWAPS": "next week"}, "ALERT_ROTA_SWAPS"),
    ],
)
def test_a_rota_that_makes_no_sense_is_refused(
    turns: None, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], words: str
) -> None:
    """In one line with the variable's name."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=words):
        load_settings()


def test_a_member_without_a_channel_is_refused(turns: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would hear of anything in that week."""
    monkeypatch.setenv("ALERT_ROTA", "asha,nobody")
    get_settings.cache_clear()
    with pytest.raises(UserError, match="ALERT_ROTA names the channel 'nobody'"):
        configured_channels(get_settings())
