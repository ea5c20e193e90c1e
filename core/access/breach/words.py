"""The report on a breach in words, and the two deadlines that follow from it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.access.breach.report import Breach
from core.settings import get_settings

CERT_IN_HOURS, BOARD_HOURS = 6, 72
_MOST_DAYS, _MOST_FIELDS = 62, 40
_NOT_IN_IT = (
    "  It has what came through dashboard, API and command line. Whoever asks MongoDB itself, or reads files",
    "  of DATA_DIR, a backup or a log, is not in it.",
)


def report_lines(
    found: Breach, since: datetime, until: datetime, noticed: datetime, actor: str | None = None
) -> Iterator[str]:
    """Yield the report line by line.

    Args:
        found: the report.
        since: start of the period that was asked about.
        until: its end, exclusive.
        noticed: when somebody became aware of the breach.
        actor: whose reads in that period it is about; None means the calls of that period.
    """
    what = "Data of the calls" if actor is None else f"Data of the calls that {actor} read or took"
    yield f"{what} from {_clock(since)} up to {_clock(until)}, {get_settings().timezone}"
    for heading, lines in (
        ("WHOSE", _whose(found)),
        ("WHICH FIELDS, in how many records (log lines are masked before they are stored)", _fields(found)),
        ("WHICH DAYS, with how many calls", _days(found)),
        ("WHO READ OR TOOK THEM, how often, by the audit log", _readers(found)),
        (f"CLOCKS, from {_clock(noticed)} on (facts, not legal advice)", clocks(noticed)),
    ):
        yield ""
        yield heading
        yield from lines


def _whose(found: Breach) -> Iterator[str]:
    tally = found.tally
    yield _count(tally.leads, "leads")
    archived = f", {tally.archived:,} of them in the archive" if tally.archived else ""
    yield _count(tally.calls, f"calls{archived}")
    if tally.nameless:
        yield _count(tally.nameless, "calls that name no lead")
    yield _count(found.turns, "turns")
    yield _count(found.log_lines, "log lines")
    if found.scope.unnamed:
        yield _count(
            found.scope.unnamed, "readings more, of which the audit log has a token of the lead alone"
        )


def _fields(found: Breach) -> Iterator[str]:
    for collection, counts in sorted(found.tally.fields.items()):
        named = counts.most_common(_MOST_FIELDS)
        yield from (_count(count, f"{collection}.{name}") for name, count in named)
        if len(counts) > len(named):
            yield f"           … and {len(counts) - len(named)} more of {collection}"


def _days(found: Breach) -> Iterator[str]:
    days = sorted(found.tally.days.items())
    yield from (_count(count, f"{day}") for day, count in days[:_MOST_DAYS])
    if len(days) > _MOST_DAYS:
        yield f"           … and {len(days) - _MOST_DAYS} more, up to {days[-1][0]}"


def _readers(found: Breach) -> Iterator[str]:
    for (actor, role, action), reads in sorted(found.reads.items()):
        when = f"{_clock(reads.first)} to {_clock(reads.last)}"
        yield _count(reads.times, f"{actor} ({role}): {action.replace('_', ' ')}, {when}")
    if not found.reads:
        yield "  nobody, as far as the log goes"
    yield f"  The log begins {_clock(found.audited_since)}." if found.audited_since else "  The log is empty."
    yield from _NOT_IN_IT


def clocks(noticed: datetime) -> Iterator[str]:
    """Yield the two Indian deadlines that start at a given time, as facts."""
    cert, board = (_clock(noticed + timedelta(hours=hours)) for hours in (CERT_IN_HOURS, BOARD_HOURS))
    yield f"  {cert}  CERT-In, directions of 28 April 2022: report an incident within 6 hours of noticing it"
    yield f"  {board}  Data Protection Board, DPDP Rules 2025, rule 7: in detail within 72 hours, a first"
    yield "                    word to it and to each person without delay (from 18 months after 13 Nov 2025)"


def _count(count: int, what: str) -> str:
    return f"  {count:>8,} {what}"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(get_settings().tz):%Y-%m-%d %H:%M}"
