"""The field's own programs as oracles: Prometheus's rule tester and a real Alertmanager."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def program(name: str, debian_name: str | None = None) -> Path:
    """Path of an oracle from .oracles/ or PATH; the test is skipped where it is on neither."""
    fetched = ROOT / ".oracles" / name
    if fetched.exists():
        return fetched
    for candidate in (name, debian_name):
        if candidate and (found := shutil.which(candidate)):
            return Path(found)
    pytest.skip(f"{name} is missing: run tests/oracles/fetch.sh (Debian), or put it on PATH")
