"""What the store is asked, held against what MongoDB allows on sharded collections; no mongos is at hand."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from core.aggregation.rollups.refresh import refresh_rollups
from core.models.metrics import ServiceSample, TurnMetrics
from core.services.metrics_service import MetricsService
from core.storage.calls import delete_calls, write_calls
from core.storage.collections import CALLS, INDEXES, LOGS, SERVICE_MINUTES, TURNS
from core.storage.server.connection import close_connections
from core.types import Document
from tests.storage.archive.test_mover import START, call, recorded_long_ago
from tests.test_cli import core

SHARD_KEYS: dict[str, Document] = {
    CALLS: {"_id": "hashed"},
    TURNS: {"_id": "hashed"},
    SERVICE_MINUTES: {"_id": "hashed"},
    LOGS: {"call_id": "hashed"},
}
"""As docs/scaling.md recommends. MongoDB keeps ``_id`` unique across shards only as their key."""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def profiled(database: Database[Document]) -> Iterator[Database[Document]]:
    """The server writes down every operation of this database, whichever process asks for it."""
    database.create_collection("system.profile", capped=True, size=64 * 2**20)
    database.command("profile", 2)
    yield database
    database.command("profile", 0)


async def record() -> None:
    """What agents do, with a call corrected on the way."""
    service = MetricsService()
    async with service:
        await service.call_started("call_1", lead_id="lead_1")
        await service.record_turn(TurnMetrics(call_id="call_1", turn=1, start_time=START))
        await service.record_turn(TurnMetrics(call_id="call_1", turn=1, start_time=START, asr_ms=9))
        await service.record_call_metrics(call(1))
        await service.record_call_metrics(call(1, status="failed"))
        await service.call_ended("call_1")
        service.record_service_call(ServiceSample(service="deepgram", operation="listen", duration_ms=12))
    await close_connections()


@pytest.mark.full
def test_every_write_suits_a_sharded_cluster(profiled: Database[Document]) -> None:
    asyncio.run(record())
    recorded_long_ago(profiled, [call(number) for number in range(60)])
    refresh_rollups(profiled)
    assert core("archive").returncode == 0
    write_calls(profiled, [call(3, status="failed")])  # archived: it is taken back
    refresh_rollups(profiled)
    delete_calls(profiled, {"_id": "call_3"})
    write_calls(profiled, [call(7)])
    assert core("erase-lead", "lead_7", "--yes").returncode == 0
    subprocess.run([sys.executable, "run_scheduler.py", "--once"], cwd=ROOT, check=True, timeout=60)
    asked = [row for row in profiled["system.profile"].find() if _sharded(row)]
    kinds = {(row["op"], row["ns"].partition(".")[2]) for row in asked}
    assert kinds >= {
        *(("insert", name) for name in ("calls", "turns", "service_minutes")),
        *(("update", name) for name in ("calls", "turns")),
        *(("remove", name) for name in ("calls", "turns")),
        *(("query", name) for name in ("calls", "turns")),
    }
    assert [row for row in asked if not _allowed(row["op"], row["command"], _key(row))] == []


def _sharded(row: Mapping[str, Any]) -> bool:
    return row["ns"].partition(".")[2] in SHARD_KEYS


def _key(row: Mapping[str, Any]) -> str:
    return next(iter(SHARD_KEYS[row["ns"].partition(".")[2]]))


def _allowed(op: str, command: Mapping[str, Any], key: str) -> bool:
    """The restrictions of MongoDB 6.0's manual, Operational Restrictions in Sharded Clusters."""
    if op == "update":
        return _exact(command, key) or (bool(command["multi"]) and not command.get("upsert"))
    if op == "remove":
        return _exact(command, key) or command["limit"] == 0
    stages = {name for stage in command.get("pipeline", ()) for name in stage}
    return "findAndModify" not in command and not stages & {"$lookup", "$merge", "$out", "$unionWith"}


def _exact(command: Mapping[str, Any], key: str) -> bool:
    return key in command["q"] and not isinstance(command["q"][key], Mapping)


def test_only_its_id_is_unique_in_a_sharded_collection_and_the_guide_names_the_keys() -> None:
    unique = [name for name in SHARD_KEYS for index in INDEXES.get(name, []) if index.document.get("unique")]
    assert unique == []
    guide = (ROOT / "docs" / "scaling.md").read_text()
    for name, key in SHARD_KEYS.items():
        fields = ", ".join(f'{field}: "{kind}"' for field, kind in key.items())
        assert f'sh.shardCollection("voice_agent.{name}", {{ {fields} }})' in guide
