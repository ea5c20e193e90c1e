"""Every collection: its name, its indexes, how long it keeps documents. No name is written anywhere else."""

from datetime import UTC, datetime
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

from core.types import Document

A_TIME: Final[Document] = {"$gte": datetime(1, 1, 1, tzinfo=UTC)}
"""A condition on a field, as other tools may have written a text as a time, or nothing."""

CALLS: Final = "calls"
TURNS: Final = "turns"
SERVICE_MINUTES: Final = "service_minutes"
ACTIVE_CALLS: Final = "active_calls"
PROCESSES: Final = "processes"
HOOK_DELIVERIES: Final = "hook_deliveries"
LOGS: Final = "logs"
LEAD_KEYS: Final = "lead_keys"
RESTRICTIONS: Final = "restrictions"

ROLLUPS_15M: Final = "rollups_15m"
ROLLUPS_DAILY: Final = "rollups_daily"
ROLLUPS_CAMPAIGNS: Final = "rollups_campaigns"
"""Days as in ROLLUPS_DAILY but with campaigns apart: several times larger, so stored separately."""
ROLLUPS_HOURLY: Final = "rollups_hourly"
ROLLUP_STATE: Final = "rollup_state"
DIRTY_WINDOWS: Final = "dirty_windows"
DAILY_METRICS: Final = "daily_metrics"
EXPORTED_TOTALS: Final = "exported_totals"
EXPORTED_DAYS: Final = "exported_days"
ARCHIVES: Final = "archives"
OPT_OUTS: Final = "opt_outs"
RESTORE_MARK: Final = "restore"

INSTALLATION: Final = "installation"
TARGETS: Final[Document] = {"_id": "kpi_targets"}
"""The one document of INSTALLATION that people have made: targets set on the dashboard."""
AUDIT: Final = "audit"
ALERTS: Final = "alerts"
ALERT_EVENTS: Final = "alert_events"
RULES: Final = "rules"
GOOD_RULES: Final = "good_rules"
RULE_HEALTH: Final = "rule_health"
CHECKS: Final = "checks"
SILENCES: Final = "silences"
SAVED_VIEWS: Final = "saved_views"
NOTIFICATIONS: Final = "notifications"
OUTBOX: Final = "outbox"
RATE_LIMITS: Final = "rate_limits"

USERS: Final = "users"
SESSIONS: Final = "sessions"
API_KEYS: Final = "api_keys"

HEARTBEATS: Final = "heartbeats"
LEASES: Final = "leases"
SCHEDULER_JOBS: Final = "scheduler_jobs"

DUPLICATE_KEY: Final = 11_000
"""MongoDB's error code if an ``_id``, or another unique key, already exists."""
ACTIVE_CALL_SECONDS: Final = 3_600
"""Rows are deleted this long after the last heartbeat; until then an ended call stays ended."""
PROCESS_SECONDS: Final = 86_400
HOOK_DELIVERY_SECONDS: Final = 7 * 86_400
"""How long a webhook delivery can be looked up and replayed."""
RESOLVED_ALERT_SECONDS: Final = 30 * 86_400
OUTBOX_SECONDS: Final = 90 * 86_400
"""How long the outcome of a message can be looked up."""

_FORM = IndexModel([("schema_version", ASCENDING), ("_id", ASCENDING)])
"""Finds the roll-ups that another version of this program has written; usually there are none."""

