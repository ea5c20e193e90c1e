"""DuckDB's own table of the calls, on disk and queried in plain SQL: what an analyst would use."""

import math
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd


class OwnTable:
    """A table of calls, with their local start times computed beforehand, which favours it."""

    def __init__(self, file: Path, calls: pd.DataFrame, zone: str) -> None:
        self._connection = duckdb.connect(str(file))
        local = calls["start_time"].dt.tz_convert(zone).dt.tz_localize(None)
        calls = calls.drop(columns="start_time").assign(local=local)
        self._connection.register("frame", calls)
        self._connection.execute("CREATE TABLE calls AS SELECT * FROM frame ORDER BY local")
        self._connection.unregister("frame")
        self._connection.execute("CHECKPOINT")

    def close(self) -> None:
        """Close the table's file."""
        self._connection.close()

    def answers(
        self, equal: dict[str, Any], latencies: tuple[str, ...], shares: list[float]
    ) -> dict[str, Any]:
        """Return a dashboard's figures of the calls with these values, percentiles exact.

        Args:
            equal: by column, the value that is wanted.
            latencies: columns whose percentiles are wanted, by day and of all.
            shares: which percentiles, 0 to 1.
        """
        where = " AND ".join(f"{name} = ?" for name in equal) or "true"
        spreads = ", ".join(f"quantile_disc({name}, {shares})" for name in latencies)
        completed = "count(*) FILTER (WHERE status = 'completed' AND {})"
        counts = ", ".join(map(completed.format, ("qualification_completed", "handoff_triggered")))

        def rows(what: str, group: str = "") -> list[tuple[Any, ...]]:
            sql = f"SELECT {what} FROM calls WHERE {where} {group}"  # noqa: S608 (our own words)
            return self._connection.execute(sql, [*equal.values()]).fetchall()

        hours = rows("date_trunc('hour', local), count(*)", "GROUP BY 1")
        days = rows(f"date_trunc('day', local), count(*), {spreads}", "GROUP BY 1")
        whole = rows(f"count(*), sum(duration_seconds), {counts}, {spreads}")[0]
        languages = rows("language, count(*)", "GROUP BY 1")
        return {
            "hours": dict(hours),
            "days": {row[0]: row[1] for row in days},
            "total": whole[0],
            "seconds": round(whole[1] or 0),
            "qualified": whole[2],
            "handoffs": whole[3],
            "languages": dict(languages),
            "percentiles": {
                name: ({row[0]: _known(row[2 + at], shares) for row in days}, _known(whole[4 + at], shares))
                for at, name in enumerate(latencies)
            },
        }


def _known(values: list[float] | None, shares: list[float]) -> list[float]:
    return values if values is not None else [math.nan] * len(shares)
