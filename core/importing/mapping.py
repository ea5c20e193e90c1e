"""The mapping file: TOML that says which column of a file becomes which field of a call."""

import codecs
from collections.abc import Iterator
from datetime import date as Date  # noqa: N812 (StartTime has a key of that name)
from datetime import time as Time  # noqa: N812 (StartTime has a key of that name)
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from core.errors import UserError, one_line
from core.files import parse_toml, read_toml
from core.importing.fields import KINDS, OWN_TABLES, REQUIRED_FIELDS, TABLES, Kind
from core.importing.times import check_pattern
from core.importing.values import Table, Texts, TimeFormat, Value, ZoneOrOffset

LINE, FILE = "line", "file"
"""Placeholders for the line number and the file's name, unless the file has a column of that name."""


def _shorthand(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _date_format(value: str) -> str:
    check_pattern(value, date_only=True)
    return value


Delimiter = Annotated[str, Field(pattern=r'^[^"\r\n]{1,3}$')]
OneCharacter = Annotated[str, Field(pattern=r'^[^"\r\n]$')]
Name = Annotated[str, Field(min_length=1)]
GRIDS = ("csv", "xlsx")


class Source(Table):
    """What the file is like; the format is detected if left out."""

    format: Literal["csv", "json", "jsonl", "xlsx", "parquet"] | None = None
    delimiter: Delimiter = ","
    quoted: bool = True
    escape: OneCharacter | None = None
    encoding: str = "utf-8"
    timezone: ZoneOrOffset | None = None
    columns: tuple[Name, ...] = ()
    skip_lines: int = Field(default=0, ge=0, le=1_000)
    sheet: Name | None = None
    records: Name | None = None
    loose_names: bool = False
    optional: bool = False
    legs: bool = False

    @model_validator(mode="after")
    def _fits_format(self) -> Self:
        for name, formats in (
            ("columns", GRIDS),
            ("skip_lines", GRIDS),
            ("sheet", ("xlsx",)),
            ("escape", ("csv",)),
            ("loose_names", GRIDS),
            ("records", ("json", "jsonl")),
        ):
            if getattr(self, name) and self.format not in {None, *formats}:
                raise ValueError(f"{name} goes with format {' or '.join(formats)} only")
        return self

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            "".encode(value)
        except (LookupError, ValueError):
            raise ValueError("is not a known encoding; for example utf-8 or cp1252") from None
        return value

    @property
    def codec(self) -> str:
        """Return the encoding to read with; UTF-8 may begin with a byte order mark."""
        return "utf-8-sig" if codecs.lookup(self.encoding).name == "utf-8" else self.encoding


class StartTime(Table):
    """When the call began: one column, or a date and a time of day."""

    column: str | None = None
    fallback: str | None = None
    format: TimeFormat = "iso"
    date: str | None = None
    date_format: Annotated[str, AfterValidator(_date_format)] = "%Y-%m-%d"
    day: str | None = None
    month: str | None = None
    year: str | None = None
    first_year: int | None = Field(default=None, ge=1970, le=9998)
    on: Date | None = None
    time: str | None = None
    at: Time | None = None
    zone: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        split = self.day is not None or self.month is not None
        if sum((self.column is not None, self.date is not None, self.on is not None, split)) != 1:
            raise ValueError("needs exactly one of column, date, or day and month")
        if split and (self.day is None or self.month is None):
            raise ValueError("needs both day and month")
        if split != ((self.year is not None) != (self.first_year is not None)):
            raise ValueError("day and month go with exactly one of year, first_year")
        if (self.column is None) != ((self.time is not None) != (self.at is not None)):
            raise ValueError("a date goes with exactly one of time, at; a column with neither")
        if self.fallback is not None and self.column is None:
            raise ValueError("fallback goes with column only")
        if self.format == "time_of_day":
            raise ValueError("format time_of_day is for end_time; here name date and time")
        return self

    def columns(self) -> set[str]:
        """Return the columns it reads."""
        days = (self.date, self.day, self.month, self.year)
        names = (self.column, self.fallback, *days, self.time, self.zone)
        return {name for name in names if name is not None}


class EndTime(Table):
    """When the call ended: one column, or the latest of several."""

    column: str | None = None
    latest: Texts = ()
    format: TimeFormat = "iso"
    zero_is_never: Texts = ()
    zone: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.column is None) == (not self.latest):
            raise ValueError("needs exactly one of column, latest")
        stray = sorted(set(self.zero_is_never) - self.moments())
        if stray:
            raise ValueError(f"zero_is_never names {stray[0]}, which is not among its columns")
        return self

    def columns(self) -> set[str]:
        """Return the columns it reads."""
        return self.moments() | ({self.zone} if self.zone else set())

    def moments(self) -> set[str]:
        """Return the columns with times."""
        return {*self.latest} if self.column is None else {self.column}


