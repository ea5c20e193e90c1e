"""How values spread: frames for histograms, made from a frame of calls by pure functions."""

import numpy as np
import pandas as pd

_NICE_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_BINS = 40
SENTIMENT_BIN = 0.05


def duration_histogram(calls: pd.DataFrame) -> pd.DataFrame:
    """Calls by duration: start and end of each bin in seconds, and n.

    Bins are equally wide, at most 40 up to the 99th percentile; the last one holds all longer calls.
    """
    seconds = calls["duration_seconds"].dropna().to_numpy(dtype=float)
    if not len(seconds):
        return pd.DataFrame({"start": [], "end": [], "n": []})
    long = float(np.quantile(seconds, 0.99, method="inverted_cdf"))
    width = next((nice for nice in _NICE_SECONDS if long / nice <= _MOST_BINS), long / _MOST_BINS)
    last = int(long // width)
    counts = np.bincount(np.minimum(seconds // width, last).astype("int64"), minlength=last + 1)
    starts = np.arange(last + 1) * width
    ends = np.append(starts[1:], max(float(seconds.max()), starts[-1] + width))
    return pd.DataFrame({"start": starts, "end": ends, "n": counts})


def sentiment_histogram(calls: pd.DataFrame) -> pd.DataFrame:
    """Calls by sentiment score from -1 to 1: start and end of each bin of 0.05, and n."""
    scores = calls["sentiment_score"].dropna().to_numpy(dtype=float)
    edges = np.round(np.arange(-1, 1 + SENTIMENT_BIN / 2, SENTIMENT_BIN), 2)
    counts, _ = np.histogram(scores, edges)
    return pd.DataFrame({"start": edges[:-1], "end": edges[1:], "n": counts})
