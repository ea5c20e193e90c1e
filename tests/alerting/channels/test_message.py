"""The words of an alert."""

from datetime import UTC, datetime

from core.alerting.channels.message import Tone, alert_message
from core.alerting.wording import period
from core.models.alerts import Alert, AlertState, Severity

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
