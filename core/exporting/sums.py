"""The calls of a day as the sums behind counters and histograms, by a pure function of cells."""

import re
from collections import defaultdict
from collections.abc import Collection
from functools import cache, lru_cache

import numpy as np

from core.aggregation.rollups import sketch
from core.aggregation.rollups.cells import COMPONENTS, STORED, SUM, Cells, Ints
from core.exporting.catalogue import (
    CALLS,
    COST,
    ENDS,
    ERRORS,
    HISTOGRAMS,
    LANGUAGES,
    OF_COUNTS,
    OTHER,
    REASONS,
    UNKNOWN,
    Exported,
)
from core.models.definitions import DIMENSIONS
from core.privacy.masking import mask_text

Key = tuple[str, ...]
"""A metric's name and its label values; for a histogram, followed by the number of a bin, or TOTAL."""
Sums = dict[Key, float]
TOTAL = "sum"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.: /-]{0,63}")
"""Error types that may be used as a label; others would be free text."""
_DIRECTIONS, _STATUSES = ("inbound", "outbound"), ("completed", "failed", "no_answer")


def sums_of(cells: Cells) -> Sums:
    """Return what the calls of these cells add up to; only values above zero."""
    sums: defaultdict[Key, float] = defaultdict(float)
    _add_counts(sums, cells)
    errors, ends = cells.tallies["errors"], cells.tallies["ends"]
    for key, n in zip(errors.key.tolist(), errors.n.tolist(), strict=True):
        sums[ERRORS.name, error_label(errors.words[key][0])] += n
    for key, n in zip(ends.key.tolist(), ends.n.tolist(), strict=True):
        if reason := ends.words[key][0]:  # of other calls, it is only known whose fault it is
            sums[ENDS.name, _label(reason, REASONS)] += n
    for part, rupees in zip(COMPONENTS, cells.costs.sum(axis=0).tolist(), strict=True):
        sums[COST.name, part] += rupees
    languages, number = np.unique(_labels(cells, "language", LANGUAGES), return_inverse=True)
    for one in HISTOGRAMS:
        _add_histogram(sums, cells, one, languages.tolist(), number.astype(np.int64))
    return {key: value for key, value in sums.items() if value > 0}


def _add_counts(sums: defaultdict[Key, float], cells: Cells) -> None:
    directions = _labels(cells, "direction", _DIRECTIONS)
    languages = _labels(cells, "language", LANGUAGES)
    statuses = _labels(cells, "status", _STATUSES)
    columns = {count.key: cells.counts[:, number].tolist() for number, count in enumerate(STORED)}
    for cell, (direction, language, status) in enumerate(zip(directions, languages, statuses, strict=True)):
        sums[CALLS.name, direction, language, status] += columns[CALLS.of][cell]
        for one in OF_COUNTS:
            sums[one.name, direction, language] += columns[one.of][cell]


def _add_histogram(
    sums: defaultdict[Key, float], cells: Cells, one: Exported, languages: list[str], number: Ints
) -> None:
    tally, width = cells.tallies[one.of], len(one.bounds) + 1
    at = number[tally.cell] * width + bins_of(one)[tally.key]
    counts = np.bincount(at, tally.n, len(languages) * width).reshape(-1, width)
    totals = np.bincount(number, cells.spreads[one.of][:, SUM], len(languages)) * one.scale
    for language, row, total in zip(languages, counts.tolist(), totals.tolist(), strict=True):
        for place, n in enumerate(row):
            sums[one.name, language, str(place)] += n
        sums[one.name, language, TOTAL] += total


@cache
def bins_of(one: Exported) -> Ints:
    """Return the histogram bin of each sketch bucket; the last one is above all bounds.

    The bucket that contains a bound counts as below it. So a value equal to the bound is counted correctly,
    and one up to 2 % above it may be counted as below.
    """
    begins = sketch.edges() / sketch.GAMMA * one.scale
    return np.searchsorted(np.array(one.bounds), begins, side="right").astype(np.int64)


def _labels(cells: Cells, dimension: str, values: Collection[str]) -> list[str]:
    words = [_label(word, values) for word in cells.words]
    codes = cells.codes[:, [str(name) for name in DIMENSIONS].index(dimension)]
    return [words[code] for code in codes.tolist()]


def _label(word: str | None, values: Collection[str]) -> str:
    if not word:
        return UNKNOWN
    return word if word in values else OTHER


@lru_cache(maxsize=4_096)
def error_label(word: str | None) -> str:
    """Return the label for a type of error: its own name, unless that is free text or personal."""
    if not word:
        return UNKNOWN
    return word if _PLAIN.fullmatch(word) and mask_text(word) == word else OTHER
