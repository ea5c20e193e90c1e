"""What is kept, how long, and whether that is what the profile asks for."""

from datetime import timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.doctor.result import State
from core.doctor.retention import matrix, retention, what_is_true
from core.models.metrics import CallMetrics
from core.settings import Settings, get_settings
from core.storage.calls import write_calls
from core.storage.collections import LOGS
from core.types import Document


def chosen(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    return get_settings()


def said(database: Database[Document]) -> list[tuple[State, str]]:
    return [(one.state, one.text) for one in retention(database, get_settings())]


def test_without_a_profile_all_is_as_before(database: Database[Document]) -> None:
    kept = {one.what: one.words for one in matrix(get_settings())}
    assert kept["Calls and turns"] == "90 days"
    assert kept["Log lines in the database"] == "not kept"
    ((state, text),) = said(database)
    assert state is State.OK
    assert text.startswith("profile default: calls and turns 90 days")


def test_the_profile_keeps_all_as_long_as_it_asks_for(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By itself: nothing else has to be set."""
    log = str(tmp_path / "agent.log")
    settings = chosen(
        monkeypatch, RETENTION_PROFILE="India", LOG_TO_DATABASE="1", LOG_FILE=log, LOG_ROTATE_HOURS="24"
    )
    assert (settings.raw_retention_days, settings.log_database_days, settings.log_rotate_keep) == (365,) * 3
    ((state, _),) = said(database)
    assert state is State.OK


@pytest.mark.parametrize(
    ("setting", "state", "text"),
    [
        ({"RAW_RETENTION_DAYS": "90"}, State.FAIL, "Calls and turns: 90 days, less than 365"),
        (
            {"LOG_TO_DATABASE": "1", "LOG_DATABASE_DAYS": "7"},
            State.FAIL,
            "Log lines in the database: 7 days, less than 365",
        ),
        (
            {"LOG_FILE": "/x/y.log", "LOG_ROTATE_HOURS": "24", "LOG_ROTATE_KEEP": "30"},
            State.FAIL,
            "Log lines in files: 30 days, less than 365",
        ),
        ({"LOG_FILE": "/x/y.log", "LOG_ROTATE_MB": "100"}, State.WARN, "Log lines in files: unknown whether"),
    ],
)
def test_what_is_set_by_hand_against_the_profile_is_said(
    database: Database[Document],
    monkeypatch: pytest.MonkeyPatch,
    setting: dict[str, str],
    state: State,
    text: str,
) -> None:
    """And counts: the profile sets only what is not set."""
    chosen(monkeypatch, RETENTION_PROFILE="india", **setting)
    ((found, words),) = said(database)
    assert found is state
    assert words.startswith(text)


def test_what_the_database_does_is_held_against_what_is_set(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index of log lines may be from before a setting was changed; the oldest record is found."""
    settings = chosen(monkeypatch, LOG_TO_DATABASE="1", LOG_DATABASE_DAYS="30")
    database[LOGS].create_index([("timestamp", 1)], expireAfterSeconds=7 * 86_400)
    start = utc_now().replace(microsecond=0) - timedelta(days=40)
    usual = {"status": "completed", "direction": "outbound", "duration_seconds": 1}
    write_calls(database, [CallMetrics.model_validate({"call_id": "a", "start_time": start, **usual})])
    kept = {one.what: one for one in what_is_true(database, settings)}
    assert kept["Calls and turns"].oldest == start
    assert kept["Messages that were sent"].in_force == 90
    assert said(database) == [
        (
            State.WARN,
            "Log lines in the database: 30 days are set, but the database deletes after 7",
        )
    ]
