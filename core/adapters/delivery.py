"""What an adapter makes of one payload, and the description of a source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.models.calls.reports import CallReport, Role
from core.models.metrics import TurnMetrics

Headers = Mapping[str, str]
"""Headers of a request, by name in lower case."""


class RefusedDeliveryError(ValueError):
    """A payload from which no record can be made; the text says why, and names the field."""


@dataclass(frozen=True)
class Delivery:
    """What one payload says.

    ``unknown`` lists fields the adapter does not know, by dotted path; ``refused`` those with an invalid
    value, with the reason. Neither keeps the rest from being recorded. A payload that is not about a call has
    no reports, and names itself in ``event``.
    """

    event: str
    reports: tuple[CallReport, ...] = ()
    turns: tuple[TurnMetrics, ...] = ()
    live: Literal["started", "ended"] | None = None
    unknown: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A platform or carrier that posts to ``/hooks/{name}``.

    ``read`` is pure. ``secrets`` are keys of the payload, at any depth, whose values are never kept or
    logged. ``signed`` checks the vendor's own signature with the source's secret; None if the vendor does not
    sign, in which case the secret is part of the address. ``answer`` is the response body that the vendor
    expects.
    """

    name: str
    title: str
    role: Role
    read: Callable[[Mapping[str, Any]], Delivery]
    signed: "Callable[[Request, str], bool] | None" = None
    secrets: frozenset[str] = frozenset()
    answer: str = ""


@dataclass(frozen=True)
class Request:
    """A delivery as received, for signatures, which cover the bytes, the address or the form."""

    url: str
    headers: Headers
    body: bytes
    form: Mapping[str, str] = field(default_factory=dict)
