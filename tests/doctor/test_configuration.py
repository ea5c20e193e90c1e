"""Variables that do nothing are found: misspelt ones, other words for ours, and empty promises."""

from pathlib import Path

import pytest

from core.doctor import computer
from core.doctor.result import State


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


@pytest.mark.parametrize(
    "name", ["HOME", "PATH", "LANG", "DJANGO_SECRET_KEY", "SMTP_RETRY_AFTER", "USER_AGENT"]
)
def test_a_variable_of_another_program_is_no_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """There are many of them."""
    assert said(monkeypatch, tmp_path, f"{name}=x") == []
