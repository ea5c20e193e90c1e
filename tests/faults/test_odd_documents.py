"""Any stored document may have any field of any type, as other tools and versions leave it: nothing stops."""

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.errors import BSONError
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from core.models.calls.reports import CallReport
from core.models.metrics import CallMetrics, ServiceSample, TurnMetrics
from core.scheduler.jobs import all_jobs
from core.services.alert_service import AlertService
from core.services.metrics_service import MetricsService
from core.settings import get_settings
from core.storage.collections import LOGS
from core.storage.server.connection import close_connections
from core.types import Document
from tests.api.conftest import from_this_machine

ODD: tuple[object, ...] = (
    None,
    7,
    "x",
    [],
    {"a": 1},
    [1],
    -1.5e300,
    True,
    datetime(9999, 1, 1, tzinfo=UTC),
    b"\0",
    "unset",
)
PERSON = {"phone": "97011 55238", "customer": {"name": "Meera Pillai"}}
PATHS = (
    "/readyz",
    "/metrics",
    "/api/v1/alerts",
    "/api/v1/silences",
    "/api/v1/rules",
    "/api/v1/analytics/metrics",
    "/api/v1/analytics/alerts",
    "/api/v1/analytics/calls?start_date={day}",
    "/api/v1/analytics/metrics/range?start_date={day}",
    "/api/v1/analytics/compliance?start_date={day}",
)


async def record(name: str, minutes_ago: int = 1, **fields: Any) -> None:
    service, at = MetricsService(), datetime.now(UTC) - timedelta(minutes=minutes_ago)
    usual = {"lead_id": "lead_1", "duration_seconds": 20, "status": "failed", "direction": "outbound"}
    await service.call_started(f"{name}-active", lead_id="lead_1")
    await service.record_call_metrics(
        CallMetrics(call_id=name, start_time=at, metadata=PERSON, **{**usual, **fields})
    )
    await service.record_turn(TurnMetrics(call_id=name, turn=1, start_time=at, transcript="yes", e2e_ms=900))
    facts = {"cost": {"telephony": 1.5}}
    await service.record_call_report(
        CallReport.model_validate({"call_id": name, "source": "exotel", "role": "carrier", "facts": facts})
    )
    service.record_service_call(ServiceSample(service="api", operation="GET /x", duration_ms=5))
    await close_connections()


@pytest.fixture
def lived_in(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> Database[Document]:
    """A store in which every part of the program has left something."""
    monkeypatch.setenv("ENCRYPTION_KEYS", f"old:{'A' * 43}")
    monkeypatch.setenv("RECORD_TRANSCRIPTS", "1")
    get_settings.cache_clear()
    for number in range(12):
        asyncio.run(record(f"call_{number}", number))
    asyncio.run(AlertService().send_alert("crm", "critical", "CRM is away"))
    for _ in range(2):
        everything_runs()
    return database


def everything_runs() -> None:
    async def run(action: Any) -> None:
        try:
            await action()
        finally:
            await close_connections()

    for job in all_jobs():
        asyncio.run(run(job.action))


def mutated(database: Database[Document], rng: random.Random) -> tuple[str, Document, str, object] | None:
    """Change one field of one document; return where, and the document as it was."""
    names = sorted(name for name in database.list_collection_names() if name != LOGS)
    name = rng.choice([one for one in names if not one.startswith("system.")])
    documents = list(database[name].find().sort("_id", 1).limit(50))
    if not documents:
        return None
    before = inner = rng.choice(documents)
    path: list[str] = []
    while isinstance(inner, dict) and inner and (not path or rng.random() < 0.5):
        path.append(rng.choice(sorted(inner)))
        inner = inner[path[-1]]
    if path[0] == "_id":
        return None
    value, where = rng.choice(ODD), ".".join(path)
    change = {"$unset": {where: ""}} if value == "unset" else {"$set": {where: value}}
    try:
        database[name].update_one({"_id": before["_id"]}, change)
    except (PyMongoError, BSONError):
        return None  # the store itself refuses it
    return name, before, where, value


@pytest.mark.full
@pytest.mark.parametrize("seed", range(4))
def test_jobs_recording_and_the_api_go_on(lived_in: Database[Document], seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (no secret)
    day = datetime.now(get_settings().tz).date()
    with from_this_machine() as client:
        for number in range(25):
            changed = [one for _ in range(3) if (one := mutated(lived_in, rng)) is not None]
            told = [(name, before["_id"], where, value) for name, before, where, value in changed]
            asyncio.run(record(f"later_{seed}_{number}"))
            assert lived_in["calls"].find_one({"_id": f"later_{seed}_{number}"}), told
            try:
                everything_runs()
            except Exception as error:
                raise AssertionError(f"a job failed after {told}") from error
            for path in PATHS:
                answer = client.get(path.format(day=day))
                assert answer.status_code < 500, (path, told)
            for name, before, *_ in reversed(changed):
                with suppress(DuplicateKeyError):  # another has taken its place
                    lived_in[name].replace_one({"_id": before["_id"]}, before, upsert=True)
