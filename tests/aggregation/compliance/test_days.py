"""A long period, checked one day at a time: the same figures and the same evidence as at once."""

import csv
import os
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pymongo.database import Database

from core.aggregation.compliance import read
from core.aggregation.compliance.days import Sums, judged_days
from core.aggregation.compliance.evidence import evidence
from core.aggregation.compliance.read import load_compliance
from core.clock import period_of_days
from core.errors import TooMuchError
from core.models.metrics import CallMetrics
from core.settings import get_settings
from core.storage.calls import write_calls
from core.types import Document
from tests import forked

FIRST, LAST = date(2026, 11, 20), date(2026, 11, 24)


@pytest.fixture
def calls(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Database[Document]:
    """Every 100 minutes a call to one of three leads, across midnights; some ask for no more, some tell."""
    monkeypatch.setenv("ATTEMPTS_PER_DAY", "3")
    monkeypatch.setenv("MINIMUM_GAP_MINUTES", "400")
    get_settings.cache_clear()
    begin = datetime(2026, 11, 19, 20, tzinfo=ZoneInfo("Asia/Kolkata")).astimezone(UTC)
    made = [
        CallMetrics.model_validate(
            {
                "call_id": f"call_{n:02d}",
                "lead_id": f"lead_{n * n % 3}",
                "start_time": begin + timedelta(minutes=100 * n),
                "status": "completed",
                "direction": "inbound" if n % 7 == 0 else "outbound",
                "duration_seconds": 60,
                "campaign": "=emi" if n % 2 else None,
                "purpose": ("sales", "recovery", None)[n % 3],
                "compliance": {"opt_out": n == 30, "disclosure_given": n % 5 > 0},
            }
        )
        for n in range(80)
    ]
    write_calls(database, made)
    return database


def test_days_add_up_to_the_whole(calls: Database[Document]) -> None:
    """Attempts, gaps and opt-outs that lie across midnight too; the newest first in both."""
    whole = load_compliance(calls, *period_of_days(FIRST, LAST))
    days = list(judged_days(calls, FIRST, LAST))
    sums = Sums()
    for judged in days:
        sums = sums.plus(judged)
    assert (sums.calls, sums.calls_in_violation) == (whole.calls, whole.calls_in_violation)
    assert sums.rules == whole.rules
    assert {one.key for one in whole.rules if one.violations} > {"attempts", "gap", "opted_out", "disclosure"}
    lines = [line for judged in days for line in evidence(judged).to_dict("records")]
    assert lines == evidence(whole).to_dict("records")


def test_a_long_period_is_checked_where_it_is_too_much_at_once(
    calls: Database[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a command that writes the evidence for its owner alone, and whose use is noted; over no file."""
    expected = evidence(load_compliance(calls, *period_of_days(FIRST, LAST)))
    monkeypatch.setattr(read, "MOST_JUDGED", 40)
    with pytest.raises(TooMuchError, match="python -m core compliance"):
        load_compliance(calls, *period_of_days(FIRST, LAST))
    assert sum(judged.calls for judged in judged_days(calls, FIRST, LAST)) > 40
    file = tmp_path / "evidence.csv"
    arguments = ["-m", "core", "compliance", f"{FIRST}..{LAST}", "--csv", str(file)]
    done = forked.run(arguments, env=os.environ, check=True)
    assert f"{len(expected):,} lines written" in done.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open(newline="") as content:
        rows = list(csv.DictReader(content))
    assert [(row["violation"], row["call_id"]) for row in rows] == list(
        zip(expected["violation"], expected["call_id"], strict=True)
    )
    assert {row["campaign"] for row in rows} == {"", "'=emi"}
    (entry,) = calls["audit"].find()
    assert (entry["action"], entry["subject"]) == ("exported", "compliance")
    assert forked.run(arguments, env=os.environ).returncode == 2
