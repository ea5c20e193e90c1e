"""Variables that do nothing are found: misspelt ones, other words for ours, and empty promises."""

from pathlib import Path

import pytest

from core.doctor import computer
from core.doctor.result import State
from core.settings import get_settings


def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str) -> list[str]:
    """What doctor remarks on a line of .env."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(line + "\n")
    name = line.partition("=")[0]
    findings = [
        one for one in computer.configuration() if one.state is State.WARN and one.text.startswith(name)
    ]
    return [f"{one.text} -> {one.remedy}" for one in findings]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SMTP_HOST", "SMTP_SERVER"),
        ("SMTP_SERVR", "SMTP_SERVER"),
        ("SMTP_USER", "SMTP_USERNAME"),
        ("SMTP_PASS", "SMTP_PASSWORD"),
        ("MONGO_URL", "MONGODB_URI"),
        ("MONGODB_URL", "MONGODB_URI"),
        ("MONGO_DB", "MONGODB_DATABASE"),
        ("EMAIL_TO", "ALERT_EMAIL_TO"),
        ("ALERT_MAIL_RECIPIENTS", "ALERT_EMAIL_TO"),
        ("SLACK_WEBHOOK", "SLACK_WEBHOOK_URL"),
        ("API_KEY", "API_KEYS"),
        ("DATA_FOLDER", "DATA_DIR"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("RETENTION_DAYS", "RAW_RETENTION_DAYS"),
    ],
)
def test_a_variable_by_another_name_is_asked_about(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, meant: str
) -> None:
    """The same meant in other words, or misspelt."""
    monkeypatch.delenv(meant, raising=False)
    assert said(monkeypatch, tmp_path, f"{name}=x") == [
        f"{name} is not one of our variables -> did you mean {meant}?"
    ]


@pytest.mark.parametrize("name", ["DASHBOARD_USERS"])
def test_a_promise_that_is_not_kept_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Who sets it believes himself protected."""
    (remark,) = said(monkeypatch, tmp_path, f"{name}=x")
    assert remark.startswith(f"{name} has no effect: ")
    assert "take the variable out" in remark


def test_lines_of_the_file_that_do_nothing_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("API_PORT=8001\n=====\nAPI_PORT=8002\n")
    found = [f"{one.text} -> {one.remedy}" for one in computer.configuration() if one.state is State.WARN]
    assert found[:2] == [
        "line 2 of .env cannot be read -> write NAME=value, or # in front",
        "lines 1, 3 of .env set API_PORT; the last one counts -> keep one of them",
    ]


@pytest.mark.parametrize(("value", "marks"), [('"geheim"', "quotes"), ("geheim\n", "spaces or a line end")])
def test_what_stands_around_a_value_and_is_part_of_it_is_said(
    monkeypatch: pytest.MonkeyPatch, value: str, marks: str
) -> None:
    """Docker's --env-file keeps quotes, and files of secrets end in a line end."""
    monkeypatch.setenv("SMTP_PASSWORD", value)
    found = [one.text for one in computer.configuration()]
    assert f"SMTP_PASSWORD has {marks} around its value, which are part of it" in found
    assert not any("geheim" in text for text in found)


@pytest.mark.parametrize(
    "name", ["HOME", "PATH", "LANG", "DJANGO_SECRET_KEY", "SMTP_RETRY_AFTER", "USER_AGENT"]
)
def test_a_variable_of_another_program_is_no_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """There are many of them."""
    assert said(monkeypatch, tmp_path, f"{name}=x") == []


@pytest.mark.parametrize(
    ("env", "idle"),
    [
        ({"LOG_ROTATE_MB": "5", "LOG_DATABASE_DAYS": "9"}, {"LOG_ROTATE_MB", "LOG_DATABASE_DAYS"}),
        ({"LOG_FILE": "agent.log", "LOG_ROTATE_KEEP": "3"}, {"LOG_ROTATE_KEEP"}),
        ({"LOG_FILE": "agent.log", "LOG_ROTATE_KEEP": "3", "LOG_ROTATE_MB": "5"}, set()),
        ({"DASHBOARD_ROLES": "*=viewer", "SESSION_HOURS": "8"}, {"DASHBOARD_ROLES", "SESSION_HOURS"}),
        ({"DASHBOARD_SIGN_IN": "users", "SESSION_HOURS": "8"}, set()),
        ({"STATSD_PORT": "", "LOG_LEVEL": "INFO"}, set()),
        ({"RETENTION_PROFILE": "india"}, set()),
    ],
)
def test_a_variable_that_lacks_another_one_is_said_to_do_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, env: dict[str, str], idle: set[str]
) -> None:
    """With what it lacks; what a profile sets is nobody's slip."""
    monkeypatch.chdir(tmp_path)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    found = [one for one in computer.configuration() if "has no effect as it is" in one.text]
    assert {one.text.partition(" ")[0] for one in found} == idle
    assert all(" too, or take it out" in one.remedy for one in found)
