"""Calls are there once they are recorded."""

import pytest

from core.settings import get_settings


@pytest.fixture(autouse=True)
def patient(clean_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recording waits for a machine that is busy with other tests, and spools nothing."""
    monkeypatch.setenv("RECORD_WAIT_SECONDS", "30")
    get_settings.cache_clear()