class Drop(Table):
    """Rows that are not calls: rejected with the given reason."""

    column: str
    equals: Texts = Field(min_length=1)
    reason: str = Field(min_length=1)


ValueOrColumn = Annotated[Value, BeforeValidator(_shorthand)]
StartOrColumn = Annotated[StartTime, BeforeValidator(_shorthand)]
EndOrColumn = Annotated[EndTime, BeforeValidator(_shorthand)]
_NEEDS: tuple[tuple[str, tuple[Kind, ...], str], ...] = (
    ("unit", ("span",), "is no span of time and takes no unit"),
    ("scale", ("number", "cost"), "is no amount and takes no scale"),
    ("combine", ("number", "span", "cost"), "is no number and takes no combine"),
    ("format", ("moment",), "is no time and takes no format"),
    ("zone", ("moment",), "is no time and takes no zone"),
)
"""Keys that affect only certain kinds of fields, and the message for other fields."""


def _check_kind(name: str, spec: Value, kind: Kind) -> None:
    for key, kinds, complaint in _NEEDS:
        if getattr(spec, key) is not None and kind not in kinds:
            hint = "; use unit" if key == "scale" and kind == "span" else ""
            raise ValueError(f"{name} {complaint}{hint}")
    if spec.format == "time_of_day":
        raise ValueError(f"{name}: format time_of_day is for end_time")


class Mapping(Table):
    """A whole mapping file."""

    source: Source = Source()
    start_time: StartOrColumn
    end_time: EndOrColumn | None = None
    fields: dict[str, ValueOrColumn]
    tables: dict[str, dict[str, ValueOrColumn]] = Field(default_factory=dict)
    """Return ``[cost]`` and the other parts of a call that are objects, each by name."""
    metadata: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], ValueOrColumn] = Field(
        default_factory=dict
    )
    drop: tuple[Drop, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        if "tables" in value:
            raise ValueError("tables is not a known key")
        tables = {name: value[name] for name in TABLES if name in value}
        return {name: one for name, one in value.items() if name not in TABLES} | {"tables": tables}

    @field_validator("tables")
    @classmethod
    def _known_parts(cls, value: dict[str, dict[str, Value]]) -> dict[str, dict[str, Value]]:
        for table, parts in value.items():
            for name, spec in parts.items():
                if name not in TABLES[table]:
                    raise ValueError(f"{table} has no {name}; it has {', '.join(TABLES[table])}")
                _check_kind(f"{table}.{name}", spec, TABLES[table][name])
        return value

    @field_validator("metadata")
    @classmethod
    def _texts(cls, value: dict[str, Value]) -> dict[str, Value]:
        for name, spec in value.items():
            _check_kind(name, spec, "text")
        return value

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, value: dict[str, Value]) -> dict[str, Value]:
        for name, spec in value.items():
            if name in OWN_TABLES:
                raise ValueError(f"{name} is a table of its own, [{name}], not a key of [fields]")
            if name not in KINDS:
                raise ValueError(f"{name} is not a field of a call; the fields are {', '.join(KINDS)}")
            _check_kind(name, spec, KINDS[name])
        missing = [name for name in REQUIRED_FIELDS if name not in value]
        if missing:
            raise ValueError(f"{missing[0]} is missing; every call needs {', '.join(REQUIRED_FIELDS)}")
        return value

    def columns(self) -> set[str]:
        """Return every column the mapping reads, including placeholders for line and file."""
        return {name for part in self._parts() for name in part.columns()} | {
            rule.column for rule in self.drop
        }

    def needed(self) -> set[str]:
        """Return the columns without which it is the wrong file: all, or those that every call has."""
        if not self.source.optional:
            return self.columns()
        start = self.start_time.columns() - {self.start_time.fallback}
        return start.union(*(self.fields[name].columns() for name in REQUIRED_FIELDS))

    def _parts(self) -> Iterator[Value | StartTime | EndTime]:
        yield self.start_time
        if self.end_time is not None:
            yield self.end_time
        yield from self.fields.values()
        for parts in self.tables.values():
            yield from parts.values()
        yield from self.metadata.values()


def load_mapping(path: Path) -> Mapping:
    """Load a mapping file.

    Raises:
        UserError: it is missing, not TOML, or has an invalid key or value.
    """
    return _checked(read_toml(path, f"the mapping {path}"), path)


def parse_mapping(text: str, label: str) -> Mapping:
    """Parse the text of a mapping; ``label`` names it in messages.

    Raises:
        UserError: it is not TOML, or has an invalid key or value.
    """
    return _checked(parse_toml(text, label), label)


def _checked(content: dict[str, Any], label: object) -> Mapping:
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{label}: {_describe(error)}") from None


def _describe(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        return f"{'.'.join(str(part) for part in first['loc'] if part != 'tables')} is not a known key"
    return one_line(error).removeprefix("tables.").removeprefix("tables: ")
