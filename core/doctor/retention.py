"""How long what is kept, as one matrix: what the profile asks for, what is set, and what is true now."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pymongo.database import Database

from core.doctor.result import Finding, State
from core.settings import Settings
from core.storage.collections import (
    A_TIME,
    ALERT_EVENTS,
    ALERTS,
    ARCHIVES,
    AUDIT,
    CALLS,
    HOOK_DELIVERIES,
    HOOK_DELIVERY_SECONDS,
    LOGS,
    OUTBOX,
    OUTBOX_SECONDS,
    RESOLVED_ALERT_SECONDS,
    SERVICE_MINUTES,
)
from core.types import Document
from core.variables.retention import A_YEAR, HALF_A_YEAR

_DAY_SECONDS = 86_400
FOREVER = "forever"


@dataclass(frozen=True)
class Kept:
    """One thing that is kept; ``days`` None is forever, ``least`` what the profile india asks for."""

    what: str
    variable: str
    days: float | None
    least: int | None = None
    why: str = ""
    on: bool = True
    certain: bool = True
    """Whether the days are sure: files that are put aside by size hold as many as they hold."""
    in_force: float | None = None
    """Days after which the database deletes it, where it does."""
    oldest: datetime | None = None

    @property
    def words(self) -> str:
        """How long, in words."""
        if not self.on:
            return "not kept"
        if not self.certain:
            return "as long as its files hold"
        return FOREVER if self.days is None else f"{self.days:g} days"

    def problem(self, profile: str) -> tuple[State, str] | None:
        """Return what is wrong with it under a profile; None if nothing is."""
        if self.on and self.in_force is not None and self.days is not None and self.in_force != self.days:
            return State.WARN, f"{self.days:g} days are set, but the database deletes after {self.in_force:g}"
        if profile != "india" or self.least is None or not self.on:
            return None
        if not self.certain:
            return State.WARN, f"unknown whether it is kept for {self.least} days"
        if self.days is not None and self.days < self.least:
            return State.FAIL, f"{self.days:g} days, less than {self.least} ({self.why})"
        return None


_RULES_6_AND_8 = "DPDP Rules 6 and 8(3): a year"
_RULE_8 = "DPDP Rule 8(3): a year"
_CERT_IN = "CERT-In, 28 Apr 2022: 180 days"


def matrix(settings: Settings) -> list[Kept]:
    """Return what is kept and for how long, by the settings alone."""
    return [
        Kept("Calls and turns", "RAW_RETENTION_DAYS", settings.raw_retention_days, A_YEAR, _RULE_8),
        Kept("Archived calls and turns", "", None, A_YEAR, _RULE_8),
        _log_files(settings),
        Kept(
            "Log lines in the database",
            "LOG_DATABASE_DAYS",
            settings.log_database_days,
            A_YEAR,
            _RULE_8,
            on=settings.log_to_database,
        ),
        Kept("Alert history", "", None, HALF_A_YEAR, _CERT_IN),
        Kept("Resolved alerts", "", RESOLVED_ALERT_SECONDS / _DAY_SECONDS),
        Kept("Messages that were sent", "", OUTBOX_SECONDS / _DAY_SECONDS),
        Kept("Audit log", "AUDIT_DAYS", settings.audit_days, A_YEAR, _RULES_6_AND_8),
        Kept("Deliveries of webhooks, masked", "", HOOK_DELIVERY_SECONDS / _DAY_SECONDS),
        Kept("Requests to services", "", None),
    ]


def _log_files(settings: Settings) -> Kept:
    hours, megabytes = settings.log_rotate_hours, settings.log_rotate_mb
    days = None if hours is None else hours * settings.log_rotate_keep / 24
    return Kept(
        "Log lines in files",
        "LOG_ROTATE_KEEP, LOG_ROTATE_HOURS",
        days,
        A_YEAR,
        _RULE_8,
        on=settings.log_file is not None,
        certain=megabytes is None,
    )


_PLACES: dict[str, tuple[str, str]] = {
    "Calls and turns": (CALLS, "start_time"),
    "Archived calls and turns": (ARCHIVES, "first"),
    "Log lines in the database": (LOGS, "timestamp"),
    "Alert history": (ALERT_EVENTS, "at"),
    "Resolved alerts": (ALERTS, "resolved_at"),
    "Messages that were sent": (OUTBOX, "done_at"),
    "Audit log": (AUDIT, "at"),
    "Deliveries of webhooks, masked": (HOOK_DELIVERIES, "received_at"),
    "Requests to services": (SERVICE_MINUTES, "minute"),
}
"""The collection of each, and the time of its documents."""


def what_is_true(database: Database[Document], settings: Settings) -> list[Kept]:
    """Return the matrix as the database has it: after how many days it deletes, and what is oldest.

    Raises:
        PyMongoError: the database does not answer.
    """
    return [
        _looked_up(database, one, *_PLACES[one.what])
        if one.what in _PLACES
        else replace(one, oldest=_oldest_file(settings.log_file))
        for one in matrix(settings)
    ]


def _looked_up(database: Database[Document], one: Kept, collection: str, field: str) -> Kept:
    indexes = database[collection].index_information()
    seconds = next(
        (
            index["expireAfterSeconds"]
            for index in indexes.values()
            if index["key"] == [(field, 1)] and "expireAfterSeconds" in index
        ),
        None,
    )
    row = database[collection].find_one({field: A_TIME}, {field: 1}, sort=[(field, 1)])
    oldest: datetime | None = row[field] if row else None
    return replace(one, in_force=None if seconds is None else seconds / _DAY_SECONDS, oldest=oldest)


def _oldest_file(file: Path | None) -> datetime | None:
    if file is None or not file.parent.is_dir():
        return None
    times = [found.stat().st_mtime for found in file.parent.glob(f"{file.name}*") if found.is_file()]
    return datetime.fromtimestamp(min(times), UTC) if times else None


def retention(database: Database[Document], settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each thing that is kept too short, or one on how long all is kept."""
    found, profile = what_is_true(database, settings), settings.retention_profile
    problems = [(one, *problem) for one in found if (problem := one.problem(profile))]
    for one, state, text in problems:
        remedy = f"raise {one.variable}, or unset it" if one.variable else ""
        yield Finding("retention", state, f"{one.what}: {text}", remedy)
    if not problems:
        said = ", ".join(f"{one.what[:1].lower()}{one.what[1:]} {one.words}" for one in found if one.on)
        yield Finding("retention", State.OK, f"profile {profile}: {said}")
