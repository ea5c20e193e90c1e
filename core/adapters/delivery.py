"""What an adapter makes of one payload, and how a source of payloads is described."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.models.calls.reports import CallReport, Role
from core.models.metrics import TurnMetrics

Headers = Mapping[str, str]
"""Of a request, by name in lower case."""


class RefusedDeliveryError(ValueError):
    """A payload that no record can be made of; the text says why, and names the field."""


@dataclass(frozen=True)
class Delivery:
    """What one payload says.

    ``unknown`` are its fields that the adapter knows nothing of, by dotted path, and ``refused`` those with a
    value that cannot be used, with the reason. Neither keeps the rest from being recorded. A payload that
    is none of our business has no reports, and says in ``event`` what it was.
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
    logged. ``signed``: checks the vendor's own signature with the source's secret; None where the vendor
    signs nothing, and the secret has to stand in the address. ``answer`` is the body that the vendor waits
    for.
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
    """A delivery as it came: for signatures, which are made over the bytes, the address or the form."""

    url: str
    headers: Headers
    body: bytes
    form: Mapping[str, str] = field(default_factory=dict)
