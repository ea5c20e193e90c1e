"""The scheduler process: the one that holds the lease runs the jobs, each once per slot.

A tick every second checks whether a new slot has begun. When each job last succeeded is stored in the
database, so a slow job neither drifts nor piles up, a restart forgets nothing, and all times are the database
server's.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import FrameType
from typing import Final

import schedule
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, PyMongoError

from core.alerting.channels.configured import configured_channels
from core.alerting.rules.builtin import built_in_rules
from core.alerting.rules.rule_store import rules_in_force
from core.alerting.rules.toml_file import read_rules
from core.clock import utc_now
from core.errors import UserError
from core.logging_config import flush, get_logger
from core.scheduler.jobs import Job, all_jobs
from core.scheduler.journal import HalfRestoredError, Journal
from core.scheduler.timetable import Every, is_due
from core.settings import Settings, get_settings
from core.storage import get_sync_database
from core.storage.server.connection import (
    close_all,
    close_connections,
    is_shut_out,
    store_name,
    unavailable_text,
)
from core.storage.server.leases import Held, Lease, LeaseKeeper
from core.types import Document

TICK_SECONDS: Final = 1
LEASE_SECONDS: Final = 30.0
"""A scheduler that was killed is replaced after this long."""
RETRY_SECONDS: Final = 30.0
"""A failed job is tried again after this long, or at its next slot if that comes earlier."""
MISSED_WORTH_SAYING: Final = timedelta(minutes=15)
CLOCK_WORTH_SAYING: Final = timedelta(seconds=5)
logger = get_logger("scheduler")


class Runner:
    """Runs the jobs of one lane on one thread, one after the other."""

    def __init__(self, database: Database[Document], jobs: Sequence[Job], keeper: LeaseKeeper) -> None:
        self._journal = Journal(database)
        self._jobs = jobs
        self._keeper = keeper
        self._stopping = False
        self._retry_at: dict[str, tuple[int | None, float]] = {}
        self._loop = asyncio.Runner()

    def stop(self) -> None:
        """Finish the current job, then end."""
        self._stopping = True

    def run_all(self) -> bool:
        """Run every job now; return whether all succeeded."""
        try:
            held = self._keeper.held()
        except PyMongoError as error:
            self._say_failed("lease", error)
            return False
        if held is None:
            logger.info("Another scheduler is at work: nothing to do")
            return True
        succeeded = [self._run(job, held, self._slot(job, held)) for job in self._jobs if not self._stopping]
        return all(succeeded)

    def run_forever(self) -> None:
        """Run what is due, at once and then in every slot, until ``stop`` is called."""
        plan = self._plan()
        while not self._stopping:
            plan.run_pending()
            # `schedule` counts in local time: if that was set back, it would sleep until the old time comes
            # again.
            if (plan.idle_seconds or 0) > 2 * TICK_SECONDS:
                plan = self._plan()
            time.sleep(TICK_SECONDS / 4)

    def close(self) -> None:
        """Close what the jobs opened."""
        self._loop.run(close_connections())
        self._loop.close()

    def _plan(self) -> schedule.Scheduler:
        plan = schedule.Scheduler()
        for job in self._jobs:
            plan.every(TICK_SECONDS).seconds.do(self._tick, job)
        plan.run_all()
        return plan

    def _tick(self, job: Job) -> None:
        failed_in, retry_at = self._retry_at.get(job.name, (None, 0.0))
        waits = time.monotonic() < retry_at
        if self._stopping or (waits and failed_in is None):
            return
        slot = None
        try:
            held = self._keeper.held()
            if held is None:
                return
            slot = self._slot(job, held)
            if waits and slot == failed_in:
                return
            last = self._journal.last_slot(job.name, _now(held))
        except Exception as error:  # noqa: BLE001 (the lane goes on, whatever it is)
            self._failed(job, slot, error)
            return
        if is_due(slot, last):
            self._say_missed(job, held)
            self._run(job, held, slot)

    def _slot(self, job: Job, held: Held) -> int:
        return job.when.slot(_now(held))

    def _say_missed(self, job: Job, held: Held) -> None:
        """Say how long a job did not run; its slots do not tell, as the interval may have been another."""
        if not (job.says_missed and isinstance(job.when, Every)):
            return
        with suppress(PyMongoError):
            if (at := self._journal.succeeded_at(job.name)) is None:
                return
            missed = _now(held) - at - timedelta(seconds=job.when.seconds)
            if missed > MISSED_WORTH_SAYING:
                extra = {"job": job.name, "missed_minutes": round(missed.total_seconds() / 60)}
                logger.warning(
                    "No scheduler was at work for a while; only the present is looked at", extra=extra
                )

    def _run(self, job: Job, held: Held, slot: int) -> bool:
        """Run one job; log whatever it raises, so that the others continue."""
        self._retry_at.pop(job.name, None)
        try:
            self._journal.refuse_half_a_store()
            self._loop.run(_call(job))
            self._note(job, held, slot)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 (the other jobs have their turn)
            self._failed(job, slot, error)
            return False
        return True

    def _note(self, job: Job, held: Held, slot: int) -> None:
        """Record the slot, unless a scheduler of a later term has.

        If this one still holds the lease, the row of a later term came with a backup: a restored store counts
        terms from the beginning.
        """
        if self._journal.succeeded(job.name, slot, held.term):
            return
        now = self._keeper.held()
        if now is not None and now.term == held.term:
            self._journal.forget(job.name)
            self._journal.succeeded(job.name, slot, held.term)
        else:
            logger.warning("Another scheduler took over meanwhile", extra={"job": job.name})

    def _failed(self, job: Job, slot: int | None, error: BaseException) -> None:
        self._retry_at[job.name] = slot, time.monotonic() + RETRY_SECONDS
        self._say_failed(job.name, error)
        if not isinstance(error, ConnectionFailure | HalfRestoredError):
            with suppress(PyMongoError):  # already logged
                self._journal.failed(job.name, type(error).__name__)

    @staticmethod
    def _say_failed(job: str, error: BaseException) -> None:
        if isinstance(error, PyMongoError) and (isinstance(error, ConnectionFailure) or is_shut_out(error)):
            reason = unavailable_text(error)
            logger.error("Job failed, it is tried again", extra={"job": job, "reason": reason})
        elif isinstance(error, UserError):
            logger.error("Job failed", extra={"job": job, "reason": str(error)})
        else:
            logger.error("Job failed", extra={"job": job}, exc_info=error)


def _now(held: Held) -> datetime:
    """Return the database server's time."""
    return utc_now() + held.clock_ahead


