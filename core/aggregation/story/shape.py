"""The shape of a story: one sentence about a period, and its reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Reason:
    """A value of a field that explains part of a change: ``share`` of it, 0 to 1.

    ``calls`` are its bad ones.
    """

    field: str
    value: str
    share: float
    calls: int
    sentence: str


@dataclass(frozen=True)
class Story:
    """What happened in a period, compared with an earlier one.

    ``since`` and ``until`` limit the spell it is about; None if it began before the period, or lasts to its
    end. ``lost`` is in rupees, None if unknown. ``reasons`` are sorted, largest first.
    """

    normal: bool
    headline: str
    since: datetime | None = None
    lost: float | None = None
    reasons: tuple[Reason, ...] = ()
    until: datetime | None = None
    known: bool = True
    """Whether there were enough calls to say anything."""
    measure: str = ""
    """The key of the metric that moved; "" if none did."""
    limit_ms: float | None = None
    """For a latency: above this a call counts as slow."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Which calls it is about: a value of language, campaign or direction; empty means all."""
    calls: int = 0
    """The bad calls of the spell."""
