"""Which calls a breach is about: those of certain days, or those that somebody read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo.database import Database

from core.access.audit.entries import READS, Action, Entry
from core.access.audit.reading import Wanted, entries
from core.clock import to_utc
from core.types import Document, Period

TAKES_ALL = frozenset({Action.BACKED_UP})
"""Actions after which somebody has everything."""
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_CALL = frozenset({Action.VIEWED_CALL, Action.DECRYPTED})


@dataclass(frozen=True)
class Scope:
    """Calls that began in one of the periods, plus the calls with these ids."""

    periods: tuple[Period, ...]
    calls: tuple[str, ...] = ()
    unnamed: int = 0
    """Reads that the log knows only by a token, so that the lead cannot be told."""

    def overlaps(self, period: Period) -> bool:
        """Return whether part of a period is in scope."""
        return any(start < period[1] and end > period[0] for start, end in self.periods)


def of_days(since: datetime, until: datetime) -> Scope:
    """Return the calls that began in [since, until)."""
    return Scope(((since, until),))


def read_by(database: Database[Document], actor: str, since: datetime, until: datetime) -> Scope:
    """Return the calls that somebody read or took in [since, until), according to the audit log.

    A list or an export counts as all calls of its days, whatever filters it had.

    Raises:
        PyMongoError: the database does not answer.
    """
    periods: list[Period] = []
    calls: dict[str, None] = {}
    unnamed = 0
    for entry in entries(database, Wanted(actor=actor, since=since, until=until)):
        if entry.action in TAKES_ALL:
            periods.append((_EVER, entry.at))
        elif entry.action not in READS:
            continue
        elif (period := period_of(entry)) is not None:
            periods.append(period)
        elif entry.action in _ONE_CALL and not entry.subject.startswith(("call:", "lead:")):
            calls[entry.subject] = None
        elif entry.action != Action.EXPORTED:  # an export of figures, or of something that identifies nobody
            unnamed += 1
    return Scope(tuple(merged(periods)), tuple(calls), unnamed)


def period_of(entry: Entry) -> Period | None:
    """Return the days of a list or an export; None if it has none."""
    try:
        start, end = (to_utc(datetime.fromisoformat(str(entry.about[name]))) for name in ("since", "until"))
    except (KeyError, ValueError, OverflowError):
        return None
    return start, end


def merged(periods: Iterable[Period]) -> list[Period]:
    """Return the same time in as few periods as possible, earliest first."""
    found: list[Period] = []
    for start, end in sorted(periods):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
