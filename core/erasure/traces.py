"""Everything stored about a lead, and how an erasure treats each place that may hold something."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from core.storage import collections as names


class Treatment(StrEnum):
    """What an erasure does with a collection."""

    OWN = "own"  # records of the lead, found by its id and those of its calls
    TEXT = "text"  # records whose text may name the lead: erased if it does
    SAID = "said"  # written by people, and needed: reported if it does, for them to change
    FIGURES = "figures"  # sums over calls: recomputed without the lead's
    NOTHING = "nothing"  # contains nothing that came with a call


TREATMENTS: Final[dict[str, Treatment]] = {
    names.CALLS: Treatment.OWN,
    names.TURNS: Treatment.OWN,
    names.LEAD_KEYS: Treatment.OWN,
    names.RESTRICTIONS: Treatment.OWN,
    names.ACTIVE_CALLS: Treatment.OWN,
    names.OPT_OUTS: Treatment.OWN,
    names.LOGS: Treatment.TEXT,
    names.ALERTS: Treatment.TEXT,
    names.ALERT_EVENTS: Treatment.TEXT,
    names.OUTBOX: Treatment.TEXT,
    names.SERVICE_MINUTES: Treatment.TEXT,
    names.HOOK_DELIVERIES: Treatment.TEXT,
    names.RULES: Treatment.SAID,
    names.GOOD_RULES: Treatment.SAID,
    names.SILENCES: Treatment.SAID,
    names.SAVED_VIEWS: Treatment.SAID,
    names.ROLLUPS_15M: Treatment.FIGURES,
    names.ROLLUPS_DAILY: Treatment.FIGURES,
    names.ROLLUPS_CAMPAIGNS: Treatment.FIGURES,
    names.ROLLUPS_HOURLY: Treatment.FIGURES,
    names.DAILY_METRICS: Treatment.FIGURES,
    names.EXPORTED_TOTALS: Treatment.NOTHING,
    names.EXPORTED_DAYS: Treatment.NOTHING,
    names.ROLLUP_STATE: Treatment.NOTHING,
    names.DIRTY_WINDOWS: Treatment.NOTHING,
    names.ARCHIVES: Treatment.NOTHING,
    names.RESTORE_MARK: Treatment.NOTHING,
    names.AUDIT: Treatment.NOTHING,  # knows leads only by tokens
    names.PROCESSES: Treatment.NOTHING,
    names.RULE_HEALTH: Treatment.NOTHING,
    names.CHECKS: Treatment.NOTHING,
    names.INSTALLATION: Treatment.NOTHING,
    names.NOTIFICATIONS: Treatment.NOTHING,
    names.RATE_LIMITS: Treatment.NOTHING,
    names.USERS: Treatment.NOTHING,
    names.SESSIONS: Treatment.NOTHING,
    names.API_KEYS: Treatment.NOTHING,
    names.HEARTBEATS: Treatment.NOTHING,
    names.LEASES: Treatment.NOTHING,
    names.SCHEDULER_JOBS: Treatment.NOTHING,
}
"""Every collection; a new one has to be added here."""


@dataclass(frozen=True)
class Traces:
    """What is stored about a lead, or was until it was erased."""

    lead_keys: int = 0
    """Keys under which the lead's values are sealed."""
    calls: int = 0
    archived_calls: int = 0
    turns: int = 0
    archived_turns: int = 0
    log_lines: int = 0
    """In the ``logs`` collection."""
    active_calls: int = 0
    refused: int = 0
    """Records the database never accepted, set aside in the spool."""
    alerts: int = 0
    alert_events: int = 0
    """Lines of the alerts' history."""
    messages: int = 0
    """In the outbox."""
    service_minutes: int = 0
    """Minutes of requests whose operation names the lead."""
    deliveries: int = 0
    """Webhooks whose masked content names the lead or one of its calls."""
    files: dict[Path, int] = field(default_factory=dict)
    """Files that are not rewritten, and in how many of their lines the lead is named."""
    said: dict[str, int] = field(default_factory=dict)
    """Collections that people maintain by hand, and how many of their documents name the lead."""
    receipt: Path | None = None
    """The proof that it was erased; None before."""

    @property
    def counts(self) -> dict[str, int]:
        """Return how many there are of each kind, without what is only reported."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)}

    @property
    def records(self) -> int:
        """Return how many there are in total."""
        return sum(self.counts.values())

    @property
    def left(self) -> dict[str, int]:
        """Return what an erasure leaves to people; files by number only, since a name may be revealing."""
        return {"files": len(self.files), **self.said}
