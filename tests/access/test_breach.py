"""The report about a breach: whose data, which fields and days, and who read them."""

import csv
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import Timestamp
from pymongo.database import Database

from core.access.audit import Action, audit, lead_token
from core.access.breach import examine, of_days, read_by
from core.access.breach.scope import merged
from core.access.breach.tally import MOST_FIELDS, OTHERS, Tally
from core.access.breach.words import clocks, report_lines
from core.access.roles import Actor, Role
from core.aggregation.rollups.refresh import archive_due, refresh_rollups
from core.cli.access.breach import breach
from core.clock import utc_now
from core.errors import UserError
from core.models.metrics import TurnMetrics
from core.storage.calls import write_calls
from core.storage.recording.records import Record
from core.storage.recording.write import write
from core.types import Document
from tests.dashboard.conftest import make_call
from tests.test_cli import core

NOON = datetime(2026, 1, 10, 6, 30, tzinfo=UTC)
"""Of an Indian day."""
SINCE, UNTIL = NOON - timedelta(hours=12), NOON + timedelta(hours=36)
ASHA, PROGRAM = Actor("asha", Role.ADMIN), Actor("key 1a2b3c4d", Role.VIEWER)


def silent(_what: str, _done: int, _total: int) -> None:
    """A progress that nobody watches."""


