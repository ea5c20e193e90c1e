"""The OpenAPI document is kept to the letter, whatever a generator of requests asks."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests.api.test_routes import call

pytestmark = pytest.mark.full
KEY = "k" * 32
RULES = """
[[operations]]
include-path-regex = "/(calls|metrics/range|metrics/(daily|aggregate)/.+|silences)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 422, 429, 503]
"""
"""No document says that a range ends after it begins or which days there are: these may refuse what fits."""
OPTIONS = ("--checks", "all", "--max-examples", "25", "--continue-on-failure", "--no-color")


@pytest.fixture(params=[False, True], ids=["without keys", "with keys"])
def keys(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, database: Database[Document]
) -> list[str]:
    """Options of the generator for an API without keys, and for one with."""
    write_calls(
        database, [call(1, utc_now() - timedelta(hours=1)), call(2, datetime(2024, 10, 24, tzinfo=UTC))]
    )
    if not request.param:
        return ["--exclude-checks", "ignored_auth"]  # there is none, though the document has it
    monkeypatch.setenv("API_WRITE_KEYS", KEY)
    get_settings.cache_clear()
    return ["--header", f"X-API-Key: {KEY}"]


def test_no_request_gets_an_answer_that_the_document_does_not_allow(
    keys: list[str], served: str, tmp_path: Path
) -> None:
    """Neither a failure nor a form that a generated client could not read."""
    program = Path(sys.executable).with_name("schemathesis")
    rules = tmp_path / "schemathesis.toml"
    rules.write_text(RULES)
    done = subprocess.run(
        [program, "--config-file", rules, "run", f"{served}/openapi.json", *OPTIONS, *keys],
        cwd=tmp_path,
        env=os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
