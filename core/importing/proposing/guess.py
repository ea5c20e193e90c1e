"""Guess which column is which field of a call, and why."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from core.importing.amounts import parse_duration, parse_number
from core.importing.fields import KINDS, Kind, unit_of
from core.importing.proposing.forms import (
    are_times_of_day,
    form_of_days,
    form_of_times,
    is_ambiguous,
    moments,
    unit_by_ends,
    unit_by_size,
)
from core.importing.proposing.names import (
    CREATED,
    CURRENCIES,
    DIRECTIONS,
    HANGUPS,
    NAMES,
    PERSONAL,
    PRICES,
    STATUSES,
)
from core.importing.proposing.sample import Sample
from core.importing.reading.grid import plain_name as plain
from core.importing.times import NO_MOMENT
from core.models.metrics import ROUNDING_SECONDS

MOST_VALUES = 30
"""Most distinct values of a status column; one with more is something else."""
_BY_THEMSELVES = frozenset({"call_id", "status", "direction", "duration_seconds", "hangup_by"})
LONGEST = {"campaign": 128, "agent": 128}
_PATTERN = "for example %d-%b-%Y %H:%M"
_CURRENCY = re.compile(r"[A-Z]{3}")
_ASIDE = re.compile(r"\([^()]*\)")
_UNITS = (
    "milliseconds",
    "msec",
    "ms",
    "seconds",
    "secs",
    "sec",
    "minutes",
    "mins",
    "min",
    "hhmmss",
    "utc",
    "ist",
)
"""Endings of column names that are not part of the name."""
_FLAGS = frozenset({"true", "false", "yes", "no", "y", "n", "1", "0", "on", "off"})


@dataclass(frozen=True)
class Guess:
    """What fills a field: ``value`` as in the mapping, the column with an example cell, and why."""

    field: str
    value: Any
    reason: str
    column: str = ""
    cell: str = ""
    doubtful: bool = False
    """Return whether a person should check it, because it was only the best of poor choices."""


class Guesser:
    """Guesses what the columns of a sample mean."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._names = {column: _names_of(column) for column in sample.columns}
        self.guesses: list[Guess] = []

    def all(self) -> list[Guess]:
        """Return a guess for every field that can be recognised, in the order of a mapping."""
        self._start()
        self._end()
        self._call_id()
        self._chosen("status", STATUSES, "completed")
        self._chosen("direction", DIRECTIONS, "outbound")
        self._chosen("hangup_by", HANGUPS, None)
        self._duration()
        for field, kind in KINDS.items():
            if field in _BY_THEMSELVES or field not in NAMES or self._of(field) is not None:
                continue
            self._plain_field(field, kind)
        self._price()
        return self.guesses

    def _price(self) -> None:
        """Return what the line cost, if the file says in which currency."""
        prices, currencies = (
            [column for column, its in self._names.items() if its & {*names} and self._sample.cells(column)]
            for names in (PRICES, CURRENCIES)
        )
        for price in prices:
            cells = self._sample.cells(price)
            units = (one for one in currencies if all(map(_CURRENCY.fullmatch, self._sample.cells(one))))
            unit = next(units, "")
            if unit and _are_numbers(cells):
                signed = {"absolute": True} if any(cell.startswith("-") for cell in cells) else {}
                value = {"column": price, **signed} if signed else price
                reason = "a price, taken for that of the line; is it?"
                self._add("cost.telephony", value, reason, price, doubtful=True)
                self._add("cost.currency", unit, "in rupees once PRICES_FILE has the rate", unit)
                return

    def remarks(self) -> list[tuple[str, str]]:
        """Return the columns that no guess uses, each with a remark."""
        used = {guess.column for guess in self.guesses} | {
            value
            for guess in self.guesses
            if isinstance(guess.value, dict)
            for value in guess.value.values()
            if isinstance(value, str)
        }
        return [(column, _remark(column)) for column in self._sample.columns if column not in used]

    def _columns(self, field: str) -> list[str]:
        """Return the columns that may be a field, best name first, without those that are entirely empty."""
        named = [
            (NAMES[field].index(name), place, column)
            for place, (column, names) in enumerate(self._names.items())
            for name in names
            if name in NAMES[field]
        ]
        return [column for _, _, column in sorted(named) if self._sample.cells(column)]

    def _add(
        self, field: str, value: object, reason: str, column: str = "", *, doubtful: bool = False
    ) -> None:
        cell = next(iter(self._sample.cells(column)), "") if column else ""
        self.guesses.append(Guess(field, value, reason, column, cell, doubtful))

    def _start(self) -> None:
        for column in self._columns("start_time"):
            cells = self._sample.cells(column)
            if (day := form_of_days(cells)) is not None and not any(":" in cell for cell in cells):
                self._day_and_time(column, day)
                return
            if (form := form_of_times(cells)) is not None:
                value = {"column": column} | ({} if form == "iso" else {"format": form})
                reason = f"by its name; its cells are times in the form {form}"
                if other := self._created(column, form):
                    value["fallback"] = other
                    reason += f"; where it is empty, {other} has one"
                doubt = _day_first(cells, form)
                self._add("start_time", value, reason + doubt, column, doubtful=bool(doubt))
                return

    def unread_start(self) -> Guess:
        """Return the start to be completed by hand: its column if the name of one fits, else nothing."""
        if not (columns := self._columns("start_time")):
            missing = "no column found: name the column with the start"
            return Guess("start_time", {"column": ""}, missing, doubtful=True)
        column = columns[0]
        reason = (
            f"{column} looks like the start, but the form of its times is unknown: write format, {_PATTERN}"
        )
        value = {"column": column, "format": ""}
        return Guess("start_time", value, reason, column, self._sample.cells(column)[0], doubtful=True)

    def _created(self, start: str, form: str) -> str | None:
        """Return the column that says when a call was requested, if some calls have no start."""
        if all(self._sample.all_cells(start)):
            return None
        named = (column for column, names in self._names.items() if column != start and names & {*CREATED})
        return next((name for name in named if form_of_times(self._sample.cells(name)) == form), None)

    def _day_and_time(self, column: str, day: str) -> None:
        pattern = {} if day == "%Y-%m-%d" else {"date_format": day}
        doubt = _day_first(self._sample.cells(column), day)
        for other in self._columns("time_of_day"):
            if other != column and are_times_of_day(self._sample.cells(other)):
                value = {"date": column, **pattern, "time": other}
                reason = f"dates, with the time of day in {other}{doubt}"
                self._add("start_time", value, reason, column, doubtful=bool(doubt))
                return
        noon: dict[str, Any] = {"date": column, **pattern, "at": time(12)}
        unread = [other for other in self._columns("time_of_day") if other != column]
        times = f"dates, and {unread[0]} has no times of day" if unread else "dates without a time"
        self._add("start_time", noon, f"{times}: noon is assumed{doubt}", column, doubtful=True)

    def _end(self) -> None:
        start = self._of("start_time")
        for column in self._columns("end_time"):
            form = form_of_times(self._sample.cells(column))
            if form is not None and start is not None and column != start.column:
                value = {"column": column} | ({} if form == "iso" else {"format": form})
                self._add("end_time", value, f"by its name; its cells are times in the form {form}", column)
                return

    def _call_id(self) -> None:
        for column in self._columns("call_id"):
            cells = self._sample.cells(column)
            if len(cells) == len(self._sample.rows):
                once = len(set(cells)) == len(cells)
                reason = (
                    "by its name; each row has its own" if once else "by its name; some rows share one: legs?"
                )
                self._add("call_id", column, reason, column, doubtful=not once)
                return
        self._add(
            "call_id",
            {"template": "{file}-{line}"},
            "no column found: right only while no row is added or removed",
            doubtful=True,
        )

    def _chosen(self, field: str, words: dict[str, str], otherwise: str | None) -> None:
        """Return a field with few values: a column in which most cells are known words, else a constant."""
        for column in self._columns(field):
            cells = dict.fromkeys(self._sample.cells(column))
            known = {cell: words[plain(cell)] for cell in cells if plain(cell) in words}
            if not known or len(cells) > MOST_VALUES or len(known) * 2 < len(cells):
                continue
            if all(cell == value for cell, value in known.items()) and len(known) == len(cells):
                self._add(field, column, "by its name; its cells are the words of this project", column)
                return
            if otherwise is None:  # an optional field: a word for none is no reason to reject the row
                known |= {cell: "" for cell in cells if cell not in known and cell.lower() in NO_MOMENT}
            value = {"column": column, "ignore_case": True, "values": known}
            rest = [cell for cell in cells if cell not in known]
            reason = "by its name and the words in its cells"
            if rest:
                reason += f"; say what {', '.join(map(repr, rest[:5]))} means: until then, those are rejected"
            self._add(field, value, reason, column, doubtful=bool(rest))
            return
        if otherwise is not None:
            reason = f"not in any column: is every call {otherwise}?"
            self._add(field, {"constant": otherwise}, reason, doubtful=True)

    def _duration(self) -> None:
        start, end = self._of("start_time"), self._of("end_time")
        for column in self._columns("duration_seconds"):
            cells = self._sample.all_cells(column)
            spans = [_span(cell) for cell in cells]
            if not any(span is not None for span in spans):
                continue
            field = "duration_seconds"
            if start is not None and end is not None and "column" in start.value:
                told, lengths = self._spans_and_lengths(spans, start, end)
                unit, reason = unit_by_ends(told, lengths), "as start and end say"
                if unit is None:
                    continue
                if _is_talk(told, lengths):
                    field, reason = "talk_seconds", f"{reason}, and 0 where nobody answered"
            else:
                unit, reason = unit_by_size(column, [span for span in spans if span is not None])
            value = column if unit == "seconds" else {"column": column, "unit": unit}
            self._add(field, value, f"by its name; {unit}: {reason}", column)
            return

    def _spans_and_lengths(
        self, spans: Sequence[float | None], start: Guess, end: Guess
    ) -> tuple[list[float], list[float]]:
        starts = moments(self._sample.all_cells(start.column), start.value.get("format", "iso"))
        ends = moments(self._sample.all_cells(end.column), end.value.get("format", "iso"))
        told = [
            (span, (last - first).total_seconds())
            for span, first, last in zip(spans, starts, ends, strict=True)
            if span is not None and first is not None and last is not None and first.tzinfo == last.tzinfo
        ]
        return [span for span, _ in told], [length for _, length in told]

    def _plain_field(self, field: str, kind: Kind) -> None:
        for column in self._columns(field):
            cells = self._sample.cells(column)
            if not _are(kind, field, cells):
                continue
            longest = LONGEST.get(field)
            value: Any = column
            form = form_of_times(cells) if kind == "moment" else None
            if form not in {None, "iso"}:
                value = {"column": column, "format": form}
            elif longest and max(map(len, cells)) > longest:
                value = {"column": column, "cut": longest}
            self._add(field, value, "by its name", column)
            return

    def _of(self, field: str) -> Guess | None:
        return next((guess for guess in self.guesses if guess.field == field), None)