@pytest.fixture
def stored(database: Database[Document]) -> Database[Document]:
    """Calls of four days, those of the first two archived, of three leads and of nobody."""
    calls = [
        make_call(
            number,
            NOON + timedelta(days=number // 6, minutes=number),
            lead_id=(f"lead_{number % 3}" if number % 6 else None),
            metadata={"loan": {"amount": 100 + number}} if number % 2 else {},
        )
        for number in range(24)
    ]
    write_calls(database, calls)
    turns = [TurnMetrics(call_id=f"call_{n}", turn=1, start_time=calls[n].start_time) for n in range(24)]
    write(database, [Record.now(turn) for turn in turns])
    for name in ("calls", "turns"):
        old = {"start_time": {"$lt": NOON + timedelta(days=1)}}
        database[name].update_many(old, {"$set": {"recorded_at": Timestamp(1_700_000_000, 1)}})
    refresh_rollups(database)
    archive_due(database)
    assert database["calls"].count_documents({}) == 18
    line = {"message": "x", "call_id": "call_1", "level": "INFO"}
    database["logs"].insert_many([line | {"timestamp": NOON}, {"message": "y", "timestamp": UNTIL}])
    return database


def test_a_breach_is_counted_in_database_and_archive(stored: Database[Document]) -> None:
    with Tally() as tally:
        found = examine(stored, of_days(SINCE, UNTIL), SINCE, tally, silent)
        assert (tally.calls, tally.archived, tally.leads, tally.nameless) == (12, 6, 3, 2)
        assert (found.turns, found.log_lines) == (12, 1)
        assert tally.fields["calls"]["lead_id"] == 10
        assert tally.fields["calls"]["metadata.loan.amount"] == 6
        assert "llm_latency_ms" not in tally.fields["calls"]
        assert tally.fields["logs"] == {"message": 1, "call_id": 1, "timestamp": 1}
        assert {str(day): count for day, count in tally.days.items()} == {"2026-01-10": 6, "2026-01-11": 6}
        assert [(one.lead_id, one.calls) for one in found.leads()] == [
            ("lead_0", 2),
            ("lead_1", 4),
            ("lead_2", 4),
        ]


def test_who_read_it_comes_from_the_audit_log(stored: Database[Document]) -> None:
    """What is about other calls, other days, or no reading at all is left out."""
    for call in ("call_1", "call_1", "call_8", "call_20"):
        audit(stored, ASHA, Action.VIEWED_CALL, call)
    audit(stored, ASHA, Action.CLOSED, "call_1")
    audit(stored, ASHA, Action.SEARCHED, lead_token("lead_1"))
    audit(stored, ASHA, Action.SEARCHED, lead_token("lead_9"))
    within = {"since": NOON.isoformat(), "until": (NOON + timedelta(days=9)).isoformat()}
    after = {"since": UNTIL.isoformat(), "until": (UNTIL + timedelta(days=9)).isoformat()}
    audit(stored, PROGRAM, Action.EXPORTED, "calls", **within)
    audit(stored, PROGRAM, Action.EXPORTED, "calls", **after)
    audit(stored, PROGRAM, Action.EXPORTED, "alert_history")
    audit(stored, ASHA, Action.BACKED_UP, "2026-11-25")
    with Tally() as tally:
        found = examine(stored, of_days(SINCE, UNTIL), SINCE, tally, silent)
        assert {(who, what): reads.times for (who, _, what), reads in found.reads.items()} == {
            ("asha", "viewed_call"): 3,
            ("asha", "searched"): 1,
            ("asha", "backed_up"): 1,
            ("key 1a2b3c4d", "exported"): 1,
        }
        text = "\n".join(report_lines(found, SINCE, UNTIL, NOON))
    assert "3 leads" in text
    assert "12 calls, 6 of them in the archive" in text
    assert "key 1a2b3c4d (viewer): exported" in text


def test_what_a_stolen_key_read_is_told(stored: Database[Document]) -> None:
    """One call of the archive, the days of an export, and nothing that others read or that came later."""
    began = utc_now()
    audit(stored, PROGRAM, Action.VIEWED_CALL, "call_1")
    day = {"since": (NOON + timedelta(days=3)).isoformat(), "until": (NOON + timedelta(days=4)).isoformat()}
    audit(stored, PROGRAM, Action.EXPORTED, "calls", **day)
    audit(stored, PROGRAM, Action.SEARCHED, lead_token("lead_2"))
    audit(stored, PROGRAM, Action.CLOSED, "call_9")
    audit(stored, ASHA, Action.VIEWED_CALL, "call_8")
    ended = utc_now() + timedelta(seconds=1)
    scope = read_by(stored, PROGRAM.name, began - timedelta(seconds=1), ended)
    assert (scope.calls, len(scope.periods), scope.unnamed) == (("call_1",), 1, 1)
    with Tally() as tally:
        found = examine(stored, scope, began - timedelta(seconds=1), tally, silent)
        assert (tally.calls, tally.archived, found.log_lines) == (7, 1, 1)
        assert {who for who, _, _ in found.reads} == {PROGRAM.name}
    nobody = read_by(stored, PROGRAM.name, ended, ended + timedelta(days=1))
    assert (nobody.calls, nobody.periods) == ((), ())
    audit(stored, PROGRAM, Action.BACKED_UP, "backup")
    with Tally() as tally:
        everything = read_by(stored, PROGRAM.name, began, utc_now() + timedelta(seconds=1))
        examine(stored, everything, began, tally, silent)
        assert (tally.calls, tally.archived) == (24, 6)


def test_periods_that_meet_become_one() -> None:
    hours = [NOON + timedelta(hours=number) for number in range(8)]
    pairs = [(hours[5], hours[6]), (hours[0], hours[2]), (hours[1], hours[3]), (hours[3], hours[4])]
    assert merged(pairs) == [(hours[0], hours[4]), (hours[5], hours[6])]


def test_the_two_clocks_run_from_when_it_was_noticed() -> None:
    cert, board, _ = clocks(NOON)
    assert "2026-01-10 18:00  CERT-In" in cert
    assert "2026-01-13 12:00  Data Protection Board" in board


def test_any_number_of_names_of_fields_is_bounded() -> None:
    with Tally() as tally:
        for number in range(MOST_FIELDS + 50):
            tally.add_fields("calls", {"metadata": {f"key_{number}": 1}})
        assert len(tally.fields["calls"]) == MOST_FIELDS + 1
        assert tally.fields["calls"][OTHERS] == 50


def test_the_command_writes_the_leads_for_its_owner_alone(stored: Database[Document], tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    arguments = (
        "--since",
        "2026-01-10T00:00",
        "--until",
        "2026-01-12T00:00",
        "--noticed",
        "2026-01-12T10:00",
    )
    done = core("breach", *arguments, "--csv", str(file))
    assert done.returncode == 0, done.stderr
    assert "3 leads" in done.stdout
    assert "2026-01-12 16:00  CERT-In" in done.stdout
    assert "lead_1" not in done.stdout
    rows = list(csv.DictReader(file.open()))
    assert [(row["lead_id"], row["calls"]) for row in rows] == [
        ("lead_0", "2"),
        ("lead_1", "4"),
        ("lead_2", "4"),
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    entry = stored["audit"].find_one({"action": "exported"})
    assert entry is not None
    assert (entry["subject"], entry["about"]["leads"]) == ("leads of a breach", 3)


def test_a_period_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(UserError, match="--until must be after --since"):
        breach("2026-01-10T00:00", "2026-01-09T00:00")
