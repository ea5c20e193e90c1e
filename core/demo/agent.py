"""The simulated agent: makes live calls, several at a time, until stopped."""

import asyncio
import random
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta

from core.clock import utc_now
from core.demo.calls import LEADS, SimulatedAgent, live_calls_an_hour
from core.demo.lines import lines_of
from core.demo.story import story_of
from core.demo.turns import requests_of, turns_of
from core.logging_config import call_context, get_logger
from core.models.metrics import CallMetrics, TurnMetrics
from core.services.metrics_service import MetricsService

CALLS_AT_START = 8
"""Calls already in progress when the agent starts, so that the first ones end soon."""


class LiveAgent:
    """Makes calls in real time and records them as a real agent does."""

    def __init__(self, service: MetricsService) -> None:
        self._service = service
        self._rng = random.Random()  # noqa: S311 (no secret)
        self._agent = SimulatedAgent(self._rng, story_of(utc_now()), first_lead=LEADS)
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Make calls until cancelled; calls in progress are dropped, as if the agent was killed."""
        for _ in range(CALLS_AT_START):
            self._begin(utc_now() - timedelta(seconds=self._rng.uniform(0, 60)))
        while True:
            await asyncio.sleep(self._rng.expovariate(live_calls_an_hour(utc_now()) / 3600))
            self._begin(utc_now())

    def _begin(self, start: datetime) -> None:
        task = asyncio.create_task(self._hold(self._agent.next_call(start)))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _hold(self, call: CallMetrics) -> None:
        about = {name: getattr(call, name) for name in ("lead_id", "direction", "language", "campaign")}
        turns = turns_of(call, self._rng)
        with call_context(call_id=call.call_id, lead_id=call.lead_id):
            async with self._service.active_call(call.call_id, **about):
                for line in lines_of(call, turns):
                    await asyncio.sleep(max(0.0, (line.at - utc_now()).total_seconds()))
                    get_logger(line.component).log(line.level, line.message, extra=line.extra)
            await self._record(call, turns)

    async def _record(self, call: CallMetrics, turns: Sequence[TurnMetrics]) -> None:
        for turn in turns:
            await self._service.record_turn(turn)
        for sample in requests_of(call, self._rng):
            self._service.record_service_call(sample)
        await self._service.record_call_metrics(call)


async def _converse() -> None:
    stopped = asyncio.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stop, stopped.set)
    async with MetricsService() as service:
        talking = asyncio.create_task(LiveAgent(service).run())
        waiting = asyncio.create_task(stopped.wait())
        await asyncio.wait({talking, waiting}, return_when=asyncio.FIRST_COMPLETED)
        talking.cancel()
        if talking.done() and not talking.cancelled():
            talking.result()


if __name__ == "__main__":
    sys.exit(asyncio.run(_converse()))
