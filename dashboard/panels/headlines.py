"""The headline of each chart: one sentence on what it shows."""

from collections.abc import Sequence

import pandas as pd

from core.aggregation.rollups.buckets import Bucket
from core.models.definitions import Reference, Unit
from core.models.metrics import CallSummary, Percentiles
from core.types import counted
from dashboard import formats
from dashboard.charts.time_series import WEEKDAYS, bucket_words


def moment(at: pd.Timestamp, bucket: Bucket) -> str:
    """Return a bucket in words: ``Tue 24 Nov 11:00``, ``24 Nov 2026``."""
    if bucket in {"1D", "1W", "1MS"}:
        return formats.day(at.date())
    return f"{at:%a %-d %b %H:%M}"


def busiest(frame: pd.DataFrame, bucket: Bucket) -> str:
    """Return the bucket with the most calls."""
    totals = frame.sum(axis=1).to_numpy()
    at = pd.DatetimeIndex(frame.index)[int(totals.argmax())]
    return f"Busiest {bucket_words(bucket)}: {moment(at, bucket)} with {counted(int(totals.max()), 'call')}"


def slow(frame: pd.DataFrame, spread: Percentiles, bucket: Bucket, references: Sequence[Reference]) -> str:
    """Return how often each percentile exceeded its reference; without references, p95."""
    if not references:
        return f"p95 {formats.number(spread.p95, 'ms')} · {coverage(spread)}"
    word = bucket_words(bucket)
    parts: list[str] = []
    for reference in references:
        value, limit = (
            formats.number(ms, "ms") for ms in (getattr(spread, reference.percentile), reference.value)
        )
        over = int((frame[reference.percentile] > reference.value).sum())
        times = f"{word}s" if word.isalpha() else f"intervals of {word}"
        of = f"{over} of {int(frame[reference.percentile].notna().sum())} {times}"
        parts.append(f"{reference.percentile} {value}, over {limit} in {of}")
    return " · ".join([*parts, coverage(spread)])


def coverage(spread: Percentiles) -> str:
    """Return how many calls have the value."""
    share = "" if spread.coverage == 1 else f" ({formats.number(spread.coverage, 'share')} of calls)"
    return f"n {spread.n:,}{share}"


def spread_of(spread: Percentiles, unit: Unit) -> str:
    """Return median, 95th percentile and maximum."""
    return (
        f"Half the calls are below {formats.number(spread.p50, unit)}, 95 % below "
        f"{formats.number(spread.p95, unit)} · longest {formats.number(spread.max, unit)} "
        f"· {coverage(spread)}"
    )


def mood(summary: CallSummary) -> str:
    """Return mean sentiment and the shares of negative, neutral and positive calls."""
    counts = summary.sentiment
    n = counts.negative + counts.neutral + counts.positive
    return (
        f"Mean {formats.number(counts.mean, 'score')} · negative {counts.negative / n:.1%}, "
        f"neutral {counts.neutral / n:.1%}, positive {counts.positive / n:.1%} · n {n:,}"
    ).replace("%", " %")


def busiest_hour(hours: pd.DataFrame) -> str:
    """Return the hour of the week with the most calls."""
    counts = hours.to_numpy()
    weekday, hour = divmod(int(counts.argmax()), counts.shape[1])
    calls = counted(int(counts.max()), "call")
    return f"Busiest: {WEEKDAYS[weekday]} {hour:02d}:00 to {hour:02d}:59 with {calls}"


def furthest_apart(rates: dict[str, pd.DataFrame], labels: dict[str, str]) -> str:
    """Return the largest significant difference between rows of frames with ``rate``, ``low``, ``high``."""
    best, words = 0.0, "No significant differences"
    for name, frame in rates.items():
        there = frame[frame["rate"].notna()]
        if len(there) < 2:  # noqa: PLR2004 (nothing to compare)
            continue
        values = there["rate"].to_numpy()
        low, high = int(values.argmin()), int(values.argmax())
        apart = float(there["low"].iloc[high] - there["high"].iloc[low])
        if apart > best:
            best = apart
            words = " against ".join(
                f"{formats.plain(labels[str(there.index[at])])} {formats.number(values[at], 'share')}"
                for at in (low, high)
            )
            words = f"{name}: {words}"
    return words
