"""Calls as plain columns, which rules look at again and again, without the overhead of a data frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.aggregation.rollups.call_frames import TimeField
from core.aggregation.rollups.cells import Floats
from core.aggregation.rollups.conditions import Bools, mask
from core.models.definitions import COUNTS
from core.models.rule_metrics import RULE_METRICS
from core.models.rules import LABELS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TIMES: tuple[TimeField, ...] = ("start_time", "end_time")
_NUMBERS = tuple(
    dict.fromkeys(
        field
        for metric in RULE_METRICS.values()
        if (metric.statistic or metric.per) and not metric.of_requests
        for field in metric.fields
    )
)
Column = NDArray[Any]


@dataclass(frozen=True)
class CallColumns:
    """Columns of equal length; ``words`` gives the meaning of each label's codes, '' is no value."""

    columns: dict[str, Column]
    words: dict[str, list[str]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "CallColumns":
        """Return it from a frame of ``load_calls``, with whatever columns that has."""
        columns: dict[str, Column] = {name: milliseconds(frame[name]) for name in _TIMES}
        columns |= {name: _numbers(frame[name]) for name in _NUMBERS if name in frame}
        columns["call_id"] = frame["call_id"].to_numpy(dtype=object)
        words: dict[str, list[str]] = {}
        for label in (label for label in LABELS if label in frame):
            texts = frame[label].astype(object).where(frame[label].notna(), "")
            codes, values = pd.factorize(texts)
            columns[label], words[label] = codes.astype(np.int64), [str(value) for value in values]
        made = cls(columns, words)
        return cls(columns | _flags(made, frame), words)

    def __len__(self) -> int:
        return len(self.columns["start_time"])

    def ordered(self, by: TimeField) -> "CallColumns":
        """Return the same calls in order of a time."""
        return self.at(np.argsort(self.columns[by], kind="stable"))

    def at(self, rows: "Column | slice") -> "CallColumns":
        """Return the calls of these rows."""
        return CallColumns({name: column[rows] for name, column in self.columns.items()}, self.words)

    def between(self, start: datetime, end: datetime, by: TimeField) -> "CallColumns":
        """Return the calls of [start, end); they must be in order of that time."""
        bounds = [instant(start), instant(end)]
        first, last = self.columns[by].searchsorted(bounds)
        return self.at(slice(int(first), int(last)))

    def is_(self, label: str, value: str) -> Column:
        """Return which calls have that value of a label."""
        known = self.words[label]
        code = known.index(value) if value in known else -1
        return np.asarray(self.columns[label] == code)

    def groups(self, labels: Sequence[str]) -> Iterator[tuple[dict[str, str], "CallColumns"]]:
        """Return the calls by their values of these labels, in the given order of labels."""
        if not len(self):
            return
        codes = np.stack([self.columns[label] for label in labels])
        order = np.lexsort(codes[::-1])
        arranged, codes = self.at(order), codes[:, order]
        breaks = np.flatnonzero((codes[:, 1:] != codes[:, :-1]).any(axis=0)) + 1
        firsts = [0, *breaks.tolist()]
        found = [
            (
                {label: self.words[label][code] for label, code in zip(labels, codes[:, first], strict=True)},
                arranged.at(slice(first, last)),
            )
            for first, last in zip(firsts, [*firsts[1:], len(self)], strict=True)
        ]
        yield from sorted(found, key=lambda group: list(group[0].values()))


@dataclass(frozen=True)
class _FrameColumns:
    """A frame of ``load_calls`` as :class:`core.aggregation.rollups.conditions.Columns`."""

    frame: pd.DataFrame
    calls: CallColumns

    def __len__(self) -> int:
        return len(self.frame)

    def matches(self, field: str, value: str) -> Bools:
        """Return which calls have this text in a field."""
        return self.calls.is_(field, value) if field in self.calls.words else _same(self.frame[field], value)

    def true(self, field: str) -> Bools:
        """Return where a flag is set."""
        return self.frame[field].to_numpy(dtype=bool)

    def number(self, field: str) -> Floats:
        """Return a number of each call; NaN if unknown."""
        known = self.calls.columns.get(field)
        return _numbers(self.frame[field]) if known is None else known


def _same(texts: "pd.Series[Any]", value: str) -> Bools:
    return texts.eq(value).fillna(value=False).to_numpy(dtype=bool)


def _flags(calls: CallColumns, frame: pd.DataFrame) -> dict[str, Column]:
    """Return which calls each count includes, by its key."""
    columns = _FrameColumns(frame, calls)
    counted = {
        key: count
        for key, count in COUNTS.items()
        if count.shown and count.total_of is None and count.fields <= set(frame)
    }
    return {key: mask(count.where, columns) for key, count in counted.items()}


def _numbers(values: "pd.Series[Any]") -> NDArray[np.float64]:
    return values.to_numpy(dtype=float, na_value=np.nan)


def milliseconds(times: "pd.Series[Any]") -> NDArray[np.int64]:
    """Return times as milliseconds since 1970; a missing one is before all others."""
    naive = times.dt.tz_convert(None).to_numpy().astype("datetime64[ms]")
    numbers: NDArray[np.int64] = naive.astype(np.int64)  # NaT is the smallest number
    return numbers


def instant(moment: datetime) -> int:
    """Return a time as milliseconds since 1970, rounded down as MongoDB does."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_of(number: int) -> datetime:
    """Return the time of this many milliseconds since 1970."""
    return _EPOCH + int(number) * _MILLISECOND
