"""Where a field's value comes from and how it is treated: the tables of ``[fields]`` and the like."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.importing.amounts import Combination, Decimal, Unit
from core.importing.times import FORMS, check_pattern, parse_zone
from core.types import has_in_order

Scalar = str | int | float | bool
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_TREATMENTS = ("equals", "values", "split", "combine")
"""Ways to treat a cell: only one of them, except that ``combine`` may use ``split`` to separate items."""
_MATCHES = ("contains", "prefix", "glob")
_FURTHER = ("unit", "scale", "absolute", "ignore_case", *_MATCHES, "cut", "format", "zone")


def as_list(value: object) -> object:
    """Return a single cell as a list of one."""
    return [value] if isinstance(value, str | int | float) else value


def time_format(value: str) -> str:
    """Validate the form of a time.

    Raises:
        ValueError: it is neither a known name nor a pattern.
    """
    if value in FORMS:
        return value
    if "%" in value:
        check_pattern(value)
        return value
    raise ValueError(f"is not {', '.join(FORMS)} or a pattern such as %d.%m.%Y %H:%M")


def zone_name(value: str) -> str:
    """Validate the name of a zone, or an offset.

    Raises:
        ValueError: it is neither.
    """
    try:
        parse_zone(value)
    except ValueError:
        raise ValueError("is not an IANA time zone; for example Asia/Kolkata, or +05:30") from None
    return value


Texts = Annotated[tuple[str, ...], BeforeValidator(as_list)]
TimeFormat = Annotated[str, AfterValidator(time_format)]
ZoneOrOffset = Annotated[str, AfterValidator(zone_name)]


class Table(BaseModel):
    """A table of a mapping; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Value(Table):
    """Where a field's value comes from: a column, a template of columns, or a constant."""

    column: str | None = None
    template: str | None = None
    constant: Scalar | None = None
    null: Texts = ()
    equals: Texts = ()
    values: dict[str, Scalar] | None = None
    split: str | None = Field(default=None, min_length=1)
    combine: Combination | None = None
    unit: Unit | None = None
    scale: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    decimal: Decimal = "."
    absolute: bool = False
    ignore_case: bool = False
    contains: bool = False
    prefix: bool = False
    glob: bool = False
    cut: int | None = Field(default=None, ge=1)
    format: TimeFormat | None = None
    zone: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.column, self.template, self.constant)) != 1:
            raise ValueError("needs exactly one of column, template, constant")
        treated = [name for name in ("null", *_TREATMENTS) if getattr(self, name)]
        further = [name for name in _FURTHER if getattr(self, name)]
        if (treated or further) and self.constant is not None:
            raise ValueError(f"{[*treated, *further][0]} goes with column only")
        if len(set(treated) - {"null"}) > 1 and set(treated) - {"null"} != {"split", "combine"}:
            raise ValueError("takes only one of equals, values, split")
        matches = [name for name in _MATCHES if getattr(self, name)]
        if matches and self.values is None:
            raise ValueError(f"{matches[0]} goes with values only")
        if len(matches) > 1:
            raise ValueError(f"takes only one of {', '.join(_MATCHES)}")
        if self.ignore_case and self.values is None and not self.equals:
            raise ValueError("ignore_case goes with equals or values only")
        return self

    def columns(self) -> set[str]:
        """Return the columns it reads."""
        named = placeholders(self.template) if self.template is not None else set()
        return named | {name for name in (self.column, self.zone) if name is not None}


def placeholders(template: str) -> set[str]:
    """Return the names in braces."""
    return set(_PLACEHOLDER.findall(template))


def fill(template: str, value_of: Callable[[str], str]) -> str:
    """Return the template with every name in braces replaced by its value."""
    return _PLACEHOLDER.sub(lambda match: value_of(match[1]), template)


def treated(spec: Value, text: str) -> object:
    """Return a cell after ``equals``, ``values``, ``split`` and ``cut``; None for nothing.

    Raises:
        ValueError: ``values`` does not list it.
    """
    value = _treated(spec, text)
    return value[: spec.cut] if spec.cut is not None and isinstance(value, str) else value


def _treated(spec: Value, text: str) -> object:
    if spec.values is not None:
        mapped = _mapped(spec, spec.values, text)
        return None if mapped == "" else mapped
    if not text:
        return None
    if spec.equals:
        return text in spec.equals or (spec.ignore_case and text.casefold() in map(str.casefold, spec.equals))
    if spec.combine is not None or spec.split is not None:
        return [part.strip() for part in text.split(spec.split or ",") if part.strip()]
    return text


def _mapped(spec: Value, values: Mapping[str, Scalar], text: str) -> Scalar:
    mapped = values.get(text)
    if mapped is None and text and (spec.ignore_case or spec.contains or spec.prefix or spec.glob):
        mapped = _loosely(spec, values, text.casefold())
    if mapped is None:
        mapped = values.get("*") if text else ""
    if mapped is None:
        raise ValueError(f"{spec.column or spec.template} {text!r} is not one of {', '.join(values)}")
    return mapped


def _loosely(spec: Value, values: Mapping[str, Scalar], text: str) -> Scalar | None:
    """Return the value of the first key that matches the text, ignoring case."""
    for key, value in values.items():
        if key not in {"*", ""} and _fits(spec, key.casefold(), text):
            return value
    return None


def _fits(spec: Value, wanted: str, text: str) -> bool:
    if spec.contains:
        return wanted in text
    if spec.prefix:
        return text.startswith(wanted)
    return has_in_order(wanted.split("*"), text) if spec.glob else wanted == text