async def _call(job: Job) -> None:
    await job.action()


class Scheduler:
    """The lease, and one thread for each lane of jobs."""

    def __init__(self, jobs: Sequence[Job], *, lease_seconds: float = LEASE_SECONDS) -> None:
        database = get_sync_database()
        self._keeper = LeaseKeeper(Lease(database, "scheduler", lease_seconds))
        lanes = dict.fromkeys(job.lane for job in jobs)
        self._runners = [
            Runner(database, [job for job in jobs if job.lane == lane], self._keeper) for lane in lanes
        ]

    def stop(self, _signal: int | None = None, _frame: FrameType | None = None) -> None:
        """Finish the current jobs, then end; usable as a signal handler."""
        for runner in self._runners:
            runner.stop()

    def run_once(self) -> bool:
        """Run every job once, unless another scheduler is at work; return whether all succeeded."""
        self._keeper.start()
        try:
            succeeded = [runner.run_all() for runner in self._runners]
            return all(succeeded)
        finally:
            self._close()

    def run_forever(self) -> None:
        """Run each job in its slots until ``stop`` is called, whenever this scheduler holds the lease."""
        self._keeper.start()
        threads = [threading.Thread(target=runner.run_forever, daemon=True) for runner in self._runners]
        try:
            for thread in threads:
                thread.start()
            leading = None
            while any(thread.is_alive() for thread in threads):
                leading = self._say_changes(leading=leading)
                time.sleep(TICK_SECONDS / 4)
        finally:
            self.stop()
            for thread in threads:
                thread.join()
            self._close()

    def _say_changes(self, *, leading: bool | None) -> bool | None:
        try:
            held = self._keeper.held()
        except PyMongoError:
            return leading
        if held is not None and not leading:
            logger.info("This scheduler is at work", extra={"term": held.term})
            if abs(held.clock_ahead) > CLOCK_WORTH_SAYING:
                ahead = round(held.clock_ahead.total_seconds(), 1)
                logger.warning("The database's clock is another; slots go by it", extra={"ahead_s": ahead})
        elif held is None and leading is not False:
            words = "lost the lease: another is at work" if leading else "stands by: another is at work"
            logger.info("This scheduler %s", words)
        return held is not None

    def _close(self) -> None:
        self._keeper.stop()
        for runner in self._runners:
            runner.close()


def run_scheduler(*, once: bool) -> int:
    """Run the scheduler until SIGTERM or SIGINT, or every job once; return the exit code.

    Raises:
        UserError: the configuration is invalid.
    """
    settings = get_settings()
    rules = _rules()
    scheduler = Scheduler(all_jobs())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, scheduler.stop)
    logger.info("Scheduler started", extra=_described(settings, rules))
    try:
        if once:
            return 0 if scheduler.run_once() else 1
        scheduler.run_forever()
        logger.info("Scheduler stopped")
        return 0
    finally:
        close_all()
        flush()


def _rules() -> list[str]:
    """Return the ids of the rules known without the database; refuses a file that can never be used."""
    settings = get_settings()
    if settings.alert_rules_file is None:
        return [rule.id for rule in built_in_rules(settings.alert_profile)]
    try:
        return [rule.id for rule in read_rules(settings.alert_rules_file).rules]
    except UserError as error:
        try:
            kept = [rule.id for rule in rules_in_force(get_sync_database()).rules]
        except PyMongoError:
            kept = []  # whether there are any will be known once the database is back
        extra = {"reason": str(error), "rules": kept}
        logger.error("The rules file cannot be used; the last good rules stay in force", extra=extra)  # noqa: TRY400 (the reason is enough)
        return kept


def _described(settings: Settings, rules: list[str]) -> dict[str, object]:
    return {
        "store": store_name(),
        "database": settings.mongodb_database,
        "timezone": settings.timezone,
        "interval_seconds": settings.alert_check_interval_seconds,
        "rules": rules,
        "channels": list(configured_channels(settings)),
    }
