"""``python -m core users`` and ``api-keys``: what they ask, say and refuse."""

import pytest
from pymongo.database import Database
from typer.testing import CliRunner, Result

from core.access.users import check_password
from core.cli import app
from core.errors import UserError
from core.types import Document

PASSWORD = "correct horse battery"


def run(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=given)


def test_a_user_is_added_by_hand_and_by_script(database: Database[Document]) -> None:
    """The password is asked for twice and not shown; or it comes on standard input."""
    added = run("users", "add", "asha", "--role", "operator", given=f"{PASSWORD}\n{PASSWORD}\n")
    assert added.exit_code == 0
    assert "asha can sign in as operator" in added.output
    assert PASSWORD not in added.output
    assert (
        run("users", "add", "ravi", "--role", "admin", "--password-stdin", given=f"{PASSWORD}\n").exit_code
        == 0
    )
    assert check_password(database, "asha", PASSWORD)
    assert check_password(database, "ravi", PASSWORD)
    listed = run("users", "list").output
    assert all(text in listed for text in ("asha", "operator", "ravi", "admin", "yes"))


def test_users_are_changed(database: Database[Document]) -> None:
    run("users", "add", "asha", "--role", "viewer", "--password-stdin", given=f"{PASSWORD}\n")
    assert run("users", "role", "asha", "privileged").exit_code == 0
    assert run("users", "password", "asha", "--password-stdin", given="quite another one\n").exit_code == 0
    found = check_password(database, "asha", "quite another one")
    assert found
    assert found.role.label == "privileged"
    assert run("users", "disable", "asha").exit_code == 0
    assert "no: disabled" in run("users", "list").output
    assert run("users", "enable", "asha").exit_code == 0
    assert run("users", "remove", "asha").exit_code == 0
    assert "no users" in run("users", "list").output


def test_what_cannot_be_is_said(database: Database[Document]) -> None:
    for arguments, said in (
        (("users", "add", "asha", "--role", "boss", "--password-stdin"), "is not a role"),
        (("users", "add", "asha", "--role", "viewer", "--password-stdin"), "12 to 256"),
        (("users", "password", "asha"), "there is no user asha"),
        (("api-keys", "add", "grafana"), "can do nothing"),
        (("api-keys", "remove", "grafana"), "there is no key grafana"),
    ):
        failed = run(*arguments, given="short\n")
        assert isinstance(failed.exception, UserError), arguments
        assert said in str(failed.exception)
    assert database["users"].count_documents({}) == 0


def test_a_key_of_the_api_is_shown_once(database: Database[Document]) -> None:
    """Only the key goes to standard output, for scripts."""
    key = run("api-keys", "add", "grafana", "--role", "viewer", "--days", "30").stdout.strip()
    assert len(key) == 43
    assert key not in str(list(database["api_keys"].find()))
    listed = run("api-keys", "list").output
    assert "grafana" in listed
    assert "viewer" in listed
    assert key not in listed
    with pytest.raises(UserError, match="api-keys remove grafana"):
        raise run("api-keys", "add", "grafana", "--role", "admin").exception or AssertionError
    assert run("api-keys", "remove", "grafana").exit_code == 0
    assert "no keys" in run("api-keys", "list").output
