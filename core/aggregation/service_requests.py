"""Requests to the agent's API and to the services it uses: from stored minutes to frames for charts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import numpy as np
import pandas as pd
from pymongo.database import Database

from core.aggregation.intervals import wilson
from core.aggregation.rollups import buckets, sketch
from core.aggregation.rollups.buckets import Bucket
from core.aggregation.rollups.cells import Ints, Tally
from core.models.definitions import PERCENTILES
from core.models.metrics import ServiceError
from core.storage.collections import SERVICE_MINUTES
from core.storage.readable import each_readable
from core.types import Document

ERRORS = tuple(str(kind) for kind in ServiceError)
_PROJECTION = dict.fromkeys(
    ("minute", "service", "operation", "count", "errors", "total_ms", "min_ms", "max_ms", "buckets"), 1
)


@dataclass(frozen=True)
class Requests:
    """The stored minutes of [start, end).

    ``rows`` has one row per minute, process, service and operation: minute (seconds since 1970), service,
    operation, count, the kinds of ERRORS, total_ms, min_ms, max_ms. ``sketch`` has each row's requests by
    bucket of ``sketch``.
    """

    start: datetime
    end: datetime
    zone: tzinfo
    rows: pd.DataFrame
    sketch: Tally

    def between(self, start: datetime, end: datetime) -> "Requests":
        """Return the requests of [start, end); rows must be in order of their minutes."""
        bounds = [math.ceil(moment.timestamp()) for moment in (start, end)]
        first, last = self.rows["minute"].to_numpy(np.int64).searchsorted(bounds)
        begin, finish = self.sketch.cell.searchsorted([first, last])
        kept = slice(int(begin), int(finish))
        part = Tally(self.sketch.cell[kept] - first, self.sketch.key[kept], self.sketch.n[kept])
        rows = self.rows.iloc[int(first) : int(last)].reset_index(drop=True)
        return Requests(start, end, self.zone, rows, part)

    @property
    def total(self) -> int:
        """Return how many requests there were."""
        return int(self.rows["count"].sum())


def load_requests(database: Database[Document], start: datetime, end: datetime, zone: tzinfo) -> Requests:
    """Return the requests of [start, end), in order of their minutes."""
    cursor = database[SERVICE_MINUTES].find({"minute": {"$gte": start, "$lt": end}}, _PROJECTION)
    minutes = list(each_readable(cursor.sort("minute", 1), _minute, SERVICE_MINUTES))
    rows = pd.DataFrame(
        [row for row, _ in minutes],
        columns=["minute", "service", "operation", "count", *ERRORS, "total_ms", "min_ms", "max_ms"],
    )
    found = [(row, bucket, n) for row, (_, buckets) in enumerate(minutes) for bucket, n in buckets]
    cell, key, n = np.array(found, np.int64).reshape(-1, 3).T
    return Requests(start, end, zone, rows, Tally.count(cell, key, n))


def _minute(document: Document) -> tuple[tuple[object, ...], list[tuple[int, int]]]:
    """Return a stored minute as a row, and its sketch as buckets with their counts."""
    row = (
        int(document["minute"].timestamp()),
        str(document["service"]),
        str(document["operation"]),
        int(document["count"]),
        *(int(document["errors"].get(kind, 0)) for kind in ERRORS),
        *(float(document[name]) for name in ("total_ms", "min_ms", "max_ms")),
    )
    return row, [(int(bucket), int(n)) for bucket, n in document["buckets"].items()]


def grouped(requests: Requests, labels: Sequence[str], only: Mapping[str, str]) -> pd.DataFrame:
    """Return a row for each value of the labels (service, operation), or one row if there are no labels.

    Only requests that match ``only`` are counted. Columns: the labels, n, errors, the kinds of ERRORS, mean,
    p50 … p99, max in milliseconds.
    """
    kept = np.ones(len(requests.rows), bool)
    for label, value in only.items():
        kept &= (requests.rows[label] == value).to_numpy(bool)
    # For few rows, as in the window of an alert rule, this takes a tenth of the time of a groupby.
    values = [requests.rows[label].tolist() for label in labels]
    each = list(zip(*values, strict=True)) if labels else [()] * len(kept)
    keys = sorted(set(each))
    place = {key: number for number, key in enumerate(keys)}
    number = np.fromiter((place[key] for key in each), np.int64, len(each))
    frame = _figures(requests, np.where(kept, number, -1), len(keys))
    for column, label in enumerate(labels):
        frame[label] = [key[column] for key in keys]
    return frame[frame["n"] > 0]


def by_operation(requests: Requests) -> pd.DataFrame:
    """Return a row for each service and operation, most requests first.

    Columns: service, operation, n, errors, the kinds of ERRORS, error_rate with error_rate_low and
    error_rate_high (95 % Wilson), mean, p50 … p99, max in milliseconds.
    """
    rows = requests.rows
    group, keys = _numbers(rows, ["service", "operation"])
    frame = pd.concat([keys, _figures(requests, group, len(keys))], axis=1)
    frame["error_rate"] = frame["errors"] / frame["n"]
    frame["error_rate_low"], frame["error_rate_high"] = wilson(frame["errors"], frame["n"])
    return frame.sort_values(["n", "service", "operation"], ascending=[False, True, True], ignore_index=True)


def over_time(requests: Requests, bucket: Bucket) -> dict[str, pd.DataFrame]:
    """Return, for each service (most requests first), a frame per bucket: n, errors, p50 … p99.

    In a bucket without requests counts are zero and the rest is a gap (NaN); ``error_rate`` is 0 to 1.
    """
    rows = requests.rows
    index = buckets.buckets(requests.start, requests.end, bucket, requests.zone)
    times, place = np.unique(rows["minute"].to_numpy(np.int64), return_inverse=True)
    floors = buckets.floor(buckets.local(times, requests.zone), bucket, requests.zone)
    number = index.get_indexer(floors).astype(np.int64)[place]
    result = {}
    for service in rows.groupby("service")["count"].sum().sort_values(ascending=False).index:
        group = np.where(rows["service"].to_numpy() == service, number, -1)
        frame = _figures(requests, group, len(index)).set_index(index)
        result[str(service)] = frame.assign(error_rate=frame["errors"] / frame["n"].where(frame["n"] > 0))
    return result


def _numbers(rows: pd.DataFrame, columns: list[str]) -> tuple[Ints, pd.DataFrame]:
    grouped = rows.groupby(columns, sort=True)
    keys = grouped.size().reset_index()[columns]
    return np.asarray(grouped.ngroup(), np.int64), keys


def _figures(requests: Requests, group: Ints, size: int) -> pd.DataFrame:
    """Return counts and percentiles of groups of rows; -1 leaves a row out."""
    rows, kept = requests.rows, group >= 0

    def sums(column: str) -> np.ndarray:
        return np.bincount(group[kept], rows[column].to_numpy(float)[kept], size)

    n = sums("count").astype(np.int64)
    kinds = {kind: sums(kind).astype(np.int64) for kind in ERRORS}
    least, most = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(least, group[kept], rows["min_ms"].to_numpy(float)[kept])
    np.maximum.at(most, group[kept], rows["max_ms"].to_numpy(float)[kept])
    counts = requests.sketch.table(group, size, sketch.WIDTH)
    points = sketch.quantiles(counts, list(PERCENTILES.values()), least, most)
    return pd.DataFrame(
        {
            "n": n,
            **kinds,
            "errors": sum(kinds.values()),
            "mean": sums("total_ms") / np.where(n > 0, n, np.nan),
        }
        | dict(zip(PERCENTILES, points.T, strict=True))
        | {"max": np.where(n > 0, most, np.nan)}
    )