INDEXES: dict[str, list[IndexModel]] = {
    CALLS: [
        IndexModel([("start_time", ASCENDING)]),
        IndexModel([("end_time", ASCENDING)]),
        # Mostly few: calls whose end is not known, which alert rules count by their start.
        IndexModel(
            [("start_time", ASCENDING)], name="without_end", partialFilterExpression={"end_time": None}
        ),
        # Includes the start, so that the windows of new calls can be read from the index alone.
        IndexModel([("recorded_at", ASCENDING), ("start_time", ASCENDING)]),
        IndexModel([("lead_id", ASCENDING)], partialFilterExpression={"lead_id": {"$type": "string"}}),
        IndexModel(
            [("provider_call_id", ASCENDING)],
            partialFilterExpression={"provider_call_id": {"$type": "string"}},
        ),
        # Few: calls in which a lead asked not to be called again. The index contains all that is read of
        # them.
        IndexModel(
            [("compliance.opt_out", ASCENDING), ("lead_id", ASCENDING), ("start_time", ASCENDING)],
            name="opted_out",
            partialFilterExpression={"compliance.opt_out": True},
        ),
        # Few: calls that wait for another source, or for their end.
        IndexModel([("unjoined", ASCENDING)], sparse=True),
        IndexModel([("recorded_at", ASCENDING)], name="open", partialFilterExpression={"state": "open"}),
    ],
    ROLLUPS_15M: [
        IndexModel([("read_at", ASCENDING)]),
        _FORM,
        # Windows with calls that could not be rolled up, which are few.
        IndexModel([("set_apart", ASCENDING)], sparse=True),
    ],
    ROLLUPS_DAILY: [IndexModel([("read_at", ASCENDING)]), _FORM],
    ROLLUPS_CAMPAIGNS: [_FORM],
    ROLLUPS_HOURLY: [_FORM],
    TURNS: [IndexModel([("call_id", ASCENDING)]), IndexModel([("start_time", ASCENDING)])],
    SERVICE_MINUTES: [IndexModel([("minute", ASCENDING)])],
    ACTIVE_CALLS: [IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=ACTIVE_CALL_SECONDS)],
    PROCESSES: [IndexModel([("seen_at", ASCENDING)], expireAfterSeconds=PROCESS_SECONDS)],
    HOOK_DELIVERIES: [
        IndexModel([("received_at", ASCENDING)], expireAfterSeconds=HOOK_DELIVERY_SECONDS),
        IndexModel([("source", ASCENDING), ("received_at", DESCENDING)]),
    ],
    LEAD_KEYS: [
        IndexModel([("lead", ASCENDING)], unique=True),
        IndexModel([("phones", ASCENDING)], sparse=True),
        IndexModel([("of", ASCENDING)], sparse=True),
    ],
    ARCHIVES: [IndexModel([("collection", ASCENDING), ("first", ASCENDING)])],
    ALERTS: [
        IndexModel([("state", ASCENDING), ("started_at", DESCENDING)]),
        # The history stays in alert_events.
        IndexModel([("resolved_at", ASCENDING)], expireAfterSeconds=RESOLVED_ALERT_SECONDS),
    ],
    ALERT_EVENTS: [
        IndexModel([("at", DESCENDING)]),
        IndexModel([("alert_id", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("key", ASCENDING)], unique=True, partialFilterExpression={"key": {"$type": "string"}}),
    ],
    OUTBOX: [
        IndexModel([("state", ASCENDING), ("created_at", ASCENDING)]),
        IndexModel([("channel", ASCENDING), ("recipient", ASCENDING), ("stream", ASCENDING)]),
        IndexModel([("done_at", ASCENDING)], expireAfterSeconds=OUTBOX_SECONDS),
    ],
    SILENCES: [IndexModel([("end", ASCENDING)])],
    # A page of the newest entries, however it is filtered, is read from one of these in its order.
    AUDIT: [
        IndexModel([*of, ("at", DESCENDING), ("_id", DESCENDING)])
        for of in ([], [("actor", ASCENDING)], [("action", ASCENDING)], [("subject", ASCENDING)])
    ],
    SESSIONS: [
        IndexModel([("until", ASCENDING)], expireAfterSeconds=0),
        IndexModel([("user", ASCENDING)]),
    ],
}


def ensure_indexes(database: Database[Document]) -> None:
    """Create missing indexes; does nothing on a store that has them all."""
    for collection, models in INDEXES.items():
        database[collection].create_indexes(models)


def is_half_restored(database: Database[Document]) -> bool:
    """Return whether a restore into this store is in progress, or was stopped halfway.

    What is there then is a part of a store: nothing follows from what it lacks.
    """
    return database[RESTORE_MARK].find_one({}, {"_id": 1}) is not None
