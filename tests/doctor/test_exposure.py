"""Settings that give something away are said, each with what it means."""

from pathlib import Path

import pytest

from core import peers
from core.doctor.exposure import _WITH_SECRETS, exposure
from core.doctor.result import State
from core.settings import Settings, get_settings

SECRET = "mango71mango71mango71mango71"


def said(monkeypatch: pytest.MonkeyPatch, folder: Path, env: dict[str, str]) -> list[str]:
    monkeypatch.chdir(folder)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    findings = list(exposure(get_settings()))
    assert all(found.state is State.WARN and found.remedy for found in findings)
    return [f"{found.name}: {found.text}" for found in findings]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
@pytest.mark.parametrize(
    "name", ["SPLUNK_HEC_TOKEN", "SCHEDULER_PING_URL", "API_KEYS", "API_WRITE_KEYS", "MONGODB_URI"]
)
def test_a_file_with_secrets_that_others_can_read_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int, name: str
) -> None:
    """By the names alone, never with a value."""
    value = f"mongodb://u:{SECRET}@127.0.0.1/" if name == "MONGODB_URI" else f"https://x.example/{SECRET}"
    file = tmp_path / ".env"
    file.write_text(f"{name}={value}\nTIMEZONE=Asia/Kolkata\n")
    file.chmod(mode)
    (line,) = said(monkeypatch, tmp_path, {})
    assert line.startswith("secrets: ")
    assert str(file) in line
    assert name in line
    assert SECRET not in line
    file.chmod(0o600)
    assert said(monkeypatch, tmp_path, {}) == []


def test_a_file_without_secrets_may_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A time zone is nobody's secret."""
    (tmp_path / ".env").write_text("TIMEZONE=Asia/Kolkata\nSMTP_PASSWORD=\n")
    (tmp_path / ".env").chmod(0o644)
    assert said(monkeypatch, tmp_path, {}) == []


@pytest.mark.parametrize(
    ("env", "begins"),
    [
        ({"MONGODB_ALLOW_INSECURE": "1"}, ["protection: MONGODB_ALLOW_INSECURE is on: calls"]),
        ({"ALERT_ALLOW_INSECURE": "true"}, ["protection: ALERT_ALLOW_INSECURE is on: alerts"]),
        (
            {"LOG_MASK_OFF": "phone,email"},
            ["masking: LOG_MASK_OFF has phone", "masking: LOG_MASK_OFF has email"],
        ),
        ({"LOG_FILE": "/x/y.log", "LOG_FILE_MODE": "0644"}, ["protection: LOG_FILE_MODE 0644"]),
        ({"LOG_FILE": "/x/y.log", "LOG_FILE_MODE": "0640"}, ["protection: LOG_FILE_MODE 0640: its group"]),
        ({"LOG_FILE": "/x/y.log", "LOG_FILE_MODE": "0600"}, []),
        ({"MONGODB_URI": "mongodb://127.0.0.1:27017"}, ["protection: MONGODB_URI has no credentials"]),
        ({"MONGODB_URI": "mongodb://localhost"}, ["protection: MONGODB_URI has no credentials"]),
        ({"MONGODB_URI": "mongodb://u:p@127.0.0.1:27017"}, []),
        ({"MONGODB_URI": "mongodb://%2Frun%2Fmongodb.sock"}, []),
        (
            {"MONGODB_URI": "mongodb://u:p@db.example/?tls=true&tlsInsecure=true"},
            ["protection: MONGODB_URI has tlsInsecure"],
        ),
        ({"API_REQUESTS_PER_MINUTE": "0"}, ["protection: API_REQUESTS_PER_MINUTE is 0"]),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318"},
            ["protection: figures and headers go to collector.example unencrypted"],
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, []),
        ({"API_KEYS": SECRET}, []),
        (
            {"DASHBOARD_PUBLIC_URL": "https://calls.example"},
            ["protection: users of this machine can bypass the proxy"],
        ),
        ({"DASHBOARD_PUBLIC_URL": "https://calls.example", "DASHBOARD_PROXY_USER": "nobody"}, []),
        ({"DASHBOARD_PUBLIC_URL": "http://localhost:3000"}, []),
    ],
)
def test_each_protection_that_is_off_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, env: dict[str, str], begins: list[str]
) -> None:
    """One line for each, and none where all is as it comes."""
    lines = said(monkeypatch, tmp_path, env)
    assert len(lines) == len(begins)
    assert all(line.startswith(begin) for line, begin in zip(lines, begins, strict=True))


def test_every_secret_of_the_settings_is_known() -> None:
    """One that is added is looked for in files, too."""
    secret = {name.upper() for name, one in Settings.model_fields.items() if "Secret" in str(one.annotation)}
    assert secret <= set(_WITH_SECRETS)


def test_where_the_kernel_does_not_tell_users_apart_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of the API where it has no keys, of the dashboard always."""
    monkeypatch.setattr(peers, "KERNEL_TELLS", False)
    every = "protection: every user of this machine can open the dashboard"
    without, with_keys = said(monkeypatch, tmp_path, {}), said(monkeypatch, tmp_path, {"API_KEYS": SECRET})
    assert [line.startswith(every) for line in without] == [False, True]
    assert [line.startswith(every) for line in with_keys] == [True]
