"""The simulated agent: a past to look at, then live calls until it is stopped."""

import asyncio
import random
import signal
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from pymongo.database import Database

from core.aggregation.live import last_call_ended_at
from core.clock import utc_now
from core.demo.calls import INCIDENT_LASTS, LIVE_CALLS_AN_HOUR, SimulatedAgent
from core.logging_config import call_context, get_logger
from core.models.metrics import CallMetrics
from core.services.metrics_service import MetricsService
from core.storage.calls import write_calls
from core.storage.connection import Document

HISTORY = timedelta(days=14)
BATCH = 2_000
logger = get_logger("telephony")


def fill_history(database: Database[Document]) -> int:
    """Write the calls since the newest one stored, at most 14 days; how many there were."""
    now = utc_now()
    newest = last_call_ended_at(database)
    start = max(newest, now - HISTORY) if newest else now - HISTORY
    past = _new_agent(now).history(start, now)
    written = 0
    while batch := list(islice(past, BATCH)):
        written += write_calls(database, batch).inserted
    return written


def _new_agent(now: datetime) -> SimulatedAgent:
    # An incident is under way when the demo starts, so that there is an alert to see.
    return SimulatedAgent(random.Random(), now - INCIDENT_LASTS + timedelta(minutes=3))  # noqa: S311 (no secret)


def _live_calls(agent: SimulatedAgent) -> Iterator[tuple[float, CallMetrics]]:
    """Pauses in seconds, and the call that ends after each."""
    while True:
        pause = agent.rng.expovariate(LIVE_CALLS_AN_HOUR / 3600)
        ends = utc_now() + timedelta(seconds=pause)
        draft = agent.call(ends)
        start = ends - timedelta(seconds=draft.duration_seconds or 0)
        yield pause, CallMetrics.model_validate(draft.model_dump() | {"start_time": start, "end_time": ends})


async def _converse() -> None:
    stopped = asyncio.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stop, stopped.set)
    service = MetricsService()
    for pause, call in _live_calls(_new_agent(utc_now())):
        try:
            await asyncio.wait_for(stopped.wait(), timeout=pause)
        except TimeoutError:
            await _finish(service, call)
        else:
            return


async def _finish(service: MetricsService, call: CallMetrics) -> None:
    with call_context(call_id=call.call_id, lead_id=call.lead_id):
        logger.info("Call ended", extra={"status": call.status, "duration": call.duration_seconds})
        await service.record_call_metrics(call)


if __name__ == "__main__":
    sys.exit(asyncio.run(_converse()))
