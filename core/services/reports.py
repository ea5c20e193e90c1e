"""Prepare reports from outside for recording: costs in rupees, and the call they are about."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from core.errors import UserError
from core.logging_config import get_logger
from core.models.calls.reports import CallReport
from core.pricing import in_rupees, prices_in_force
from core.settings import get_settings
from core.storage import get_sync_database
from core.storage.recording.breaker import breaker
from core.storage.recording.joining import known_as

logger = get_logger("metrics")


def fact(report: CallReport, name: str) -> Any:  # noqa: ANN401 (of whichever type the field is)
    """Return what a report says about a field of a call; None if nothing."""
    return getattr(report.facts, name)


def not_ahead(report: CallReport, now: datetime) -> CallReport:
    """Return a report with a time no later than ``now``, by the clock of whoever receives it.

    Otherwise a report from a clock that is ahead would override all others until that time has come.
    """
    return report if report.at <= now else report.model_copy(update={"at": now})


async def prepared(reports: Iterable[CallReport]) -> list[CallReport]:
    """Return the reports with costs in rupees where PRICES_FILE has the rate, each for the call it is about.

    A report under its source's own id is changed to the call with this ``provider_call_id``. If no such call
    is stored yet, or the database is unavailable, it stays as it is and is joined later.
    """
    given = [_in_rupees(report) for report in reports]
    unknown = sorted({report.call_id for report in given if not report.known_call})
    if not unknown or breaker.is_open():
        return given
    known = await asyncio.to_thread(_known, unknown)
    return [
        report.model_copy(update={"call_id": known[report.call_id], "known_call": True})
        if not report.known_call and report.call_id in known
        else report
        for report in given
    ]


def _known(ids: Iterable[str]) -> dict[str, str]:
    found = {}
    try:
        with pymongo.timeout(get_settings().record_wait_seconds):
            for one in ids:
                if (call_id := known_as(get_sync_database(), one)) is not None:
                    found[one] = call_id
    except (PyMongoError, UserError) as error:
        logger.info("Calls are joined later", extra={"reason": type(error).__name__})
    return found


def _in_rupees(report: CallReport) -> CallReport:
    cost = fact(report, "cost")
    if cost is None or not cost.origins:
        return report
    try:
        cost = in_rupees(cost, prices_in_force())
    except UserError as error:
        logger.warning("Cost without a rate", extra={"call_id": report.call_id, "reason": str(error)})
        return report
    return report.model_copy(update={"facts": report.facts.model_copy(update={"cost": cost})})
