"""A mapping for a file that has none: a ready-made one if it fits, else a guessed one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.errors import UserError
from core.importing.convert import Converter, RowDroppedError, RowRejectedError
from core.importing.mapping import EndTime, Mapping, StartTime, load_mapping, parse_mapping
from core.importing.proposing.draft import draft
from core.importing.proposing.guess import Guess, Guesser
from core.importing.proposing.sample import MOST_ROWS, Sample, take_sample
from core.importing.reading.files import Part
from core.importing.reading.rows import Row
from core.importing.reading.table import open_table, unused_columns
from core.importing.values import Value
from core.models.metrics import CallMetrics
from core.settings import get_settings

READY = Path(__file__).resolve().parents[3] / "docs" / "mappings"
"""Mappings that ship with the project; none if it is installed without its documents."""
_FITS, _KNOWN = 0.8, 0.5
"""To fit, a ready-made mapping must read this share of rows, and the file have this share of its columns."""


@dataclass(frozen=True)
class Proposal:
    """A proposed mapping, as TOML, and its effect on the first rows."""

    text: str
    guesses: tuple[Guess, ...]
    unused: tuple[tuple[str, str], ...]
    first: CallMetrics | None
    problem: str
    """Return why the first rejected row is not a call; empty if all are calls."""
    valid: int
    rows: int
    ready: Path | None = None
    """The ready-made mapping it is a copy of."""

    @property
    def can_be_used(self) -> bool:
        """Return whether it makes a call of at least one row."""
        return self.first is not None


@dataclass
class _Trial:
    """The result of converting rows."""

    first: CallMetrics | None = None
    problem: str = ""
    valid: int = 0
    dropped: int = 0


def _made(
    text: str,
    guesses: Sequence[Guess],
    remarks: Sequence[tuple[str, str]],
    trial: _Trial,
    rows: int,
    ready: Path | None = None,
) -> Proposal:
    return Proposal(
        text, tuple(guesses), tuple(remarks), trial.first, trial.problem, trial.valid, rows, ready
    )


def propose(part: Part) -> Proposal:
    """Propose a mapping for a file.

    Raises:
        UserError: the file cannot be read, or contains no table.
    """
    return _ready_made(part) or _guessed(take_sample(part))


def _guessed(sample: Sample) -> Proposal:
    guesser = Guesser(sample)
    guesses = guesser.all()
    remarks = tuple(guesser.remarks())
    zone = get_settings().timezone
    if not any(guess.field == "start_time" for guess in guesses):
        start = guesser.unread_start()
        remarks = tuple(remark for remark in remarks if remark[0] != start.column)
        text = draft(sample.part.path.name, sample.source, [start, *guesses], zone)
        return Proposal(text, (start, *guesses), remarks, None, start.reason, 0, len(sample.rows))
    text = draft(sample.part.path.name, sample.source, guesses, zone)
    mapping = parse_mapping(text, "the proposed mapping")
    trial = _tried(sample.rows, mapping, sample.part)
    return _made(text, guesses, remarks, trial, len(sample.rows))


def _tried(rows: tuple[Row, ...], mapping: Mapping, part: Part) -> _Trial:
    """Return what a mapping makes of rows."""
    converter = Converter(mapping, part.name)
    trial = _Trial()
    for row in rows:
        try:
            call = converter.convert(row).call
        except RowRejectedError as error:
            trial.dropped += isinstance(error, RowDroppedError)
            trial.problem = trial.problem or f"line {row.line}: {error}"
        else:
            trial.valid += 1
            trial.first = trial.first or call
    return trial


def _ready_made(part: Part) -> Proposal | None:
    """Return the ready-made mapping that fits the file best; None if none fits."""
    found = [fit for path in sorted(READY.glob("*.toml")) if (fit := _fitting(path, part)) is not None]
    return max(found, key=lambda fit: fit[0])[1] if found else None


def _fitting(path: Path, part: Part) -> tuple[int, Proposal] | None:
    try:
        mapping = load_mapping(path)
        with open_table(part, mapping.source, mapping.columns(), mapping.needed()) as table:
            rows = tuple(islice(table, MOST_ROWS))
            columns = list(table.columns)
    except (UserError, OSError):
        return None
    needed = {name for field in ("call_id", "status") for name in mapping.fields[field].columns()}
    wanted = mapping.columns()
    unused = unused_columns(columns, wanted)
    known = sum(any(name in (row.cells or {}) for row in rows) for name in wanted)
    trial = _tried(rows, mapping, part)
    fits = trial.valid > 0 and trial.valid + trial.dropped >= len(rows) * _FITS
    if not rows or not needed <= set(columns) or not fits or known < len(wanted) * _KNOWN:
        return None
    text = (
        f"# Proposed for {part.path.name}: it has the columns for which {path.name} was made.\n"
        + path.read_text(encoding="utf-8")
    )
    guesses = tuple(_as_guess(name, spec, rows, path.name) for name, spec in _specs(mapping))
    remarks = tuple((name, "") for name in unused)
    return known, _made(text, guesses, remarks, trial, len(rows), path)


def _specs(mapping: Mapping) -> Iterator[tuple[str, Value | StartTime | EndTime]]:
    yield "start_time", mapping.start_time
    if mapping.end_time is not None:
        yield "end_time", mapping.end_time
    yield from mapping.fields.items()
    for table, parts in mapping.tables.items():
        yield from ((f"{table}.{name}", spec) for name, spec in parts.items())
    yield from ((f"metadata.{name}", spec) for name, spec in mapping.metadata.items())


def _as_guess(name: str, spec: Value | StartTime | EndTime, rows: tuple[Row, ...], source: str) -> Guess:
    """Return a line of a ready-made mapping as if it had been guessed, with a cell of the file."""
    value = spec.model_dump(exclude_defaults=True)
    column = spec.column or next(iter(sorted(spec.columns())), "")
    cells = ((row.cells or {}).get(column, "") for row in rows)
    return Guess(name, value, f"so in {source}", column, next(filter(None, cells), ""))
