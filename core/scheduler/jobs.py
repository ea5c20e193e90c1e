"""What the scheduler does, and when."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

import httpx2

from core.access.audit.prune import prune
from core.alerting.channels.configured import configured_channels
from core.alerting.channels.post import keep_quiet
from core.alerting.notify.acknowledged import tell_acknowledgements
from core.alerting.notify.custom_alerts import tell_ends
from core.alerting.notify.sender import Delivery, deliver_due
from core.logging_config import get_logger
from core.reporting.due import Sending
from core.scheduler.heartbeat import beat
from core.scheduler.journal import ROLL_UPS
from core.scheduler.timetable import Every, Nightly, Timetable
from core.services.alert_service import check_and_send_alerts
from core.services.metrics_service import MetricsService
from core.settings import Settings, get_settings
from core.storage import get_database, get_sync_database
from core.storage.collections import ensure_indexes
from core.storage.server.connection import server_time_async

ROLL_UP_EVERY_SECONDS = 60
OUTBOX_EVERY_SECONDS = 5
EXPORT_EVERY_SECONDS = 60
ERASE_LATE_EVERY_SECONDS = 3_600
DAILY_AFTER_MIDNIGHT = timedelta(minutes=5)
ERASE_AFTER_MIDNIGHT = timedelta(minutes=30)
ARCHIVE_AFTER_MIDNIGHT = timedelta(hours=2, minutes=30)
AUDIT_AFTER_MIDNIGHT = timedelta(hours=2, minutes=45)
COPY_AFTER_MIDNIGHT = timedelta(minutes=15)
COPIED_DAYS = 90
"""How many days Explore's copy covers in advance; older days are copied when somebody opens them."""
PING_TIMEOUT_SECONDS = 5.0
logger = get_logger("scheduler")

Lane = Literal["minute", "outbox", "night", "export", "report"]
"""Jobs of one lane run one after the other, so that no archive, mail server or other system delays a check.
"""


@dataclass(frozen=True)
class Job:
    """Something to do once in each slot of its timetable; it raises if it fails."""

    name: str
    action: Callable[[], Awaitable[None]]
    when: Timetable
    lane: Lane = "minute"
    says_missed: bool = False
    """Whether to warn if it has not run for more than 15 minutes."""


def all_jobs() -> tuple[Job, ...]:
    """Return the jobs of this configuration, in the order they run."""
    settings = get_settings()
    checks = Every(settings.alert_check_interval_seconds)
    exports = {"statsd": (settings.statsd_host, statsd), "otlp": (settings.otel_exporter_otlp_endpoint, otlp)}
    return (
        Job(ROLL_UPS, roll_up, Every(ROLL_UP_EVERY_SECONDS)),
        Job("totals", totals, Every(ROLL_UP_EVERY_SECONDS)),
        Job("check_alerts", check_alerts, checks, says_missed=True),
        Job("outbox", outbox, Every(OUTBOX_EVERY_SECONDS), "outbox"),
        Job("daily_figures", daily_figures, Nightly(DAILY_AFTER_MIDNIGHT, settings.tz), "night"),
        Job("columnar", copy_days, Nightly(COPY_AFTER_MIDNIGHT, settings.tz), "night"),
        Job("erase_late", erase_late, Every(ERASE_LATE_EVERY_SECONDS), "night"),
        Job("erase_due", erase_due, Nightly(ERASE_AFTER_MIDNIGHT, settings.tz), "night"),
        Job("archive", archive, Nightly(ARCHIVE_AFTER_MIDNIGHT, settings.tz), "night"),
        Job("audit", prune_audit, Nightly(AUDIT_AFTER_MIDNIGHT, settings.tz), "night"),
        *(
            Job(f"report_{name}", partial(report, sending), sending, "report")
            for name, sending in _reports(settings).items()
        ),
        *(
            Job(name, action, Every(EXPORT_EVERY_SECONDS), "export")
            for name, (address, action) in exports.items()
            if address
        ),
    )


def _reports(settings: Settings) -> dict[str, Sending]:
    """Return when reports go out; empty if none is configured."""
    given = {"daily": settings.report_daily_at, "weekly": settings.report_weekly_on}
    return {name: Sending.parse(text, settings.tz) for name, text in given.items() if text}


async def report(sending: Sending) -> None:
    """Send the report that is due, except to those who have it already."""
    from core.reporting.message import report_message  # noqa: PLC0415 (pandas takes a while to load)
    from core.reporting.read import read_report  # noqa: PLC0415 (pandas takes a while to load)
    from core.reporting.send import send_report  # noqa: PLC0415 (pandas takes a while to load)

    # By the server's clock, which the slot is of: by one that is behind, it would still be the day before.
    span = sending.span(await server_time_async(get_database()))
    channels = configured_channels(get_settings())
    if span is None or not channels:
        return
    message = report_message(await asyncio.to_thread(lambda: read_report(get_sync_database(), span)))
    sent = await send_report(get_database(), span, message, channels)
    logger.info("Report sent", extra={"report": span.key, "recipients": sent})


