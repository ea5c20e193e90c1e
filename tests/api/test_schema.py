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
from tests.api import generated
from tests.api.test_routes import call

pytestmark = pytest.mark.full
KEY = "k" * 32
RULES = f"""
hooks = "{generated.__file__}"

[phases.stateful]
generation.max-examples = 6

[[operations]]
include-path-regex = "/(calls|compliance|metrics/range|metrics/(daily|aggregate)/.+|silences)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 422, 429, 503]

[[operations]]
include-path-regex = "^/api/v1/(calls|turns|service-calls|active-calls)$"
checks.negative_data_rejection.expected-statuses = [202, 400, 401, 403, 408, 413, 415, 422, 429, 503]
"""
"""No document says that a range ends after it begins or which days there are: these may refuse what fits.

Of several items the good ones are taken, and the others named: that is a 202 too.
"""
RIGHT_KEY = ("--header", f"X-API-Key: {KEY}")


@pytest.fixture
def _calls(database: Database[Document]) -> None:
    write_calls(
        database, [call(1, utc_now() - timedelta(hours=1)), call(2, datetime(2024, 10, 24, tzinfo=UTC))]
    )


@pytest.fixture
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_WRITE_KEYS", KEY)
    get_settings.cache_clear()


def ask(served: str, folder: Path, *options: str) -> None:
    """Send what the generator makes of the document, and fail at the first answer that it does not allow."""
    program = Path(sys.executable).with_name("schemathesis")
    rules = folder / "schemathesis.toml"
    rules.write_text(RULES)
    done = subprocess.run(
        [program, "--config-file", rules, "run", f"{served}/openapi.json", "--no-color", *options],
        cwd=folder,
        env=os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder)},
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]


ANYTHING = (
    *("--exclude-checks", "ignored_auth", "--continue-on-failure"),
    *("--suppress-health-check", "all"),  # they are about the speed of the generator
    *("--seed", os.environ.get("SCHEMA_SEED", "1")),  # another one asks other things
)
"""Whatever chance makes comes on top of the phase of coverage: each bound, type and absence in the document,
for every operation. A few examples find what it cannot, values that only together are wrong."""


@pytest.mark.usefixtures("_calls")
def test_no_request_gets_an_answer_that_the_document_does_not_allow(served: str, tmp_path: Path) -> None:
    """Neither a failure nor a form that a generated client could not read."""
    ask(served, tmp_path, *ANYTHING, "--max-examples", "12")


@pytest.mark.usefixtures("_calls", "_keys")
def test_nor_does_one_with_a_key(served: str, tmp_path: Path) -> None:
    """The same questions: what a key changes is who is let in, and that is decided before any is read."""
    ask(served, tmp_path, *ANYTHING, "--max-examples", "3", *RIGHT_KEY)


@pytest.mark.usefixtures("_calls", "_keys")
def test_no_operation_answers_without_the_key_that_the_document_asks_for(served: str, tmp_path: Path) -> None:
    """Apart from the others, as after some wrong keys all that is answered is that there were too many.

    What was answered well is asked again without the key, and with a wrong one: nothing wrong is asked.
    """
    alone = (
        "--checks",
        "ignored_auth",
        "--mode",
        "positive",
        "--phases",
        "coverage,fuzzing",
        "--max-examples",
        "2",
    )
    ask(served, tmp_path, *alone, *RIGHT_KEY)
