"""Calls of two versions of the agent."""

from datetime import timedelta

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.storage.calls import write_calls
from core.types import Document
from tests.dashboard.conftest import make_call


@pytest.fixture
def calls(database: Database[Document]) -> Database[Document]:
    """600 calls of two versions in turn: the new one qualifies 4 of 5 leads, the old one 1 of 5."""
    now = utc_now()
    write_calls(
        database,
        [
            make_call(
                number,
                now - timedelta(minutes=2 * number + 1),
                agent_version=f"2.{number % 2}",
                qualification_completed=(number // 2) % 5 < (4 if number % 2 else 1),
                e2e_latency_ms=1000 + (number * 7919) % 400,
                cost={"llm": 1.0 + number % 2, "asr": 0.5 + number % 7 / 100},
            )
            for number in range(600)
        ],
    )
    return database
