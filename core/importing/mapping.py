"""The mapping file: TOML that says which column of a file becomes which field of a call."""

import codecs
import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import date as Date  # noqa: N812 (StartTime has a key of that name)
from datetime import time as Time  # noqa: N812 (StartTime has a key of that name)
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from core.errors import UserError, one_line
from core.importing.amounts import Decimal, Unit
from core.importing.times import check_pattern
from core.models.definitions import COST_PARTS
from core.models.metrics import CallMetrics
from core.models.zone import ZoneName

OWN_TABLES = frozenset({"start_time", "end_time", "cost", "metadata"})
_NESTED = frozenset({"silences", "usage", "telephony", "links", "compliance"})
CALL_FIELDS = tuple(name for name in CallMetrics.model_fields if name not in OWN_TABLES | _NESTED)
REQUIRED_FIELDS = ("call_id", "status", "direction")
LINE = "line"
"""The placeholder that stands for the line number, unless the file has a column of that name."""

Scalar = str | int | float | bool
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


def _shorthand(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int | float) else value


def _time_format(value: str) -> str:
    if value in {"iso", "epoch", "epoch_ms", "time_of_day"}:
        return value
    if "%" in value:
        check_pattern(value)
        return value
    raise ValueError("is not iso, epoch, epoch_ms, time_of_day or a pattern such as %d.%m.%Y %H:%M")


def _date_format(value: str) -> str:
    check_pattern(value, date_only=True)
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
TimeFormat = Annotated[str, AfterValidator(_time_format)]
OneCharacter = Annotated[str, Field(pattern=r'^[^"\r\n]$')]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Source(_Table):
    """What the file is like."""

    format: Literal["csv", "jsonl"] = "csv"
    delimiter: OneCharacter = ","
    quoted: bool = True
    encoding: str = "utf-8"
    timezone: ZoneName | None = None
    columns: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    skip_lines: int = Field(default=0, ge=0, le=1_000)
    records: str | None = Field(default=None, min_length=1)
    legs: bool = False

    @model_validator(mode="after")
    def _fits_format(self) -> Self:
        if self.format == "jsonl" and (self.columns or self.skip_lines):
            raise ValueError(f"{'columns' if self.columns else 'skip_lines'} goes with format csv only")
        if self.format == "csv" and self.records:
            raise ValueError("records goes with format jsonl only")
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
        """The encoding to read with: UTF-8 may begin with a byte order mark."""
        return "utf-8-sig" if codecs.lookup(self.encoding).name == "utf-8" else self.encoding


class Value(_Table):
    """Where a field's value comes from: a column, a template of columns, or a constant."""

    column: str | None = None
    template: str | None = None
    constant: Scalar | None = None
    null: Texts = ()
    equals: Texts = ()
    values: dict[str, Scalar] | None = None
    split: str | None = Field(default=None, min_length=1)
    unit: Unit | None = None
    decimal: Decimal = "."
    absolute: bool = False
    ignore_case: bool = False
    contains: bool = False
    cut: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.column, self.template, self.constant)) != 1:
            raise ValueError("needs exactly one of column, template, constant")
        treated = [name for name in ("null", "equals", "values", "split") if getattr(self, name)]
        further = [
            name for name in ("unit", "absolute", "ignore_case", "contains", "cut") if getattr(self, name)
        ]
        if (treated or further) and self.column is None:
            raise ValueError(f"{[*treated, *further][0]} goes with column only")
        if len(set(treated) - {"null"}) > 1:
            raise ValueError("takes only one of equals, values, split")
        if self.contains and self.values is None:
            raise ValueError("contains goes with values only")
        if self.ignore_case and self.values is None and not self.equals:
            raise ValueError("ignore_case goes with equals or values only")
        return self

    def columns(self) -> set[str]:
        """The columns it reads."""
        if self.template is not None:
            return placeholders(self.template)
        return {self.column} if self.column is not None else set()


class StartTime(_Table):
    """When the call began: one column, or a date and a time of day."""

    column: str | None = None
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
        if self.format == "time_of_day":
            raise ValueError("format time_of_day is for end_time; here name date and time")
        return self

    def columns(self) -> set[str]:
        """The columns it reads."""
        names = (self.column, self.date, self.day, self.month, self.year, self.time, self.zone)
        return {name for name in names if name is not None}


class EndTime(_Table):
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
        """The columns it reads."""
        return self.moments() | ({self.zone} if self.zone else set())

    def moments(self) -> set[str]:
        """The columns with times."""
        return {*self.latest} if self.column is None else {self.column}


class Drop(_Table):
    """Rows that are no calls: rejected, with the reason given."""

    column: str
    equals: Texts = Field(min_length=1)
    reason: str = Field(min_length=1)


ValueOrColumn = Annotated[Value, BeforeValidator(_shorthand)]
StartOrColumn = Annotated[StartTime, BeforeValidator(_shorthand)]
EndOrColumn = Annotated[EndTime, BeforeValidator(_shorthand)]


class Mapping(_Table):
    """A whole mapping file."""

    source: Source = Source()
    start_time: StartOrColumn
    end_time: EndOrColumn | None = None
    fields: dict[str, ValueOrColumn]
    cost: dict[Annotated[str, Field(pattern=rf"^({'|'.join(COST_PARTS)})$")], ValueOrColumn] = Field(
        default_factory=dict
    )
    metadata: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], ValueOrColumn] = Field(
        default_factory=dict
    )
    drop: tuple[Drop, ...] = ()

    @field_validator("cost", "metadata")
    @classmethod
    def _no_spans(cls, value: dict[str, Value]) -> dict[str, Value]:
        for name, spec in value.items():
            if spec.unit:
                raise ValueError(f"{name} is no span of time and takes no unit")
        return value

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, value: dict[str, Value]) -> dict[str, Value]:
        for name, spec in value.items():
            if spec.unit and not name.endswith(("_seconds", "_ms")):
                raise ValueError(f"{name} is no span of time and takes no unit")
            if name in OWN_TABLES:
                raise ValueError(f"{name} is a table of its own, [{name}], not a key of [fields]")
            if name not in CALL_FIELDS:
                raise ValueError(f"{name} is not a field of a call; the fields are {', '.join(CALL_FIELDS)}")
        missing = [name for name in REQUIRED_FIELDS if name not in value]
        if missing:
            raise ValueError(f"{missing[0]} is missing; every call needs {', '.join(REQUIRED_FIELDS)}")
        return value

    def columns(self) -> set[str]:
        """Every column the mapping reads, the line number's placeholder among them."""
        return {name for part in self._parts() for name in part.columns()} | {
            rule.column for rule in self.drop
        }

    def _parts(self) -> Iterator[Value | StartTime | EndTime]:
        yield self.start_time
        if self.end_time is not None:
            yield self.end_time
        yield from self.fields.values()
        yield from self.cost.values()
        yield from self.metadata.values()


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises:
        UserError: it is absent, not TOML, or has a key or value that cannot be used.
    """
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise UserError(f"{path}: {_describe(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise UserError(f"the mapping {path} cannot be read: {error.strerror}") from None


def _describe(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        return f"{'.'.join(str(part) for part in first['loc'])} is not a known key"
    return one_line(error)


def placeholders(template: str) -> set[str]:
    """The names in braces."""
    return set(_PLACEHOLDER.findall(template))


def fill(template: str, value_of: Callable[[str], str]) -> str:
    """The template with every name in braces replaced by its value."""
    return _PLACEHOLDER.sub(lambda match: value_of(match[1]), template)
