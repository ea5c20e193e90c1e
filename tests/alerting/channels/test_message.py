"""The words of an alert."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.alerting.channels.layout import Tone, cut, length
from core.alerting.channels.message import (
    Message,
    alert_message,
    digest_message,
    notification_message,
)
from core.alerting.wording import period
from core.models.alerts import Alert, AlertState, Notification, NotificationEvent, Severity

AT = datetime(2024, 10, 24, 12, 45, tzinfo=UTC)
LINK = "http://localhost:3000/?period=custom&from=2024-10-24T18:00&to=2024-10-24T18:15"


def alert(message: str) -> Alert:
    return Alert(
        id="x",
        alert_type="queue",
        name="queue",
        severity=Severity.INFO,
        state=AlertState.FIRING,
        message=message,
        started_at=AT,
        updated_at=AT,
    )


def test_a_long_text_of_several_lines_is_cut_in_the_title_alone() -> None:
    """A subject is one line that fits; mail and chat carry every word."""
    text = "First line\nBcc: everybody@example.com\n" + "word " * 100
    message = alert_message(alert(text))
    assert "\n" not in message.title
    assert len(message.title) <= 160
    assert message.title.startswith("INFO: queue: First line")
    assert text in message.text
    assert text in message.brief


def test_a_short_text_is_not_said_twice_in_chat() -> None:
    """The title, right above, says it."""
    message = alert_message(alert("It grows"))
    assert message.title == "INFO: queue: It grows"
    assert message.brief == f"Since: 24 Oct 2024, 18:15 IST\nDashboard: {LINK}"


def test_an_alert_that_is_over_says_since_when_and_until_when() -> None:
    """In the colour of good news."""
    over = alert("It shrank").model_copy(update={"state": AlertState.RESOLVED, "resolved_at": AT})
    message = alert_message(over)
    assert message.tone is Tone.RESOLVED
    assert "Until: 24 Oct 2024, 18:15 IST" in message.brief


def test_periods_are_said_in_local_time_with_the_zone() -> None:
    """Also one that runs over midnight."""
    assert period(AT, AT.replace(hour=13, minute=0)) == "24 Oct 2024, 18:15–18:30 IST"  # noqa: RUF001 (an en dash)
    over_midnight = period(AT, AT.replace(hour=19))
    assert over_midnight == "24 Oct 2024, 18:15 – 25 Oct 2024, 01:15 IST"  # noqa: RUF001 (an en dash)


def fires(name: str, severity: Severity = Severity.CRITICAL, **changes: object) -> Alert:
    fields = alert(f"{name} 24 % (12 of 50 calls), limit 10 %").model_dump()
    own = {"id": name, "name": name, "severity": severity, "samples": 50}
    return Alert.model_validate(fields | own | changes)


def told(alerts: list[Alert], event: NotificationEvent = NotificationEvent.FIRING) -> Message:
    """The message about these alerts, all of them news, four hours after they began."""
    return notification_message(
        Notification(
            key="key",
            group_key="rules",
            channel="slack",
            event=event,
            severity=Severity.CRITICAL,
            at=AT + timedelta(hours=4),
            alerts=alerts,
            news=len(alerts),
            members={one.id: "firing" for one in alerts},
            severities={},
        )
    )


def test_what_ended_is_not_the_headline_while_the_worst_goes_on() -> None:
    """The title counts them, the worst comes first and gives the colour, whatever the order they come in."""
    over = fires("English", state=AlertState.RESOLVED, resolved_at=AT)
    group = [over, fires("Hindi"), fires("Tamil", Severity.WARNING), fires("Hinglish")]
    for _ in range(4):
        group = [*group[1:], group[0]]
        message = told(group)
        assert message.title.startswith("2 critical, 1 warning firing, 1 resolved: Hindi 24 %")
        assert message.tone is Tone.CRITICAL
        assert message.text.index("Hinglish") < message.text.index("Tamil") < message.text.index("English")


@pytest.mark.parametrize("name", ["Campaign", "दिवाली पर्सनल लोन" * 8])
def test_a_message_about_many_alerts_is_as_long_as_its_channels_take(name: str) -> None:
    """A table, how many more there are and where, and ten at length."""
    group = [fires(f"{name} {number}", labels={"campaign": name}) for number in range(300)]
    message = told(group)
    assert len(message.brief) <= 8_000
    assert len(message.text.encode()) + len(message.html.encode()) < 70_000
    assert message.brief.count("Since: ") <= 10
    assert re.search(r"^and \d+ more: http://localhost:3000/alerts$", message.brief, re.MULTILINE)
    assert re.search(r"^and \d+ more: http://localhost:3000/alerts$", message.text, re.MULTILINE)
    assert message.html.count("<tr>") + int(re.findall(r"and (\d+) more", message.html)[0]) == 300
    digest = digest_message([message] * 200)
    assert len(digest.brief) <= 8_000
    assert len(digest.html.encode()) < 70_000


def test_a_text_without_end_is_cut_and_says_so() -> None:
    """Whatever the agent sends."""
    facts = {f"fact {number}": "x" * 5_000 for number in range(500)}
    message = alert_message(alert("word " * 100_000).model_copy(update={"metadata": facts}))
    assert len(message.brief) <= 8_000
    assert len(message.text) + len(message.html) < 70_000
    assert "(cut)" in message.text


@pytest.mark.parametrize("most", range(10, 140, 3))
def test_a_link_that_does_not_fit_is_left_out(most: int) -> None:
    """Part of it would show other calls, or none."""
    shortened = cut(f"Calls fail\nDashboard {LINK} and so on, word after word after word", most)
    assert length(shortened) <= most
    assert set(re.findall(r"https?://\S*", shortened)) <= {LINK}


def test_reminders_and_ends_say_how_long_it_lasted() -> None:
    """Both a reminder and an end say for how long it has fired."""
    repeat = NotificationEvent.REPEAT
    assert told([fires("Hindi")], repeat).title.startswith("Still CRITICAL after 4 h: Hindi")
    assert told([fires("Hindi"), fires("Tamil")], repeat).title.startswith("Still 2 critical firing: ")
    over = fires("Hindi", state=AlertState.RESOLVED, resolved_at=AT + timedelta(minutes=290))
    assert told([over]).title.startswith("RESOLVED after 4 h 50 min: Hindi")
    assert "Until: 24 Oct 2024, 23:05 IST, after 4 h 50 min" in told([over]).brief


@pytest.mark.parametrize("window", [timedelta(minutes=15), timedelta(hours=3), timedelta(days=1)])
def test_the_link_shows_the_calls_of_the_window_that_went_wrong(window: timedelta) -> None:
    """From its start to now, with the outcome as a filter; while it goes on, from before it began."""
    later = AT + timedelta(hours=30)
    for updated in (AT, later):
        link = told([fires("Hindi", updated_at=updated, looks_from=updated - window, outcome="failed")]).link
        start, end = (at.astimezone(ZoneInfo("Asia/Kolkata")) for at in (AT - window, updated))
        assert f"from={start:%Y-%m-%dT%H:%M}&to={end:%Y-%m-%dT%H:%M}&status=failed" in link


def test_a_message_about_several_begins_with_a_table_the_worst_first() -> None:
    """How each stands, which it is, and in a mail since when; then everything about each."""
    over = fires("English", state=AlertState.RESOLVED, resolved_at=AT + timedelta(hours=1))
    message = told([over, fires("Tamil", Severity.WARNING), fires("Hindi <b>")])
    sentence = "24 % (12 of 50 calls), limit 10 %"
    assert message.text.splitlines()[:3] == [
        f"CRITICAL            Hindi <b> {sentence}",
        f"WARNING             Tamil {sentence}",
        f"RESOLVED after 1 h  English {sentence}",
    ]
    assert message.brief.splitlines()[:3] == message.text.splitlines()[:3]
    rows = re.findall(r"<td[^>]*>(.*?)</td>", message.html)
    assert rows[:3] == ["<b>CRITICAL</b>", f"Hindi &lt;b&gt; {sentence}", "24 Oct 2024, 18:15 IST"]
    assert len(rows) == 9
    assert message.text.count("Since  ") == 3


def test_links_of_a_mail_are_words() -> None:
    """An address of three lines is nothing to read on a phone; what the agent sends stays as it is."""
    shown = fires(
        "Hindi", metadata={"Runbook": "https://wiki.example/x?a=1&b", "trace": "https://t.example/1"}
    )
    html = told([shown]).html
    assert '<a href="https://wiki.example/x?a=1&amp;b">what to do</a>' in html
    assert '<a href="https://t.example/1">https://t.example/1</a>' in html
    assert ">view on the dashboard</a>" in html
