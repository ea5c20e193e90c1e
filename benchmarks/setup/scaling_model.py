"""What so many calls a day cost, computed from measured figures. The assumptions are the constants here."""

import math
from dataclasses import dataclass

from benchmarks.setup.made_calls import BUSY_HOURS

TURNS = 8
"""Turns of a call, on average, unanswered ones among them."""
RETENTION_DAYS = 90
REFRESH_SECONDS = 60
PEAK_HOUR = float(BUSY_HOURS.max() / BUSY_HOURS.sum())
"""Share of a day's calls in its busiest hour."""
LOAD = 0.5
"""Share of the measured write rate that a server should carry at the peak."""
SHARD_DISK_BYTES = 2e12
SHARD_CACHE_BYTES = 31.5e9
"""WiredTiger's cache on a server with 64 GB: half of what is above 1 GB."""
JOURNAL_BYTES = 3e8
"""What an embedded server takes before the first call."""


@dataclass(frozen=True)
class Stored:
    """Bytes of one record of a collection."""

    bson: float
    disk: float
    """Compressed by snappy, as the server does."""
    indexes: float
    hot: float
    """Of those indexes the ones that new records hit at random, so that memory has to hold them whole."""
    parquet: float


@dataclass(frozen=True)
class Costs:
    """Figures that do not depend on the traffic."""

    call: Stored
    turn: Stored
    records_per_second: float
    """Durable, of one agent process and one server."""


@dataclass(frozen=True)
class Traffic:
    """Figures measured at so many calls a day."""

    calls_a_day: int
    window_bytes: float
    day_bytes: float
    """Of its three documents: with campaigns, without, and by hour."""
    greatest_document: float
    """Bytes of the greatest of them; MongoDB takes 16 MB."""
    rebuilt_per_second: float
    refresh_seconds: float
    """At the busiest hour, with what a minute brings."""
    refresh_megabytes: float
    question_milliseconds: float
    """KPIs of 90 days, volume by day, percentiles by day of ASR and TTS, languages."""


@dataclass(frozen=True)
class Plan:
    """What the traffic costs."""

    database_bytes: float
    rollup_bytes_a_year: float
    archive_bytes_a_year: float
    hot_bytes: float
    records_per_second: float
    write_share: float
    """Of the measured write rate of one server."""
    refresh_share: float
    """Of the minute between two refreshes."""
    rebuild_seconds: float
    shards: int
    limit: str
    """What the number of shards comes from."""

    @property
    def machines(self) -> int:
        """Servers of the database: three members a shard, and three config servers where there are shards."""
        return 3 * self.shards + (3 if self.shards > 1 else 0)


def plan(costs: Costs, traffic: Traffic) -> Plan:
    """The cost of this traffic, raw calls and turns kept for RETENTION_DAYS."""
    a_day, kept = traffic.calls_a_day, traffic.calls_a_day * RETENTION_DAYS
    call, turn = costs.call, costs.turn
    disk = kept * (call.disk + call.indexes + TURNS * (turn.disk + turn.indexes))
    hot = kept * (call.hot + TURNS * turn.hot) + a_day * (call.bson + TURNS * turn.bson)
    peak = a_day * PEAK_HOUR / 3600 * (1 + TURNS)
    share = peak / costs.records_per_second
    needs = {
        "writes": share / LOAD,
        "disk": disk / SHARD_DISK_BYTES,
        "memory": hot / SHARD_CACHE_BYTES,
    }
    limit = max(needs, key=lambda name: needs[name])
    return Plan(
        database_bytes=disk + JOURNAL_BYTES,
        rollup_bytes_a_year=365 * (96 * traffic.window_bytes + traffic.day_bytes),
        archive_bytes_a_year=365 * a_day * (call.parquet + TURNS * turn.parquet),
        hot_bytes=hot,
        records_per_second=peak,
        write_share=share,
        refresh_share=traffic.refresh_seconds / REFRESH_SECONDS,
        rebuild_seconds=kept / traffic.rebuilt_per_second,
        shards=max(1, math.ceil(needs[limit])),
        limit=limit if needs[limit] > 1 else "none",
    )
