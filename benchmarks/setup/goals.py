"""What each benchmark reports, what it is compared with, and the goal it should reach."""

from dataclasses import dataclass

STANDARD = "standard library's queue, python-json-logger"
FEWER_CALLS = "100,000 calls"
OWN_TABLE = "DuckDB's own table"
ONE_CHART = "a Streamlit page with one chart"


@dataclass(frozen=True)
class Figure:
    """A reported figure: its meaning, its unit, and the name of the rival, if it has one.

    The goal limits the ratio of ours to the rival's, or our figure itself; reaching one of several is enough.
    """

    meaning: str
    unit: str
    rival: str = ""
    ratio_at_most: float | None = None
    ratio_at_least: float | None = None
    at_most: float | None = None

    def goal(self) -> str:
        """Return the goal in words: ``at most 0.15 x``; "" if there is none."""
        goals = (
            (self.at_most, f"at most {self.at_most or 0:,g} {self.unit}"),
            (self.ratio_at_most, f"at most {self.ratio_at_most or 0:,g} x"),
            (self.ratio_at_least, f"at least {self.ratio_at_least or 0:,g} x"),
        )
        return " or ".join(words for limit, words in goals if limit is not None)

    def is_met(self, ours: float, rival: float | None) -> bool | None:
        """Return whether measured values reach the goal; None if there is no goal."""
        reached = [] if self.at_most is None else [ours <= self.at_most]
        if rival:
            ratio = ours / rival
            reached += [] if self.ratio_at_most is None else [ratio <= self.ratio_at_most]
            reached += [] if self.ratio_at_least is None else [ratio >= self.ratio_at_least]
        return any(reached) if reached else None


FIGURES: dict[str, dict[str, Figure]] = {
    "log_call": {
        "after a gap": Figure("Wait of a log call after an idle gap", "µs", STANDARD, ratio_at_most=0.15),
        "in a burst": Figure("Wait of a log call in a burst", "µs", STANDARD),
        "rate": Figure("Log lines that reach the file", "lines/s", STANDARD),
        "late": Figure("Delay of an event loop at 10,000 lines/s, p99", "ms", STANDARD),
    },
    "log_flood": {"memory": Figure("Memory for a million lines to a blocked target", "MiB")},
    "masking": {
        "clean": Figure(
            "Masking a text without personal data, median",
            "µs",
            "one naive pattern",
            ratio_at_most=1.5,
            at_most=5,
        ),
        "personal": Figure("Masking a text with personal data, median", "µs", "one naive pattern"),
    },
    "record_call": {
        "insert_many, 64 callers": Figure(
            "Calls recorded by 64 callers", "calls/s", "insert_many of 1,000", ratio_at_least=0.30
        ),
        "insert_many, 512 callers": Figure(
            "Calls recorded by 512 callers", "calls/s", "insert_many of 1,000", ratio_at_least=0.45
        ),
        "insert_one, 64 callers": Figure(
            "Calls recorded by 64 callers", "calls/s", "insert_one", ratio_at_least=7
        ),
        "insert_one, 512 callers": Figure(
            "Calls recorded by 512 callers", "calls/s", "insert_one", ratio_at_least=7
        ),
        "await": Figure("Wait for one call at 1,000 calls/s, p99", "ms", "insert_one"),
    },
    "ingest": {
        "one by one": Figure("Calls posted one by one", "calls/s", "FastAPI that stores nothing"),
        "in batches": Figure("Calls posted in batches of 100", "calls/s", "recording in process"),
    },
    "api_read": {
        "p99": Figure("Answers of the API to 200 concurrent readers, p99", "ms"),
        "liveness": Figure("Liveness told by the API meanwhile, p99", "ms", at_most=100),
    },
    "dashboard_queries": {
        "cold": Figure("90-day queries of 1,000,000 calls, cold", "ms", FEWER_CALLS, ratio_at_most=1.5),
        "warm": Figure("90-day queries of 1,000,000 calls, warm", "ms", FEWER_CALLS, ratio_at_most=1.5),
        "pipelines": Figure("90-day queries of 1,000,000 calls, warm", "ms", "aggregation pipelines"),
        "pandas": Figure("90-day queries of 1,000,000 calls, warm", "ms", "pandas on the same calls"),
        OWN_TABLE: Figure("90-day queries of 1,000,000 calls, warm", "ms", OWN_TABLE, ratio_at_most=0.067),
    },
    "call_lists": {
        "list": Figure("A page of the list of 1,000,000 calls", "ms", FEWER_CALLS, ratio_at_most=1.5),
        "hours": Figure("Latency by hour of 1,000,000 calls", "ms", FEWER_CALLS, ratio_at_most=1.5),
        "slowest": Figure("The slowest of 1,000,000 calls", "ms", FEWER_CALLS, ratio_at_most=1.5),
    },
    "explore": {"queries": Figure("Queries beyond the roll-ups", "ms", OWN_TABLE, ratio_at_most=1.5)},
    "scrape": {"scrape": Figure("A Prometheus scrape with 1,000,000 calls", "ms", "1,000 calls")},
    "rollups": {
        "refresh": Figure("A refresh of the roll-ups after 1,000,000 calls", "ms", FEWER_CALLS),
        "rebuild": Figure("Calls rolled up by a rebuild", "calls/s"),
    },
    "archive": {"bytes": Figure("Size of an archived call", "bytes", "MongoDB with its indexes")},
    "alert_check": {
        "check": Figure("A check of 20 rules with 1,000,000 calls", "ms", FEWER_CALLS, ratio_at_most=1.3),
        "replay": Figure("A rule replayed over 90 days of 1,000,000 calls", "s"),
    },
    "dashboard_browser": {
        "first view": Figure("First view, first screenful", "ms", ONE_CHART, ratio_at_most=1.3),
        "first view, whole page": Figure("First view, whole page", "ms", ONE_CHART, ratio_at_most=1.3),
        "switch to Analytics": Figure(
            "Switch to Analytics, first screenful", "ms", ONE_CHART, ratio_at_most=1.5
        ),
        "switch to Analytics, whole page": Figure(
            "Switch to Analytics, whole page", "ms", ONE_CHART, ratio_at_most=1.5
        ),
        "switch to Overview": Figure(
            "Switch to Overview, first screenful", "ms", ONE_CHART, ratio_at_most=1.5
        ),
        "switch to Overview, whole page": Figure(
            "Switch to Overview, whole page", "ms", ONE_CHART, ratio_at_most=1.5
        ),
        "filter change": Figure("Change of the period, first screenful", "ms", ONE_CHART, ratio_at_most=1.5),
        "filter change, whole page": Figure(
            "Change of the period, whole page", "ms", ONE_CHART, ratio_at_most=1.5
        ),
        "server rerun, warm": Figure("Server's time for a rerun", "ms", ONE_CHART, at_most=60),
        "a view not cached yet": Figure("Server's time for a view not cached yet", "ms"),
        "ten sessions at once": Figure(
            "Slowest of ten concurrent reruns", "ms", ONE_CHART, ratio_at_most=1.5
        ),
    },
    "dashboard_memory": {
        "memory": Figure(
            "Memory of the dashboard after 1,000 page views", "MiB", "after 100", ratio_at_most=1.1
        )
    },
}
"""By benchmark and name of the figure. Figures with a store are those of its largest size."""
