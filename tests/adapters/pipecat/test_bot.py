"""A real Pipecat bot, not a line of it ours, in an environment of its own, and what arrives of it."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.storage.collections import ACTIVE_CALLS, CALLS, TURNS
from core.storage.recording.active_calls import count_active
from core.types import Document
from tests.adapters.environments import INSTALL_SECONDS, python_with, run_in
from tests.installing import ROOT

pytestmark = [pytest.mark.full, pytest.mark.timeout(INSTALL_SECONDS + 300)]
BOT = Path(__file__).with_name("bot.py")
ENDINGS = {
    "completed": ("completed", "customer_hung_up"),
    "interrupted": ("completed", "customer_hung_up"),
    "hung_up": ("completed", "customer_hung_up"),
    "cancelled": ("completed", "max_duration"),
    "failed": ("failed", "configuration"),
    "unanswered": ("no_answer", "cancelled"),
}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return python_with("pipecat", tmp_path_factory)


@pytest.fixture(scope="module")
def setup_file() -> str:
    command = [sys.executable, "-m", "core", "pipecat-setup"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def test_calls_of_every_kind_arrive_from_a_bot_that_knows_nothing_of_us(
    python: Path, setup_file: str, database: Database[Document]
) -> None:
    """Their parts make up what the lead waited, in every turn that was answered."""
    done = run_in(python, BOT, *ENDINGS, "killed", PIPECAT_SETUP_FILES=setup_file)
    assert done.returncode == -9, done.stderr
    assert not [line for line in done.stdout.splitlines() if '"level":"ERROR"' in line]

    stored = {row["_id"].removeprefix("call_"): row for row in database[CALLS].find()}
    assert {how: (row["status"], row["end_reason"]) for how, row in stored.items()} == ENDINGS
    assert stored["interrupted"]["interruptions"] == 1
    assert stored["hung_up"]["hangup_by"] == "customer"
    assert {(one["type"], one["fault"]) for one in stored["failed"]["errors"]} == {
        ("llm_authentication", "agent")
    }
    whole = stored["completed"]
    assert (whole["lead_id"], whole["campaign"], whole["language"]) == ("lead_7", "festive", "hindi")
    assert (whole["total_turns"], whole["user_turns"], whole["interruptions"]) == (3, 2, 0)
    assert {
        (one["kind"], one["model"], one.get("input_tokens"), one.get("characters")) for one in whole["usage"]
    } == {
        ("llm", "made-mind", 260, None),
        ("tts", "made-voice", None, 52),
    }

    turns = database[TURNS].find({"e2e_ms": {"$ne": None}}).to_list()
    assert {row["call_id"] for row in turns} == {
        f"call_{how}" for how in (*ENDINGS, "killed") if how not in {"failed", "unanswered"}
    }
    for turn in turns:
        assert turn["parts_add_up"], turn
        assert turn["e2e_ms"] == pytest.approx(sum(part["ms"] for part in turn["parts"]), abs=1)
        keys = [part["key"] for part in turn["parts"]]
        assert keys[:4] == ["endpointing_wait", "transcription", "turn_detection", "llm_inference"]
        assert turn["parts"][0] == {
            "key": "endpointing_wait",
            "ms": pytest.approx(200, abs=1),
            "owner": "setting",
        }
        assert 285 <= turn["asr_ms"] < 1_500
        assert 120 <= turn["llm_ttft_ms"] < 1_500
        assert 100 <= turn["tts_ttfb_ms"] < 1_500
    interrupted = database[TURNS].find({"interrupted": True}).to_list()
    assert [row["call_id"] for row in interrupted] == ["call_interrupted"]

    going_on = database[ACTIVE_CALLS].find({"ended": False}).to_list()
    assert [row["_id"] for row in going_on] == ["call_killed"]
    assert going_on[0]["seen_at"] > (utc_now() - timedelta(minutes=5)).replace(
        tzinfo=going_on[0]["seen_at"].tzinfo
    )
    assert count_active(database) in {0, 1}


def test_a_bot_talks_on_while_the_store_is_away(python: Path, setup_file: str, tmp_path: Path) -> None:
    """Its call waits on this machine's disk."""
    done = run_in(
        python,
        BOT,
        "completed",
        PIPECAT_SETUP_FILES=setup_file,
        MONGODB_URI="mongodb://127.0.0.1:1",
        DATA_DIR=str(tmp_path),
        MONGODB_DATABASE="away",
    )
    assert done.returncode == 0
    kinds = [
        line
        for file in (tmp_path / "spool" / "away").glob("*.json")
        for line in file.read_text().splitlines()
    ]
    assert sum('"calls"' in line for line in kinds) == 1
    assert sum('"turns"' in line for line in kinds) == 3


def test_a_bot_without_the_setup_file_is_not_recorded(python: Path, database: Database[Document]) -> None:
    """The other tests would see their calls then too, if they came from elsewhere."""
    assert run_in(python, BOT, "hung_up").returncode == 0
    assert database[CALLS].count_documents({}) == 0