def _names_of(column: str) -> set[str]:
    """Return the names a column may have: with or without its parent's, with or without its unit."""
    last = column.rsplit(".", maxsplit=1)[-1]
    names = {plain(column), plain(last), plain(_ASIDE.sub("", last))}
    return names | {name.removesuffix(unit) for name in names for unit in _UNITS if name.endswith(unit)}


def _day_first(cells: Sequence[str], form: str) -> str:
    return "; day and month could be the other way round: check" if is_ambiguous(cells, form) else ""


def _is_talk(spans: Sequence[float], lengths: Sequence[float]) -> bool:
    """Return whether durations start at the answer.

    They are 0 for calls that took time but were not answered.
    """
    return any(span == 0 and length > ROUNDING_SECONDS for span, length in zip(spans, lengths, strict=True))


def _span(cell: str) -> float | None:
    try:
        return parse_duration(cell, "seconds")
    except ValueError:
        return None


def _are(kind: Kind, field: str, cells: Sequence[str]) -> bool:
    """Return whether cells can be what a field holds."""
    if kind == "moment":
        return form_of_times(cells) is not None
    if kind == "flag":
        return all(cell.lower() in _FLAGS for cell in cells)
    if kind == "span":
        return _are_spans(cells, field)
    return kind != "number" or _are_numbers(cells)


def _are_numbers(cells: Sequence[str]) -> bool:
    try:
        return all(isinstance(parse_number(cell), float) for cell in cells)
    except ValueError:
        return False


def _are_spans(cells: Sequence[str], field: str) -> bool:
    unit = unit_of(field) or "seconds"
    try:
        return all(parse_duration(cell, unit) >= 0 for cell in cells)
    except ValueError:
        return False


def _remark(column: str) -> str:
    name = plain(column)
    if name in PRICES or plain(column.rsplit(".", maxsplit=1)[-1]) in PRICES:
        return "a price: of what, in which currency? see [cost]"
    return "personal data?" if any(part in name for part in PERSONAL) else ""
