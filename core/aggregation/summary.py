"""From a frame of calls to the figures of the period: pure functions."""

import numpy as np
import pandas as pd

from core.aggregation.definitions import NEGATIVE_BELOW, PERCENTILES, POSITIVE_ABOVE
from core.models.metrics import CallSummary, Percentiles, SentimentCounts


def rate(part: int, whole: int) -> float | None:
    """``part`` ÷ ``whole``, 0 to 1; None where there is nothing to divide by."""
    return part / whole if whole else None


def percentiles(values: pd.Series) -> Percentiles:
    """Distribution of the values that are there, exact (numpy's ``inverted_cdf``)."""
    present = values.dropna().to_numpy(dtype=float)
    coverage = rate(len(present), len(values))
    if not len(present):
        return Percentiles(n=0, coverage=coverage)
    points = np.quantile(present, list(PERCENTILES.values()), method="inverted_cdf")
    return Percentiles(
        n=len(present),
        coverage=coverage,
        mean=float(present.mean()),
        max=float(present.max()),
        **dict(zip(PERCENTILES, map(float, points), strict=True)),
    )


def sentiment(scores: pd.Series) -> SentimentCounts:
    """Calls by sentiment; calls without a score are left out."""
    present = scores.dropna()
    negative = int((present < NEGATIVE_BELOW).sum())
    positive = int((present > POSITIVE_ABOVE).sum())
    return SentimentCounts(
        negative=negative,
        neutral=len(present) - negative - positive,
        positive=positive,
        mean=float(present.mean()) if len(present) else None,
    )


def summarise(calls: pd.DataFrame) -> CallSummary:
    """The figures of a frame from ``load_calls``; metrics.METRICS says what each one means."""
    status = calls["status"].value_counts()
    direction = calls["direction"].value_counts()
    completed = int(status.get("completed", 0))
    failed = int(status.get("failed", 0))
    no_answer = int(status.get("no_answer", 0))
    in_completed = calls[calls["status"] == "completed"]
    qualified = int(in_completed["qualification_completed"].sum())
    handoffs = int(in_completed["handoff_triggered"].sum())
    errors = int(calls["has_error"].sum())
    total = len(calls)
    return CallSummary(
        total_calls=total,
        inbound_calls=int(direction.get("inbound", 0)),
        outbound_calls=int(direction.get("outbound", 0)),
        completed_calls=completed,
        failed_calls=failed,
        no_answer_calls=no_answer,
        qualified_calls=qualified,
        handoff_calls=handoffs,
        error_calls=errors,
        qualification_rate=rate(qualified, completed),
        handoff_rate=rate(handoffs, completed),
        error_rate=rate(errors, total),
        failure_rate=rate(failed, total),
        answer_rate=rate(total - no_answer, total),
        duration_seconds=percentiles(calls["duration_seconds"]),
        asr_latency_ms=percentiles(calls["asr_latency_ms"]),
        tts_latency_ms=percentiles(calls["tts_latency_ms"]),
        sentiment=sentiment(calls["sentiment_score"]),
        languages={str(name): int(count) for name, count in calls["language"].value_counts().items()},
    )
