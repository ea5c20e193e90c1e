"""The cost of a number of calls a day, computed from measurements. The constants are assumptions."""

import math
from dataclasses import dataclass

from benchmarks.setup.made_calls import BUSY_HOURS

TURNS = 8
"""Mean turns per call, including unanswered calls."""
RETENTION_DAYS = 90
REFRESH_SECONDS = 60
PEAK_HOUR = float(BUSY_HOURS.max() / BUSY_HOURS.sum())
"""Share of a day's calls in its busiest hour."""
LOAD = 0.5
"""Share of the measured write rate that a server should use at peak."""
SHARD_DISK_BYTES = 2e12
SHARD_CACHE_BYTES = 31.5e9
"""WiredTiger's cache on a server with 64 GB: half of the memory above 1 GB."""
JOURNAL_BYTES = 3e8
"""Disk that an embedded server uses before the first call."""


@dataclass(frozen=True)
class Stored:
    """Bytes per record of a collection."""

    bson: float
    disk: float
    """Compressed with snappy, the server's default."""
    indexes: float
    hot: float
    """Those indexes that new records hit at random, which must fit into memory."""
    parquet: float


@dataclass(frozen=True)
class Costs:
    """Measurements that do not depend on the traffic."""

    call: Stored
    turn: Stored
    records_per_second: float
    """Durable, with one agent process and one server."""


@dataclass(frozen=True)
class Traffic:
    """Measurements at a number of calls a day."""

    calls_a_day: int
    window_bytes: float
    day_bytes: float
    """Sum of its three documents: with campaigns, without, and by hour."""
    greatest_document: float
    """Bytes of the largest document; MongoDB's limit is 16 MB."""
    rebuilt_per_second: float
    refresh_seconds: float
    """In the busiest hour, with a minute's new calls."""
    refresh_megabytes: float
    question_milliseconds: float
    """For 90 days: key figures, volume and ASR and TTS percentiles by day, languages."""


@dataclass(frozen=True)
class Plan:
    """The resources that the traffic needs."""

    database_bytes: float
    rollup_bytes_a_year: float
    archive_bytes_a_year: float
    hot_bytes: float
    records_per_second: float
    write_share: float
    """Share of one server's measured write rate at peak."""
    refresh_share: float
    """Share of the minute between two refreshes."""
    rebuild_seconds: float
    shards: int
    limit: str
    """The resource that determines the number of shards."""

    @property
    def machines(self) -> int:
        """Return the database servers: three per shard, plus three config servers if sharded."""
        return 3 * self.shards + (3 if self.shards > 1 else 0)


def plan(costs: Costs, traffic: Traffic) -> Plan:
    """Return the resources for this traffic, with calls and turns kept for RETENTION_DAYS."""
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
