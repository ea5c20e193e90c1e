"""What each role sees and does on the pages: what is not offered is refused as well."""

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import streamlit as st
from pymongo.database import Database
from streamlit.testing.v1 import AppTest

from core.access.permissions import LEAST, Permission, may
from core.access.reveal import reveal
from core.access.roles import Role
from core.access.sessions import begin_session
from core.access.users import add_user, set_disabled, set_role
from core.aggregation.drift import Drift
from core.alerting import actions as store_actions
from core.alerting.rules.builtin import BUILT_IN_RULES
from core.alerting.state.lifecycle import to_alert
from core.clock import local_today, utc_now
from core.models.alerts import Alert
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from dashboard import visitor
from dashboard.alerts import actions, channels, rule_editor
from dashboard.explore import saved
from dashboard.sign_in.cookies import cookie_name
from dashboard.sign_in.door import SignedInOnly
from dashboard.system import health
from tests.dashboard.alerts.test_alerts import keep
from tests.dashboard.conftest import ROOT, calls_listed, make_call, text_of

Start = Callable[..., AppTest]
As = Callable[[Role], str]
PHONE = "+919812345678"
PASSWORD = "correct horse battery"


@pytest.fixture
def as_role(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> As:
    """Sign in as a user of a role, whose name is that of the role; the browser sends its cookie."""
    monkeypatch.setenv("DASHBOARD_SIGN_IN", "users")
    get_settings.cache_clear()
    monkeypatch.setattr(SignedInOnly, "installed", True)

    def sign_in(role: Role) -> str:
        token = begin_session(database, add_user(database, role.label, role, PASSWORD))
        cookies = property(lambda _context: {cookie_name(): token})
        monkeypatch.setattr(type(st.context), "cookies", cookies)
        return token

    return sign_in


@pytest.fixture
def store(database: Database[Document]) -> Database[Document]:
    """An alert that fires, a silence, and a call with personal data and a log line."""
    keep(database, "burning")
    later = utc_now() + timedelta(days=1)
    store_actions.silence(database, {"rule": ["x"]}, utc_now(), later, "asha", "maintenance")
    fields = {"lead_id": PHONE, "metadata": {"name": "Asha Rao"}}
    write_calls(database, [make_call(n, utc_now() - timedelta(minutes=5 + n), **fields) for n in range(2)])
    line = {"timestamp": utc_now(), "level": "INFO", "component": "llm", "message": "Namaste, Asha Rao"}
    database["logs"].insert_one({**line, "call_id": "call_0"})
    return database


def acknowledge(database: Database[Document]) -> None:
    st.session_state.update({"k-who": "somebody else", "k-why": ""})
    actions._acknowledge(alert(database), "k")


def withdraw(database: Database[Document]) -> None:
    actions._withdraw(alert(database))


def close(database: Database[Document]) -> None:
    actions.close(alert(database))


def silence(database: Database[Document]) -> None:
    st.session_state.update({"k-who": "x", "k-why": "why", "k-for": "1 hour", "k-until": None})
    actions._silence({"rule": ["y"]}, "k")


def end_silence(database: Database[Document]) -> None:
    [row] = database["silences"].find({"matchers.rule": "x"})
    actions.end_silence(row["_id"])


def send_again(database: Database[Document]) -> None:
    actions.send_again("none", "a message")


def save_rule(database: Database[Document]) -> None:
    rule_editor._save(BUILT_IN_RULES[0].model_copy(update={"name": "Renamed"}))


def delete_rule(database: Database[Document]) -> None:
    rule_editor._delete(BUILT_IN_RULES[0].id)


def save_view(database: Database[Document]) -> None:
    st.session_state["view-name"] = f"View {database['saved_views'].count_documents({})}"
    saved.save()


def rename_view(database: Database[Document]) -> None:
    st.session_state["new-name"] = "Another name"
    saved.rename("v", "new-name")


def delete_view(database: Database[Document]) -> None:
    saved.delete("v", "A view")


def try_channel(database: Database[Document]) -> None:
    channels._test("email")


def roll_up_again(database: Database[Document]) -> None:
    health._repair(Drift(local_today(), 0, 0, ()))


def export(database: Database[Document]) -> None:
    visitor.later(Permission.EXPORT_CALLS)()


def decrypt(database: Database[Document]) -> None:
    reveal(database, visitor.require(Permission.DECRYPT), "call_0", "metadata.phone", "a test")


DONE: dict[Callable[[Database[Document]], None], Permission] = {
    acknowledge: Permission.ACKNOWLEDGE,
    withdraw: Permission.ACKNOWLEDGE,
    close: Permission.CLOSE,
    silence: Permission.SILENCE,
    end_silence: Permission.SILENCE,
    send_again: Permission.SEND_AGAIN,
    save_rule: Permission.CHANGE_RULES,
    delete_rule: Permission.CHANGE_RULES,
    save_view: Permission.SAVE_VIEWS,
    rename_view: Permission.SAVE_VIEWS,
    delete_view: Permission.SAVE_VIEWS,
    try_channel: Permission.TEST_CHANNELS,
    roll_up_again: Permission.RECOMPUTE,
    export: Permission.EXPORT_CALLS,
    decrypt: Permission.DECRYPT,
}
"""Everything that a page does, and as what."""
doing: list[Callable[[], None]] = []
"""What the script below does."""


def alert(database: Database[Document]) -> Alert:
    row = database["alerts"].find_one({"_id": "burning"})
    assert row
    return to_alert(row)


def script() -> None:
    import streamlit

    from core.errors import UserError
    from tests.dashboard.test_roles import doing

    try:
        doing[-1]()
    except UserError as error:
        streamlit.error(str(error))


def told(act: Callable[[], None]) -> str:
    """What the reader is told after an action, by the page itself or above it."""
    doing.append(act)
    app = AppTest.from_function(script, default_timeout=30).run()
    assert not app.exception
    answer = actions.SAID in app.session_state and app.session_state[actions.SAID]
    return " ".join([str(answer), *(one.value for one in (*app.error, *app.toast))])


def stored(database: Database[Document]) -> dict[str, list[Document]]:
    names = ("alerts", "alert_events", "silences", "rules", "outbox", "rollups_daily", "saved_views")
    return {name: list(database[name].find()) for name in names}


def test_every_action_is_tried() -> None:
    assert {*DONE.values()} == {*Permission} - {
        Permission.READ,
        Permission.SEE_PERSONAL,
        Permission.SEE_AUDIT,
    }


@pytest.mark.parametrize("action", DONE, ids=lambda action: action.__name__)
def test_an_action_is_done_by_whoever_may_and_refused_to_others(
    action: Callable[[Database[Document]], None], store: Database[Document], as_role: As
) -> None:
    """Whatever the page offered: a request can be made by hand."""
    for role in Role:
        as_role(role)
        before = stored(store)
        said = told(lambda: action(store))
        assert ("may not" in said) is not may(role, DONE[action]), (role, said)
        if not may(role, DONE[action]):
            assert LEAST[DONE[action]].label in said or "any more" in said
            assert stored(store) == before
        store["alerts"].update_one({"_id": "burning"}, {"$set": {"state": "firing"}})
        store["silences"].update_many({}, {"$set": {"end": utc_now() + timedelta(days=1)}})


def test_what_is_done_is_done_in_the_name_of_who_has_signed_in(
    store: Database[Document], as_role: As
) -> None:
    """A name that is typed, or sent by hand, counts for nothing."""
    as_role(Role.OPERATOR)
    for act in (acknowledge, withdraw, silence, save_rule, close):
        told(lambda act=act: act(store))  # type: ignore[misc] # bound at once
    authors = {row["author"] for row in store["alert_events"].find({"author": {"$exists": True}})}
    authors |= {row["author"] for row in store["silences"].find({"matchers.rule": "y"})}
    assert authors == {"operator"}
    assert [row["author"] for row in store["rules"].find()] == ["operator"]


def test_who_is_signed_out_does_nothing_more(store: Database[Document], as_role: As) -> None:
    """Between two clicks on a page that is still open."""
    as_role(Role.ADMIN)
    set_disabled(store, "admin", disabled=True)
    before = stored(store)
    for action in DONE:
        assert "signed out" in told(lambda action=action: action(store))  # type: ignore[misc] # bound at once
    assert stored(store) == before


def test_a_viewer_is_offered_nothing_to_change(store: Database[Document], start: Start, as_role: As) -> None:
    """And reads why; an operator is offered all of it."""
    offered = {}
    for role in (Role.VIEWER, Role.OPERATOR):
        as_role(role)
        keys: set[str] = set()
        for view in ("Now", "Rules", "Silences"):
            app = start("alerts", view=view)
            assert not app.exception
            assert ("may not acknowledge alerts" in text_of(app)) is (role is Role.VIEWER)
            keys |= {str(one.key) for one in (*app.button, *app.text_input) if one.key}
        offered[role] = keys
    changing = {"close-burning", "ack-burning-why", "silence-burning-why", "save-rule", "silence-values"}
    assert changing <= offered[Role.OPERATOR]
    assert not changing & offered[Role.VIEWER]
    assert not any(key.startswith("end-") for key in offered[Role.VIEWER])
    assert "rule-who" not in offered[Role.OPERATOR], "who signs in types no name"


def test_a_viewer_sees_calls_without_personal_data(
    store: Database[Document], start: Start, as_role: As
) -> None:
    """On the page of a call, in the list and its search: of whom it was, only that it was the same lead."""
    for role in (Role.OPERATOR, Role.VIEWER):
        as_role(role)
        sees = role is Role.OPERATOR
        app = start("calls", call_id="call_0")
        whole = text_of(app) + "".join(element.proto.body for element in app.get("html"))
        assert (PHONE in whole.replace("\\", ""), "Namaste" in whole) == (sees, sees)
        assert ("lead-" in whole.replace("\\", "")) is not sees
        assert "other-call_1" in {button.key for button in app.button}, "the lead's other call"
        listed = start("calls")
        page = "".join(element.proto.body for element in listed.get("html"))
        assert (PHONE in page, "lead-" in page) == (sees, not sees)
        assert calls_listed(start("calls", q=PHONE)) == (["call_0", "call_1"] if sees else [])
        assert calls_listed(start("calls", q="call_0")) == ["call_0"]


def test_lists_of_calls_are_files_for_the_privileged_alone(
    store: Database[Document], start: Start, as_role: As
) -> None:
    for role in Role:
        as_role(role)
        keys = {button.key for button in start("calls").get("download_button")}
        assert ("csv-calls" in keys) is may(role, Permission.EXPORT_CALLS)


def test_the_page_says_who_has_signed_in_and_when_no_more(
    store: Database[Document], start: Start, as_role: As
) -> None:
    """A change of the role ends the session while the page is open: it shows nothing any more."""
    as_role(Role.OPERATOR)
    app = start()
    assert "operator" in " ".join(caption.value for caption in app.sidebar.caption)
    assert "Completed" in text_of(app) or len(app.metric) > 0
    set_role(store, "operator", Role.VIEWER)
    app.run()
    assert app.title[0].value == "Signed out"
    assert not app.metric
    assert not app.dataframe
    assert not app.button


def test_signing_out_ends_the_session(store: Database[Document], start: Start, as_role: As) -> None:
    as_role(Role.VIEWER)
    app = start()
    app.button(key="sign-out").click().run()
    assert app.title[0].value == "Signed out"
    assert store["sessions"].count_documents({}) == 0


def test_without_the_door_nobody_is_let_in(
    store: Database[Document], start: Start, as_role: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`streamlit run` has none: with sign-in on it says how to start instead."""
    as_role(Role.ADMIN)
    monkeypatch.setattr(SignedInOnly, "installed", False)
    app = start()
    assert "python -m dashboard" in app.error[0].value
    assert not app.metric


WRITERS = {
    *("core.alerting.actions", "core.alerting.rules.rule_store", "core.alerting.notify.outbox"),
    *("core.services.alert_service", "core.aggregation.daily", "core.storage.saved_views"),
}
"""What pages change things by."""
ASKING = {
    *("dashboard/alerts/actions.py", "dashboard/alerts/rule_editor.py", "dashboard/alerts/channels.py"),
    "dashboard/explore/saved.py",
}
READING = {f"dashboard/queries/{name}_queries.py" for name in ("alert", "explore", "system")}


def test_no_page_changes_anything_that_does_not_ask_first() -> None:
    """Another module that changes something belongs among the actions above."""
    importing = {
        str(file.relative_to(ROOT))
        for folder in ("dashboard", "pages")
        for file in Path(ROOT, folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if {node.module, f"{node.module}.{name.name}"} & WRITERS
    }
    assert importing - READING == ASKING
