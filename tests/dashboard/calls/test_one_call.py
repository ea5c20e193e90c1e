"""The page of one call: how it ended, its clock, what was said, its links, and who sees what."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.access.roles import Role
from core.clock import utc_now
from core.models.metrics import TurnMetrics
from core.settings import get_settings
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests.dashboard.calls.conversation import CALL, KEY, LEAD, SPOKEN, record_conversation, turns_said
from tests.dashboard.conftest import make_call, text_of
from tests.dashboard.test_roles import As, as_role

__all__ = ["as_role"]
Start = Callable[..., AppTest]


@pytest.fixture
def conversation(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Database[Document]:
    """A call with turns, what was said in them, and log lines; sealed as on a machine with a key."""
    monkeypatch.setenv("ENCRYPTION_KEYS", KEY)
    get_settings.cache_clear()
    record_conversation(database)
    return database


def pages_of(app: AppTest) -> str:
    """The HTML that stands on the page."""
    return "".join(element.proto.body for element in app.get("html"))


def opened(start: Start) -> AppTest:
    app = start("calls", call_id=CALL)
    assert not app.exception
    return app


def test_a_call_says_first_how_it_ended(conversation: Database[Document], start: Start) -> None:
    said = text_of(opened(start))
    assert "**The lead hung up after 4.6 s of silence in turn 6**" in said
    assert "1:18 min · 2 silences · 1 interruption · 2 changes of language" in said


def test_what_was_said_is_masked_and_no_markup(conversation: Database[Document], start: Start) -> None:
    """Spoken digits and spoken mail addresses too; nothing of it lies open in the store."""
    shown = pages_of(opened(start))
    assert "Around eighty thousand. My number is [spoken …3210]" in shown
    assert "send it to me at [email]" in shown
    assert "&lt;b&gt;Can we speak English?&lt;/b&gt;" in shown
    assert SPOKEN not in shown
    assert SPOKEN not in str(list(conversation["turns"].find()))


def test_lines_and_turns_that_belong_together_have_one_number(
    conversation: Database[Document], start: Start
) -> None:
    """By that the browser marks them; a line before the first turn belongs to none."""
    shown = pages_of(opened(start))
    assert '<li data-turn="2">' in shown
    assert shown.count('<tr data-turn="2"') == 2
    assert '<tr class="info"><td>-0:04.000</td><td>12:10:00.000</td><td>INFO</td>' in shown


def test_links_lead_to_recording_and_trace(conversation: Database[Document], start: Start) -> None:
    links = {one.proto.label: one.proto.url for one in opened(start).get("link_button")}
    assert links == {
        "Recording": "https://rec.example/7001",
        "Trace": "https://trace.example/7001?x=<b>",
    }


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_who_may_not_open_values_reads_the_masked_words_alone(
    conversation: Database[Document], start: Start, as_role: As, role: Role
) -> None:
    """A viewer sees neither lead, links nor log lines either; what was said is masked for both."""
    as_role(role)
    app = opened(start)
    shown = pages_of(app)
    assert "[spoken …3210]" in shown
    assert not [one for one in app.text_input if one.label == "Reason"]
    assert "the role privileged can unmask it, with a reason" in text_of(app)
    assert (
        "Turn answered" in shown,
        LEAD in text_of(app).replace("\\", ""),
        bool(app.get("link_button")),
    ) == ((role is Role.OPERATOR,) * 3)
    assert "Every attempt of this lead" in shown
    assert f"lead?call_id={CALL}" in shown
    assert LEAD not in shown


def test_who_may_unmasks_with_a_reason_and_it_is_noted(
    conversation: Database[Document], start: Start, as_role: As
) -> None:
    as_role(Role.PRIVILEGED)
    app = opened(start)
    show = next(button for button in app.button if button.label == "Show what was said")
    show.click().run()
    assert "say why" in text_of(app)
    assert SPOKEN not in pages_of(app)
    next(one for one in app.text_input if one.label == "Reason").set_value("Ticket 4711")
    next(button for button in app.button if button.label == "Show what was said").click().run()
    assert not app.exception
    assert SPOKEN in pages_of(app)
    assert "&lt;b&gt;Can we speak English?" in pages_of(app)
    (noted,) = conversation["audit"].find({"action": "decrypted"})
    assert (noted["subject"], noted["about"]["reason"]) == (CALL, "Ticket 4711")
    app.run()
    assert SPOKEN not in pages_of(app)


def test_without_a_key_the_page_says_that_nothing_was_stored(
    database: Database[Document], start: Start
) -> None:
    record_conversation(database)
    app = opened(start)
    assert "6 turns are not stored: no encryption key" in text_of(app)
    assert SPOKEN not in str(list(database["turns"].find()))


def test_a_call_whose_agent_tells_no_times_has_its_waits_all_the_same(
    database: Database[Document], start: Start
) -> None:
    record_conversation(database)
    plain = [turn.model_copy(update={"start_time": None, "transcript": None}) for turn in turns_said()]
    write(database, [Record.now(turn) for turn in plain])
    said = text_of(opened(start))
    assert "the lead waited 1,200 ms on average, longest in turn 5: 1,500 ms" in said
    assert "Call timeline" not in said
    assert "No transcript recorded" in said


def test_a_wait_that_was_not_measured_is_never_the_longest(
    database: Database[Document], start: Start
) -> None:
    """Not even of turns that took no time, as a simulated agent's."""
    write_calls(database, [make_call(1, utc_now() - timedelta(minutes=5))])
    turns = [TurnMetrics(call_id="call_1", turn=n, e2e_ms=ms) for n, ms in enumerate((None, 0.0, -0.0), 1)]
    write(database, [Record.now(turn) for turn in turns])
    app = start("calls", call_id="call_1")
    assert not app.exception
    assert "3 turns · the lead waited 0 ms on average, longest in turn 2: 0 ms" in text_of(app)
