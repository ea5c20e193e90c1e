"""The scheduler process: aggregates what was recorded, checks the alert rules, gives a sign of life.

A tick every second asks whether a new slot of the interval has begun: a slow job neither drifts nor is
caught up on, and a clock that is set back delays nothing.
"""

import asyncio
import os
import platform
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final

import schedule
from pymongo.errors import ConnectionFailure

from core.alerting.delivery import configured_channels
from core.alerting.rules import built_in_rules, read_rules
from core.clock import utc_now
from core.errors import UserError
from core.logging_config import flush, get_logger
from core.services.alert_service import check_and_send_alerts
from core.services.metrics_service import MetricsService
from core.settings import Settings, get_settings
from core.storage import get_database, get_sync_database
from core.storage.connection import close_all, close_connections, store_name, unavailable_text
from core.storage.indexes import ensure_indexes

TICK_SECONDS: Final = 1
RETRY_SECONDS: Final = 30.0
"""A job that failed is tried again after this long, or at its next slot if that comes earlier."""
_logger = get_logger("scheduler")


@dataclass(frozen=True)
class Job:
    """Something to do once in each slot of the interval; it raises where it fails."""

    name: str
    action: Callable[[], Awaitable[None]]


async def aggregate() -> None:
    """Recompute the days that calls recorded since the last time fall in."""
    await asyncio.to_thread(lambda: ensure_indexes(get_sync_database()))
    days = await MetricsService().aggregate_recent()
    _logger.info("Aggregated", extra={"days": [str(day) for day in days]})


async def check_alerts() -> None:
    """Check the alert rules, send what is due; the sign of life follows only where that succeeded."""
    report = await check_and_send_alerts()
    _logger.info(
        "Alerts checked",
        extra={
            "firing": [result.rule.id for result in report.firing],
            "resolved": [alert.alert_type for alert in report.resolved],
            "sent": sum(sending.delivered is True for sending in report.sendings),
            "not_sent": sum(sending.delivered is False for sending in report.sendings),
            "errors": report.errors,
        },
    )
    await beat()


async def beat() -> None:
    """Leave a sign of life, for the API and the dashboard to see."""
    heartbeat = {
        "at": utc_now(),
        "interval_seconds": get_settings().alert_check_interval_seconds,
        "pid": os.getpid(),
        "host": platform.node(),
    }
    await get_database()["heartbeats"].update_one({"_id": "scheduler"}, {"$set": heartbeat}, upsert=True)


JOBS: Final = (Job("aggregate", aggregate), Job("check_alerts", check_alerts))


class Scheduler:
    """Runs the jobs in the main thread, one after the other, until it is told to stop."""

    def __init__(self, interval_seconds: float, jobs: Sequence[Job] = JOBS) -> None:
        self._interval = interval_seconds
        self._jobs = jobs
        self._stopping = False
        self._slots: dict[str, int] = {}
        self._retry_at: dict[str, float] = {}
        self._runner = asyncio.Runner()

    def stop(self, _signal: int | None = None, _frame: FrameType | None = None) -> None:
        """Finish the job in hand, then end; good as a signal handler."""
        self._stopping = True

    def run_once(self) -> bool:
        """Run every job once; whether all of them succeeded."""
        try:
            succeeded = [self._run(job) for job in self._jobs if not self._stopping]
            return all(succeeded)
        finally:
            self._close()

    def run_forever(self) -> None:
        """Run the jobs at once and then in every slot, until ``stop`` is called."""
        try:
            plan = self._plan()
            while not self._stopping:
                plan.run_pending()
                # `schedule` counts in local time: where that was set back it would sleep until then.
                if (plan.idle_seconds or 0) > 2 * TICK_SECONDS:
                    plan = self._plan()
                time.sleep(TICK_SECONDS)
        finally:
            self._close()

    def _plan(self) -> schedule.Scheduler:
        plan = schedule.Scheduler()
        for job in self._jobs:
            plan.every(TICK_SECONDS).seconds.do(self._tick, job)
        plan.run_all()
        return plan

    def _tick(self, job: Job) -> None:
        slot = int(time.time() // self._interval)
        retry = time.monotonic() >= self._retry_at.get(job.name, float("inf"))
        if self._stopping or (self._slots.get(job.name) == slot and not retry):
            return
        self._slots[job.name] = slot
        self._retry_at.pop(job.name, None)
        if not self._run(job):
            self._retry_at[job.name] = time.monotonic() + RETRY_SECONDS

    def _run(self, job: Job) -> bool:
        """Run one job; whatever it raises is logged, so that the others go on."""
        try:
            self._runner.run(_call(job))
        except ConnectionFailure as error:
            reason = unavailable_text(error)
            _logger.error("Job failed, it is tried again", extra={"job": job.name, "reason": reason})  # noqa: TRY400
        except UserError as error:
            _logger.error("Job failed", extra={"job": job.name, "reason": str(error)})  # noqa: TRY400
        except Exception:
            _logger.exception("Job failed", extra={"job": job.name})
        else:
            return True
        return False

    def _close(self) -> None:
        self._runner.run(close_connections())
        self._runner.close()


async def _call(job: Job) -> None:
    await job.action()


def run(*, once: bool = False) -> int:
    """Run the scheduler until SIGTERM or SIGINT, or every job once; the exit code.

    Raises:
        UserError: the configuration cannot be used.
    """
    settings = get_settings()
    file = settings.alert_rules_file
    rules = read_rules(file).rules if file else built_in_rules(settings.alert_profile)
    scheduler = Scheduler(settings.alert_check_interval_seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, scheduler.stop)
    get_sync_database()  # an embedded server that cannot run is said now
    _logger.info("Scheduler started", extra=_described(settings, [rule.id for rule in rules]))
    try:
        if once:
            return 0 if scheduler.run_once() else 1
        scheduler.run_forever()
        _logger.info("Scheduler stopped")
        return 0
    finally:
        close_all()
        flush()


def _described(settings: Settings, rules: list[str]) -> dict[str, object]:
    return {
        "store": store_name(),
        "database": settings.mongodb_database,
        "timezone": settings.timezone,
        "interval_seconds": settings.alert_check_interval_seconds,
        "rules": rules,
        "channels": list(configured_channels(settings)),
    }
