"""A sign of an active call that no document can hold holds up nothing else."""

import asyncio
from typing import Any

import pytest
from pymongo.database import Database

from core.services.metrics_service import MetricsService
from core.services.sync_metrics_service import SyncMetricsService
from core.storage.recording.active_calls import (
    alive,
    count_active,
    count_active_by_direction,
    list_active,
    signal_active,
)
from core.storage.recording.breaker import breaker
from core.storage.recording.spool import spool_status
from core.storage.server.connection import close_connections
from core.types import Document
from tests.services.test_metrics_service import call

UNFIT: list[Any] = ["\ud800", 2**70, {"$or": 1}, object()]


@pytest.mark.parametrize("call_id", UNFIT, ids=lambda value: type(value).__name__)
def test_calls_are_stored_as_before(
    database: Database[Document], caplog: pytest.LogCaptureFixture, call_id: Any
) -> None:
    """With and without an event loop; the log says what became of the sign, and nothing goes to the spool."""

    async def heard() -> None:
        service = MetricsService()
        await service.call_started("first")
        await service.call_heartbeat(call_id)
        await service.record_call_metrics(call("after"))
        await close_connections()

    asyncio.run(heard())
    SyncMetricsService().call_heartbeat(call_id)
    assert not breaker.is_open()
    assert database["calls"].count_documents({"_id": "after"}) == 1
    assert spool_status().waiting == 0
    said = [one.message for one in caplog.records if "active call" in one.message.lower()]
    assert said == ["An active call is not counted: it cannot be stored"] * 2


def test_the_others_of_a_batch_count(database: Database[Document]) -> None:
    async def heard() -> bool:
        changes = [alive(one) for one in ("a", "\ud800", "b", {"$or": 1}, "c")]  # type: ignore[arg-type]
        done = await signal_active(None, *changes)
        await close_connections()
        return done

    assert asyncio.run(heard())
    assert count_active(database) == 3


def test_a_row_that_another_tool_wrote_keeps_no_other_from_being_counted(
    database: Database[Document],
) -> None:
    SyncMetricsService().call_started("good", direction="inbound")
    odd: list[Document] = [*({"seen_at": seen_at} for seen_at in ("yesterday", 5, None)), {}]
    database["active_calls"].insert_many([{"ended": False, **row} for row in odd])
    assert count_active(database) == 1
    assert count_active_by_direction(database) == {"inbound": 1}
    assert [one.call_id for one in list_active(database)] == ["good"]
