"""The state of the system as gauges: what is active, waiting and lost, and how far figures are behind."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from pymongo.database import Database

from core import __version__
from core.alerting.state.alert_store import active_alerts
from core.exporting.catalogue import Exported
from core.health import SystemHealth, system_health
from core.models.alerts import Severity
from core.models.metrics import Direction
from core.models.outbox import OutboxState
from core.storage.recording.active_calls import count_active_by_direction
from core.storage.recording.processes import ProcessHealth
from core.types import Document

Samples = Mapping[tuple[str, ...], float]
"""Values by label values; without labels the key is ``()``."""
_TOLD = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.DEAD)


def _gauge(name: str, meaning: str, *labels: str) -> Exported:
    return Exported(name, "gauge", meaning, labels)


ACTIVE_CALLS = _gauge("active_calls", "Calls that are going on", "direction")
ALERTS_FIRING = _gauge(
    "alerts_firing", "Alerts that fire; muted by a silence or a worse alert", "severity", "muted"
)
OUTBOX = _gauge("outbox_messages", "Messages to people: queued, being sent, given up (90 days)", "state")
OUTBOX_AGE = _gauge("outbox_oldest_age_seconds", "How long the oldest message waits; 0 where none does")
SPOOLED = _gauge("spool_records", "Records that wait on disk for the database")
DEAD = _gauge("spool_dead_records", "Records that the database will never take, kept on disk")
LOST = _gauge("lost_records", "Records that neither database nor disk took, since DATA_DIR was made")
WAITING = _gauge("records_waiting", "Records that wait in memory to be written")
LOG_WAITING = _gauge("log_lines_waiting", "Log lines that wait to be written or sent")
LOG_DROPPED = _gauge("log_lines_dropped", "Log lines that the processes of the last day dropped")
PROCESSES = _gauge("processes", "Processes that record, by whether they gave a sign of life of late", "state")
LAG = _gauge("rollup_lag_seconds", "Age of the youngest call that is surely in roll-ups and counters")
WINDOWS = _gauge("rollup_windows_waiting", "Quarter hours that are to be rolled up again")
SET_APART = _gauge("calls_set_apart", "Calls that no roll-up could read: they are in no figure")
FAILING_RULES = _gauge("failing_rules", "Alert rules that could not be evaluated")
CHECKED = _gauge("scheduler_last_check_timestamp_seconds", "When the scheduler last checked the alert rules")
BUILD = _gauge("build_info", "The version that answers; always 1", "version")
GAUGES = (
    *(ACTIVE_CALLS, ALERTS_FIRING, OUTBOX, OUTBOX_AGE, SPOOLED, DEAD, LOST, WAITING, LOG_WAITING),
    *(LOG_DROPPED, PROCESSES, LAG, WINDOWS, SET_APART, FAILING_RULES, CHECKED, BUILD),
)


def gauges(database: Database[Document]) -> list[tuple[Exported, Samples]]:
    """Return every gauge with its values; one without a value is left out.

    Raises:
        PyMongoError: the database does not answer.
    """
    health = system_health(database)
    found: dict[Exported, Samples] = {
        ACTIVE_CALLS: _active(database),
        ALERTS_FIRING: _alerts(database, health.now),
        **_stored(health),
        **_recording(health),
        BUILD: {(__version__,): 1.0},
    }
    return [(gauge, found[gauge]) for gauge in GAUGES if found.get(gauge)]


def _active(database: Database[Document]) -> Samples:
    counts = count_active_by_direction(database)
    return {(name,): float(counts.get(name, 0)) for name in (*Direction, "unknown")}


def _alerts(database: Database[Document], now: datetime) -> Samples:
    counts = Counter((alert.severity, alert.muted) for alert in active_alerts(database, now))
    return {
        (severity, str(muted).lower()): float(counts[severity, muted])
        for severity in Severity
        for muted in (False, True)
    }


def _stored(health: SystemHealth) -> dict[Exported, Samples]:
    outbox, rollups = health.outbox, health.rollups
    waits = (health.now - outbox.oldest_waiting).total_seconds() if outbox.oldest_waiting else 0.0
    return {
        OUTBOX: {(state,): float(outbox.states.get(state, 0)) for state in _TOLD},
        OUTBOX_AGE: _one(max(waits, 0.0)),
        LAG: _one(rollups.lag.total_seconds()) if rollups.lag is not None else {},
        WINDOWS: _one(rollups.waiting),
        SET_APART: _one(len(rollups.set_apart)),
        FAILING_RULES: _one(health.failing_rules),
        CHECKED: _one(health.heartbeat.at.timestamp()) if health.heartbeat else {},
    }


def _recording(health: SystemHealth) -> dict[Exported, Samples]:
    alive = [process for process in health.processes if not process.is_silent(health.now)]
    spool = health.spool
    return {
        # This machine's spool is counted now; those of other machines are as their processes last reported.
        SPOOLED: _one(max(spool.waiting, _of_hosts(health, "spooled"))),
        DEAD: _one(max(spool.dead, _of_hosts(health, "dead"))),
        LOST: _one(max(spool.lost, _of_hosts(health, "lost"))),
        WAITING: _one(sum(process.records_waiting for process in alive)),
        LOG_WAITING: _one(sum(process.log_waiting for process in alive)),
        LOG_DROPPED: _one(sum(process.log_dropped for process in health.processes)),
        PROCESSES: {
            ("alive",): float(len(alive)),
            ("silent",): float(len(health.processes) - len(alive)),
        },
    }


def _of_hosts(health: SystemHealth, name: str) -> int:
    """Return what is on the disks of all hosts; processes on one host share its disk."""
    most: dict[str, int] = {}
    for process in health.processes:
        most[process.host] = max(most.get(process.host, 0), _number(process, name))
    return sum(most.values())


def _number(process: ProcessHealth, name: str) -> int:
    return int(getattr(process, name))


def _one(value: float) -> Samples:
    return {(): float(value)}
