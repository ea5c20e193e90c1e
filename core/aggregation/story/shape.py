"""What a story is: one sentence about a period, and the reasons for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Reason:
    """A value of a field that explains part of a change: ``share``, 0 to 1; ``calls`` are its bad ones."""

    field: str
    value: str
    share: float
    calls: int
    sentence: str


@dataclass(frozen=True)
class Story:
    """What happened in a period, against an earlier one.

    ``since`` and ``until`` bound the spell that is told of: None where it began before the period, or lasts
    to its end. ``lost`` is in rupees, None where it is not known. ``reasons``: largest first.
    """

    normal: bool
    headline: str
    since: datetime | None = None
    lost: float | None = None
    reasons: tuple[Reason, ...] = ()
    until: datetime | None = None
    known: bool = True
    """Whether there were enough calls to tell."""
    measure: str = ""
    """The key of the metric that moved; "" where none did."""
    limit_ms: float | None = None
    """Of a latency: above this a call counts as slow."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Which calls it is about: a value of language, campaign or direction; empty means all."""
    calls: int = 0
    """The bad calls of the spell."""
