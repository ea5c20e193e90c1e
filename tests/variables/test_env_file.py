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
    lines = "        ("ACK_LINK_KEY", "geheim", "must have 22 characters or more; python -c"),
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
