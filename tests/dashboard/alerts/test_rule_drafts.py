"""What is typed into the rule editor is neither scolded too early nor lost."""

from collections.abc import Callable

from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.alerting.rules.builtin import BUILT_IN_RULES
from core.types import Document
from tests.dashboard.conftest import text_of

Start = Callable[..., AppTest]


def test_an_unsaved_rule_is_there_after_a_look_at_another_view(
    database: Database[Document], start: Start
) -> None:
    """The boxes keep what was typed, and the editor says that it is not saved."""
    rule = BUILT_IN_RULES[0]
    box = f"edit-{rule.id}-{rule.metric}-critical"
    app = start("alerts", view="Rules")
    assert "Unsaved changes" not in text_of(app)
    app.number_input(key=box).set_value(4.0).run()
    assert "Unsaved changes" in text_of(app)
    app.segmented_control(key="view").set_value("History").run()
    app.segmented_control(key="view").set_value("Rules").run()
    assert not app.exception
    assert app.number_input(key=box).value == 4.0


def test_a_new_rule_greets_without_an_error(database: Database[Document], start: Start) -> None:
    """Before anything is typed the editor says what it needs, in calm words."""
    app = start("alerts", view="Rules", rule="new rule")
    assert not app.exception
    assert not app.error
    assert "Give the new rule an ID" in text_of(app)


def test_the_answer_to_save_is_seen_wherever_the_button_is(
    database: Database[Document], start: Start
) -> None:
    """Without a name the rule is not saved, and a message over the page says so."""
    rule = BUILT_IN_RULES[0]
    app = start("alerts", view="Rules")
    app.number_input(key=f"edit-{rule.id}-{rule.metric}-critical").set_value(4.0).run()
    app.button(key="save-rule").click().run()
    assert "Enter your name" in "".join(element.value for element in app.toast)
