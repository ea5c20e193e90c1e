"""The signed link of a message: looking changes nothing, the button acknowledges, once, for one alert."""

import logging
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from pymongo.database import Database

from core.alerting import ack_links
from core.alerting.ack_links import ack_link, read_token
from core.alerting.state.alert_store import active_alerts
from core.api.app import create_app
from core.models.alerts import Alert
from core.settings import SettingsError, get_settings, load_settings
from core.storage.server.connection import server_time
from core.types import Document
from tests.alerting.state.test_alert_store import NOON, Recorder, check, record

KEY = "a-key-of-more-than-22-characters"
HOUR = timedelta(hours=1)


@pytest.fixture
def linked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links are on, and the API is reached by way of a proxy."""
    monkeypatch.setenv("ACK_LINK_KEY", KEY)
    monkeypatch.setenv("API_PUBLIC_URL", "https://api.example.com/voice")
    get_settings.cache_clear()


@pytest.fixture
def stranger() -> TestClient:
    """Whoever reads the mail, somewhere, without a key of the API."""
    return TestClient(create_app(), base_url="https://api.example.com", client=("203.0.113.9", 50_000))


def fire(database: Database[Document], *channels: Recorder) -> Alert:
    at = server_time(database)
    record(database, at, total=20, failed=10)
    check(at, *channels)
    (alert,) = active_alerts(database)
    return alert


def path_of(link: str | None) -> str:
    assert link is not None
    assert link.startswith("https://api.example.com/voice/acknowledge/")
    return urlsplit(link).path.removeprefix("/voice")


class Reader(Recorder):
    """Keeps the links of whole messages."""

    async def send(self, recipient: object, message: object) -> None:  # noqa: ARG002 (as Channel has it)
        """Take a message."""
        self.titles.append(str(getattr(message, "html", "")) + str(getattr(message, "text", "")))


def links_in(text: str) -> list[str]:
    return re.findall(r"https://api\.example\.com/voice/acknowledge/[\w.-]+", text)


def test_whoever_has_the_message_acknowledges_by_its_link(
    database: Database[Document], linked: None, stranger: TestClient
) -> None:
    """A scanner that opens it changes nothing; the button does, in the reader's name."""
    email = Reader("email")
    alert = fire(database, email)
    (link,) = set(links_in(email.titles[0]))
    for answer in (stranger.get(path_of(link)), stranger.head(path_of(link))):
        assert answer.status_code == 200
    assert "Call failure rate 50 %" in stranger.get(path_of(link)).text
    assert active_alerts(database)[0].acknowledged is None
    answer = stranger.post(path_of(link), data={"who": "Asha <b>", "note": "Restarting"})
    assert answer.status_code == 200
    assert "Acknowledged: " in answer.text
    held = active_alerts(database)[0].acknowledged
    assert held is not None
    assert (held.author, held.comment, held.until - held.at) == ("Asha <b>", "Restarting", 4 * HOUR)
    again = stranger.get(path_of(link))
    assert "Acknowledged by Asha &lt;b&gt;" in again.text
    assert "<form" not in again.text
    stranger.post(path_of(link), data={"who": "Ravi"})
    held = active_alerts(database)[0].acknowledged
    assert held is not None
    assert held.author == "Asha <b>"
    assert ack_link(alert, NOON) != link


def test_a_link_loads_nothing_and_is_framed_by_nobody(
    database: Database[Document], linked: None, stranger: TestClient
) -> None:
    """Nor is it kept, or passed on to the site that a link leads to."""
    answer = stranger.get(path_of(ack_link(fire(database), server_time(database))))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "<script" not in answer.text


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("cut", ["", "x", "a.b.c", "é"])
def test_a_link_that_is_not_ours_is_refused(
    database: Database[Document], linked: None, stranger: TestClient, method: str, cut: str
) -> None:
    """Nor one whose alert, beginning or end was changed, or that another key signed."""
    alert, now = fire(database), server_time(database)
    path = path_of(ack_link(alert, now))
    said, _, signature = path.rpartition(".")
    other = ack_link(alert.model_copy(update={"id": "0" * 16}), now)
    forged = [
        f"/acknowledge/{cut}",
        f"{said}.{'A' * len(signature)}",
        f"{path_of(other).rpartition('.')[0]}.{signature}",
        f"{said}0.{signature}",
        path + "A",
    ]
    for one in forged:
        answer = stranger.request(method, one, data={"who": "Mallory"} if method == "POST" else None)
        assert answer.status_code == 404, one
    assert active_alerts(database)[0].acknowledged is None


def test_a_link_ends_with_its_day_and_with_its_alert(
    database: Database[Document], linked: None, stranger: TestClient
) -> None:
    """An alert that fires anew is another one: yesterday's mail says nothing about it."""
    alert, now = fire(database), server_time(database)
    old = path_of(ack_link(alert, now - ack_links.LASTS))
    earlier = path_of(ack_link(alert.model_copy(update={"started_at": alert.started_at - HOUR}), now))
    for path, words in ((old, "too old"), (earlier, "is over")):
        for answer in (stranger.get(path), stranger.post(path, data={"who": "Asha"})):
            assert (answer.status_code, words in answer.text) == (410, True)
    assert active_alerts(database)[0].acknowledged is None


def test_nobody_acknowledges_without_a_name_or_with_a_novel(
    database: Database[Document], linked: None, stranger: TestClient
) -> None:
    """Whoever asks the others who has it is to get an answer."""
    path = path_of(ack_link(fire(database), server_time(database)))
    assert stranger.post(path, data={"who": "  "}).status_code == 422
    assert stranger.post(path, data={"who": "x" * 129}).status_code == 422
    assert stranger.post(path, data={"who": "Asha", "note": "x" * 100_000}).status_code == 413
    assert active_alerts(database)[0].acknowledged is None


def test_without_a_key_there_are_no_links(database: Database[Document], stranger: TestClient) -> None:
    """Neither in messages nor at the API."""
    email = Reader("email")
    fire(database, email)
    assert "acknowledge" not in email.titles[0].lower()
    assert stranger.get("/acknowledge/anything").status_code == 404


def test_no_log_line_holds_a_link(
    database: Database[Document], linked: None, stranger: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads the log could use it."""
    caplog.set_level(logging.DEBUG)
    path = path_of(ack_link(fire(database), server_time(database)))
    stranger.get(path)
    stranger.get(path + "A")
    said = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("voice_agent"))
    assert "/acknowledge" in said
    assert path.rpartition(".")[2] not in said


def test_a_message_about_what_is_acknowledged_or_over_has_no_link(
    database: Database[Document], linked: None
) -> None:
    """There is nothing left to say."""
    email = Reader("email")
    record(database, NOON, total=20, failed=10)
    check(NOON, email)
    record(database, NOON + HOUR, total=20, failed=0)
    check(NOON + HOUR, email)
    assert [len(set(links_in(text))) for text in email.titles] == [1, 0]


def test_a_key_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At start, with the variable's name."""
    monkeypatch.setenv("ACK_LINK_KEY", "secret")
    with pytest.raises(SettingsError, match="ACK_LINK_KEY"):
        load_settings()


def test_another_key_makes_other_links(
    database: Database[Document], linked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changing it takes all that were sent back."""
    link = ack_link(fire(database), NOON)
    assert link is not None
    token = link.rpartition("/")[2]
    assert read_token(token) is not None
    monkeypatch.setenv("ACK_LINK_KEY", KEY[::-1])
    get_settings.cache_clear()
    assert read_token(token) is None