async def roll_up() -> None:
    """Bring roll-ups and the figures of changed days up to date."""
    await asyncio.to_thread(lambda: ensure_indexes(get_sync_database()))
    days = await MetricsService().aggregate_recent()
    logger.info("Aggregated", extra={"days": [str(day) for day in days]})


async def totals() -> None:
    """Add what was rolled up to the totals that counters are read from."""
    from core.exporting.totals import advance_totals  # noqa: PLC0415 (pandas takes a while to load)

    await asyncio.to_thread(lambda: advance_totals(get_sync_database()))


async def statsd() -> None:
    """Send figures to STATSD_HOST."""
    from core.exporting.statsd import send_statsd  # noqa: PLC0415 (pandas takes a while to load)

    await asyncio.to_thread(lambda: send_statsd(get_sync_database()))


async def otlp() -> None:
    """Send figures to OTEL_EXPORTER_OTLP_ENDPOINT."""
    from core.exporting.otlp import send_otlp  # noqa: PLC0415 (pandas takes a while to load)

    await asyncio.to_thread(lambda: send_otlp(get_sync_database()))


async def check_alerts() -> None:
    """Check the alert rules and send what is due; the heartbeat follows only if that succeeded."""
    report = await check_and_send_alerts()
    logger.info(
        "Alerts checked",
        extra={
            "firing": [result.rule.id for result in report.firing],
            "resolved": [alert.alert_type for alert in report.resolved],
            "sent": sum(sending.delivered == Delivery.SENT for sending in report.sendings),
            "not_sent": sum(sending.delivered == Delivery.FAILED for sending in report.sendings),
            "waiting": sum(sending.delivered == Delivery.WAITS for sending in report.sendings),
            "errors": report.errors,
            "notes": report.notes,
        },
    )
    await beat(report.channels)
    await _ping()


async def outbox() -> None:
    """Notify channels of what people did to alerts, and send the messages that are due."""
    database, channels = get_database(), configured_channels(get_settings())
    await tell_ends(database, channels)
    await tell_acknowledgements(database, channels)
    sent = await deliver_due(database, channels)
    if sent:
        logger.info("Alerts sent", extra={"messages": sent})


async def _ping() -> None:
    """Tell an external watchdog that the scheduler is alive; the address is a secret.

    Its answer is not read: one without an end must not hold up the next check.
    """
    url = get_settings().scheduler_ping_url
    if url is None:
        return
    keep_quiet()
    try:
        async with (
            asyncio.timeout(3 * PING_TIMEOUT_SECONDS),
            httpx2.AsyncClient(timeout=PING_TIMEOUT_SECONDS) as client,
            client.stream("GET", url.get_secret_value()) as answer,
        ):
            answer.raise_for_status()
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
        logger.warning("SCHEDULER_PING_URL was not reached", extra={"reason": type(error).__name__})


async def daily_figures() -> None:
    """Store yesterday's figures, even if there were no calls."""
    now = await server_time_async(get_database())
    yesterday = now.astimezone(get_settings().tz).date() - timedelta(days=1)
    figures = await MetricsService().aggregate_daily_metrics(yesterday)
    logger.info("Day closed", extra={"day": str(yesterday), "calls": figures.total_calls})


async def copy_days() -> None:
    """Bring the columnar copy for Explore up to date."""
    from core.aggregation.columnar.copy import copy_closed_days  # noqa: PLC0415 (pandas takes a while to load)

    copied = await asyncio.to_thread(lambda: copy_closed_days(get_sync_database(), COPIED_DAYS))
    if copied:
        logger.info("Days copied", extra={"days": copied})


async def erase_due() -> None:
    """Erase the hidden leads that had to be kept until yesterday."""
    from core.erasure import erase_due as erase  # noqa: PLC0415 (pyarrow takes a while to load)

    if erased := await asyncio.to_thread(lambda: erase(get_sync_database())):
        logger.info("Hidden leads erased", extra={"leads": erased})


async def erase_late() -> None:
    """Erase what arrived for calls and leads after their erasure."""
    from core.erasure import erase_late as erase  # noqa: PLC0415 (pyarrow takes a while to load)

    await asyncio.to_thread(lambda: erase(get_sync_database()))


async def archive() -> None:
    """Move what is older than RAW_RETENTION_DAYS to the archive."""
    from core.aggregation.rollups.refresh import archive_due  # noqa: PLC0415 (pandas takes a while to load)

    moved = await asyncio.to_thread(lambda: archive_due(get_sync_database()))
    logger.info("Archived", extra={"records": sum(due.rows for due in moved)})


async def prune_audit() -> None:
    """Delete entries of the audit log that are older than AUDIT_DAYS."""
    deleted = await asyncio.to_thread(lambda: prune(get_sync_database()))
    if deleted:
        logger.info("Audit log pruned", extra={"entries": deleted})
