"""A `.env` that is half edited stops a command in one line instead of leaving a setting out."""

from pathlib import Path

import pytest

from core.settings import NAMES, SettingsError, load_settings, load_what_is_good
from core.variables.env_file import read_env_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("LOG_LEVEL=INFO\nAPI_PORT: 8001\n", "API_PORT in line 2"),
        ("API_PORT 8001\n", "API_PORT in line 1"),
        ('\r\n\r\nSMTP_PASSWORD="geheim\r\n', "SMTP_PASSWORD in line 3"),
        ("export api_port\n", "API_PORT in line 1"),
        ('OTHER="open\nAPI_PORT=8001\nLAST="x"\n', "API_PORT in line 2"),
    ],
)
def test_a_line_of_ours_that_cannot_be_read_is_named_and_costs_no_other(
    folder: Path, text: str, named: str
) -> None:
    (folder / ".env").write_bytes(f"{text}SESSION_HOURS=7\n".encode())
    with pytest.raises(SettingsError, match=named) as raised:
        load_settings()
    assert "geheim" not in str(raised.value)
    settings, problems = load_what_is_good()
    assert settings.session_hours == 7
    assert [named in str(problem) for problem in problems] == [True]


def test_a_line_of_another_program_stops_nothing_and_its_number_is_known(folder: Path) -> None:
    lines = "<<<<<<< HEAD", "API_PORT=8001", "=======", "KEY=-----BEGIN", "TUlJRXZR", ">>>>>>> other"
    (folder / ".env").write_text("\n".join(lines))
    assert load_settings().api_port == 8001
    assert read_env_file(NAMES).foreign_lines == (1, 3, 6)


def test_a_folder_in_place_of_the_file_is_no_file_without_settings(folder: Path) -> None:
    """Docker makes one for a file to mount that is not there."""
    (folder / ".env").mkdir()
    with pytest.raises(SettingsError, match=r"\.env cannot be read: it is not a regular file"):
        load_settings()


def test_of_two_pairs_the_complete_one_stays(folder: Path) -> None:
    (folder / ".env").write_text(
        "SPLUNK_HEC_URL=https://splunk.example\nSPLUNK_HEC_TOKEN=t\nSMTP_SERVER=smtp.example\n"
    )
    settings, problems = load_what_is_good()
    assert settings.splunk_hec_url == "https://splunk.example"
    assert settings.smtp_server is None
    assert ["SMTP_SERVER is set but" in str(problem) for problem in problems] == [True]


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("CALLING_HOURS", "9-21", "such as 09:00-21:00"),
        ("REPORT_DAILY_AT", "9am", "such as 09:00"),
        ("ALERT_ROTA_HAND_OVER", "Monday", "such as mon 09:00"),
        ("MONGODB_DATABASE", "a.b", "letters, digits, _ and -"),
        ("INSTALLATION_NAME", "ü", "such as staging"),
        ("STATSD_PREFIX", "1", "joined by dots"),
        ("DASHBOARD_USER_HEADER", "a b", "such as X-Forwarded-Email"),
        ("LOG_ROTATE_MB", "inf", "less than or equal to 1000000"),
        ("LOG_ROTATE_MB", "1e306", "less than or equal to 1000000"),
        ("API_PORT", '"8000"', "; it has quotes around its value"),
        ("TIMEZONE", "Asia/Kolkata ", "; it has spaces or a line end around its value"),
        ("LOG_FILE_MODE", "0000", "0200 to 0777, for example 0640"),
        ("ACK_LINK_KEY", "geheim", "must have 22 characters or more; python -c"),
        ("DASHBOARD_PUBLIC_URL", "http://", "as https://host"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_with_one_of_the_right_form(
    monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, value: str, remedy: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value).startswith(name)
    assert remedy in str(raised.value)
    assert "^" not in str(raised.value)
    assert "geheim" not in str(raised.value)
